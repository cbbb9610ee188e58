package layer

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// fileStatus is what the system says of a file.
type fileStatus struct {
	typ    Type
	socket bool // then typ is Fifo
	odd    bool // it has no type that is known; typ says nothing

	mode         int64 // permission, set-id and sticky bits
	uid, gid     int64
	size, blocks int64 // in bytes, and in blocks of 512 bytes
	sec, changed int64 // of modification, and of the last change of anything, in seconds since 1970
	nsec         uint32
	changedNsec  uint32
	major, minor int64
	dev, ino     uint64
	links        uint64
	mount        uint64 // number of the mount that it lies in; 0 if that is not known
}

// The bits of a mode that say of what type a file is, as all Unixes have them.
const (
	modeType   = 0o170000
	modeSocket = 0o140000
)

var modeTypes = map[uint32]Type{
	0o100000: File, 0o040000: Dir, 0o120000: Symlink, 0o020000: Char, 0o060000: Block, 0o010000: Fifo, modeSocket: Fifo,
}

// setMode takes a mode as the system has it apart.
func (s *fileStatus) setMode(mode uint32) {
	typ, known := modeTypes[mode&modeType]
	s.typ, s.odd, s.socket = typ, !known, mode&modeType == modeSocket
	s.mode = int64(mode & 0o7777)
}

// inode returns the inode of a file that several names may share. Directories have
// one name; of overlay's whiteouts (character devices 0/0), which the kernel links to
// each other, each says something of its own.
func (s *fileStatus) inode() (inode, bool) {
	whiteout := s.typ == Char && s.major == 0 && s.minor == 0
	return inode{s.dev, s.ino}, s.ino != 0 && s.typ != Dir && !whiteout
}

// state sums up what changes whenever a file's content does: which file it is, its
// size, and the times of change, of which nobody can set the last.
func (s *fileStatus) state() uint64 {
	var b []byte
	for _, v := range [...]uint64{
		s.dev, s.ino, uint64(s.size), uint64(s.typ), uint64(s.sec), uint64(s.nsec), uint64(s.changed), uint64(s.changedNsec),
	} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return xxh3.Hash(b)
}

// sameFile reports whether two statuses are of one file.
func (s *fileStatus) sameFile(other *fileStatus) bool {
	return s.dev == other.dev && s.ino == other.ino && s.typ == other.typ
}

// elsewhere reports whether a file lies in another mount than the one whose root has
// the status root. Where the system does not number mounts, directories are told by
// the device; other files are not, since overlayfs gives them devices of their own.
func (s *fileStatus) elsewhere(root *fileStatus) bool {
	if s.mount != 0 && root.mount != 0 {
		return s.mount != root.mount
	}
	return s.typ == Dir && s.dev != root.dev
}

// fileStates are the states of files by the index of their entries, in blocks as
// Entries are: they grow without being copied.
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

// of returns the state of entry i; false if there is none.
func (s fileStates) of(i int) (uint64, bool) {
	if i/recordsPerBlock >= len(s) || s[i/recordsPerBlock] == nil {
		return 0, false
	}
	return s[i/recordsPerBlock][i%recordsPerBlock], true
}
