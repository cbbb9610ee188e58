package layer

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// fileStatus is the system's information about a file.
type fileStatus struct {
	typ    Type
	socket bool // typ is then Fifo
	odd    bool // unknown type; typ is meaningless

	mode         int64 // permission, set-id and sticky bits
	uid, gid     int64
	size, blocks int64 // in bytes, and in blocks of 512 bytes
	sec, changed int64 // modification time and change time, in seconds since 1970
	nsec         uint32
	changedNsec  uint32
	major, minor int64
	dev, ino     uint64
	links        uint64
	mount        uint64 // number of its mount; 0 if unknown
}

// The type bits of a mode, which are the same in all Unix systems.
const (
	modeType   = 0o170000
	modeSocket = 0o140000
)

var modeTypes = map[uint32]Type{
	0o100000: File, 0o040000: Dir, 0o120000: Symlink, 0o020000: Char, 0o060000: Block, 0o010000: Fifo, modeSocket: Fifo,
}

// setMode splits the system's mode.
func (s *fileStatus) setMode(mode uint32) {
	typ, known := modeTypes[mode&modeType]
	s.typ, s.odd, s.socket = typ, !known, mode&modeType == modeSocket
	s.mode = int64(mode & 0o7777)
}

// inode returns the inode of a file that may have several names. Directories have one name.
// Overlay's whiteouts (character devices 0/0) are excluded: the kernel hard-links them, but each
// has its own meaning.
func (s *fileStatus) inode() (inode, bool) {
	whiteout := s.typ == Char && s.major == 0 && s.minor == 0
	return inode{s.dev, s.ino}, s.ino != 0 && s.typ != Dir && !whiteout
}

// state hashes what changes with a file's content: its identity, its size, and its modification
// and change times, the latter of which nobody can set.
func (s *fileStatus) state() uint64 {
	var b []byte
	for _, v := range [...]uint64{
		s.dev, s.ino, uint64(s.size), uint64(s.typ), uint64(s.sec), uint64(s.nsec), uint64(s.changed), uint64(s.changedNsec),
	} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return xxh3.Hash(b)
}

// sameFile reports whether two statuses belong to one file.
func (s *fileStatus) sameFile(other *fileStatus) bool {
	return s.dev == other.dev && s.ino == other.ino && s.typ == other.typ
}

// elsewhere reports whether a file is on another mount than the root with status root. If the
// system does not number mounts, it compares the devices of directories; other files are skipped,
// because overlayfs gives them separate devices.
func (s *fileStatus) elsewhere(root *fileStatus) bool {
	if s.mount != 0 && root.mount != 0 {
		return s.mount != root.mount
	}
	return s.typ == Dir && s.dev != root.dev
}

// fileStates are the states of files by entry index, in blocks like Entries, so that growing
// copies nothing.
type fileStates [][]uint64

func (s *fileStates) set(i int, state uint64) {
	for len(*s) <= i/recordsPerBlock {
		*s = append(*s, nil)
	}
	block := &(*s)[i/recordsPerBlock]
	if *block == nil {
		*block = make([]uint64, recordsPerBlock)
	}
	(*block)[i%recordsPerBlock] = state
}

// of returns the state of entry i, if any.
func (s fileStates) of(i int) (uint64, bool) {
	if i/recordsPerBlock >= len(s) || s[i/recordsPerBlock] == nil {
		return 0, false
	}
	return s[i/recordsPerBlock][i%recordsPerBlock], true
}
