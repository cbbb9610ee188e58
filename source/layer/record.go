package layer

// A Record describes one file independently of its source: the header of a tar,
// a file in a folder, a line of a table of contents. Entries are made from
// records.
type Record struct {
	Name, Link   []byte // as stored: the name may be "./a", "/a" or "a/"; Link is the target of a symlink or hard link
	Type         Type
	Mode         int64 // permission, set-id and sticky bits; others are ignored
	UID, GID     int64
	Size         int64 // bytes of content for a reader; 0 unless a File
	Stored       int64 // bytes of content in the layer, without holes
	Sec          int64 // modification time, in seconds since 1970
	Nsec         uint32
	Major, Minor int64 // device numbers
	Xattrs       map[string]string
	Sparse       bool
	Offset       int64 // start of the content in the uncompressed layer; for a sparse file, its first header
}
