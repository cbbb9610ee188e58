package analyze

import (
	"bytes"
)

// The markers that layers are made with.
// Source: OCI image-spec, layer.md, "Whiteouts"; AUFS's own names begin alike.
const (
	whiteoutPrefix = ".wh."
	aufsPrefix     = ".wh..wh."
	opaqueMarker   = ".wh..wh..opq"
)

// pathKind is what the name of an entry makes of it.
type pathKind uint8

const (
	pathPlain     pathKind = iota
	pathWhiteout           // hides the path, its last component being without the prefix
	pathOpaque             // hides what lies below the path
	pathAUFS               // bookkeeping of AUFS, not part of the filesystem
	pathMalformed          // a whiteout of nothing, or something inside of a whiteout
)

// splitPath takes an entry's name apart into the components of its path, which
// replace those in parts. climbed says that it led out of the root with "..",
// and was kept inside.
func splitPath(name []byte, parts [][]byte) (_ [][]byte, climbed bool) {
	parts = parts[:0]
	for len(name) > 0 {
		var part []byte
		if i := bytes.IndexByte(name, '/'); i >= 0 {
			part, name = name[:i], name[i+1:]
		} else {
			part, name = name, nil
		}
		switch {
		case len(part) == 0 || len(part) == 1 && part[0] == '.':
		case len(part) == 2 && part[0] == '.' && part[1] == '.':
			if len(parts) == 0 {
				climbed = true
			} else {
				parts = parts[:len(parts)-1]
			}
		default:
			parts = append(parts, part)
		}
	}
	return parts, climbed
}

// kindOf tells what the components of an entry's path make of it, and of a
// whiteout the components of what it hides.
func kindOf(parts [][]byte) (pathKind, [][]byte) {
	if len(parts) == 0 {
		return pathPlain, parts
	}
	last := parts[len(parts)-1]
	for i, part := range parts {
		if len(part) < len(whiteoutPrefix) || string(part[:len(whiteoutPrefix)]) != whiteoutPrefix {
			continue
		}
		switch isLast := i == len(parts)-1; {
		case isLast && string(last) == opaqueMarker:
			return pathOpaque, parts[:len(parts)-1]
		case bytes.HasPrefix(part, []byte(aufsPrefix)):
			return pathAUFS, parts
		case !isLast:
			return pathMalformed, parts
		}
		hidden := last[len(whiteoutPrefix):]
		if len(hidden) == 0 || string(hidden) == "." || string(hidden) == ".." {
			return pathMalformed, parts
		}
		parts[len(parts)-1] = hidden
		return pathWhiteout, parts
	}
	return pathPlain, parts
}

// mayBeMarker is a cheap test that is true of every name kindOf finds special.
func mayBeMarker(name []byte) bool { return bytes.Contains(name, []byte(whiteoutPrefix)) }

func joinPath(parts [][]byte) string { return "/" + string(bytes.Join(parts, []byte("/"))) }

// cleanPath makes a stored name an absolute path.
func cleanPath(name string) string {
	parts, _ := splitPath([]byte(name), nil)
	return joinPath(parts)
}
