//go:build unix

package engine

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// socketOwners returns the owner of a socket and the group that may use it (""
// if only the owner may). A user without a name is given by number. It is false
// if the socket can't be inspected.
func socketOwners(path string) (owner, group string, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return "", "", false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", "", false
	}
	owner = strconv.FormatUint(uint64(stat.Uid), 10)
	if u, err := user.LookupId(owner); err == nil {
		owner = u.Username
	}
	const groupWrites = 0o020
	if info.Mode().Perm()&groupWrites != 0 {
		group = strconv.FormatUint(uint64(stat.Gid), 10)
		if g, err := user.LookupGroupId(group); err == nil {
			group = g.Name
		}
	}
	return owner, group, true
}
