package analyze

import (
	"bytes"
)

// The markers in layers. Source: OCI image-spec, layer.md, "Whiteouts"; AUFS's own names start in
// the same way.
const (
	whiteoutPrefix = ".wh."
	aufsPrefix     = ".wh..wh."
	opaqueMarker   = ".wh..wh..opq"
)

// pathKind is the meaning of an entry's name.
type pathKind uint8

const (
	pathPlain     pathKind = iota
	pathWhiteout           // hides the path, whose last component has lost its prefix
	pathOpaque             // hides everything below the path
	pathAUFS               // bookkeeping of AUFS, not part of the filesystem
	pathMalformed          // a whiteout without a name, or something below a whiteout
)

// splitPath splits an entry's name into path components, which replace those in
// parts. climbed reports whether ".." led above the root, and was ignored
// there.
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

// kindOf returns the kind of an entry's path and, for a whiteout, the components of the hidden
// path.
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

// mayBeMarker is a cheap test that is true for every name that kindOf treats specially.
func mayBeMarker(name []byte) bool { return bytes.Contains(name, []byte(whiteoutPrefix)) }

func joinPath(parts [][]byte) string { return "/" + string(bytes.Join(parts, []byte("/"))) }

// cleanPath converts a stored name to an absolute path.
func cleanPath(name string) string {
	parts, _ := splitPath([]byte(name), nil)
	return joinPath(parts)
}
