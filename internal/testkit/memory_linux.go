package testkit

import "syscall"

// memoryFolder returns a folder in memory where tests can put files and run programs, or "" if
// the machine has none with a gigabyte to spare.
func memoryFolder() string {
	const dir, tmpfs, noExec, room = "/dev/shm", 0x01021994, 0x8, 1 << 30
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil || s.Type != tmpfs || s.Flags&noExec != 0 ||
		s.Bavail*uint64(s.Bsize) < room || syscall.Access(dir, 7) != nil {
		return ""
	}
	return dir
}
