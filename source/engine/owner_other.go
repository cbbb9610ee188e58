//go:build !unix

package engine

// socketOwners is only supported on unix.
func socketOwners(string) (owner, group string, ok bool) { return "", "", false }
