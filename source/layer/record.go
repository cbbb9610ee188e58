package layer

// A Record is what any store of files says of one of them, in neutral form: the
// header of a tar, a file in a folder, a line of a table of contents. Entries are
// made of records.
type Record struct {
	Name, Link   []byte // as stored: "./a", "/a" and "a/" are all possible; the target of a symlink or hard link
	Type         Type
	Mode         int64 // permission, set-id and sticky bits; others are ignored
	UID, GID     int64
	Size         int64 // bytes of content that a reader sees; 0 unless a File
	Stored       int64 // bytes of content in the layer, without holes
	Sec          int64 // modification time, in seconds since 1970
	Nsec         uint32
	Major, Minor int64 // device numbers
	Xattrs       map[string]string
	Sparse       bool
	Offset       int64 // where the content begins in the uncompressed layer; of a sparse file, its first header
}
