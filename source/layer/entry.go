package layer

import "time"

// Type is the kind of an entry.
type Type uint8

// The kinds of entries. A whiteout is stored as some kind of file; telling it
// from one is for who builds the tree.
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

// String returns the kind as it is written in JSON: "file", "dir", "symlink",
// "hardlink", "char", "block" or "fifo".
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown"
}

// An Entry is one tar member of a layer, as stored.
type Entry struct {
	Name   string // as stored: "./a", "/a", "a/" are all possible
	Link   string // target of a symlink or hard link, as stored
	Type   Type
	Mode   uint32 // permission, set-id and sticky bits: 07777 at most
	UID    int64
	GID    int64
	Time   time.Time // modification time
	Size   int64     // bytes of content that a reader sees (a sparse file's with its holes); 0 unless a File
	Stored int64     // bytes of content in the tar (a sparse file's without its holes); 0 unless a File
	Major  int64     // device numbers
	Minor  int64
	Xattrs map[string]string // extended attributes by name; nil if none

	Sum    uint64 // of the content, valid if Summed
	Summed bool
	Kind   SumKind // of Sum
}
