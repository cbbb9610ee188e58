package source

import "strings"

// PathOf returns the file or folder that a reference names, without its tag. ok is false for an
// image of an engine, for standard input, for a folder with unrelated files, and if the file does
// not exist.
func PathOf(ref string) (path string, ok bool) {
	if k, rest := kindOf(ref); k != nil {
		if rest == "" || strings.HasSuffix(k.prefix, "://") || k.prefix == dirPrefix && !isDirectoryTransport(rest) {
			return "", false
		}
		ref = rest
	}
	path, _, err := splitTag(ref)
	return path, err == nil
}
