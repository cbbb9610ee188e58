//go:build !unix

package engine

// socketOwners is not known outside unix.
func socketOwners(string) (owner, group string, ok bool) { return "", "", false }
