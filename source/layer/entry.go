package layer

import "time"

// Type is the type of an entry.
type Type uint8

// The types of entries. A whiteout is stored as a file; the code that builds the tree recognizes
// it.
const (
	File Type = iota
	Dir
	Symlink
	Hardlink
	Char
	Block
	Fifo
)

var typeNames = [...]string{"file", "dir", "symlink", "hardlink", "char", "block", "fifo"}

// String returns the type as written in JSON: "file", "dir", "symlink", "hardlink", "char",
// "block" or "fifo".
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown"
}

// An Entry is one tar member of a layer, as stored.
type Entry struct {
	Name   string // as stored: may be "./a", "/a" or "a/"
	Link   string // target of a symlink or hard link, as stored
	Type   Type
	Mode   uint32 // permission, set-id and sticky bits: at most 07777
	UID    int64
	GID    int64
	Time   time.Time // modification time
	Size   int64     // bytes of content for a reader (including the holes of a sparse file); 0 unless a File
	Stored int64     // bytes of content in the tar (without the holes of a sparse file); 0 unless a File
	Major  int64     // device numbers
	Minor  int64
	Xattrs map[string]string // extended attributes by name; nil if none

	Sum    uint64 // of the content, valid if Summed
	Summed bool
	Kind   SumKind // of Sum
}
