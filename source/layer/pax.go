package layer

import (
	"bytes"
	"errors"
	"maps"
	"strconv"
	"strings"
)

// paxRecords are the relevant records of an extended header.
type paxRecords struct {
	values map[string]string // path, linkpath, size, uid, gid, mtime, GNU.sparse.*
	xattrs map[string]string
	map00  []string // GNU sparse 0.0: offset, length, offset, length ...
}

const (
	paxXattr  = "SCHILY.xattr."
	paxSparse = "GNU.sparse."
)

var errPAX = errors.New("malformed PAX header")

// parsePAX parses an extended header: records of the form "LENGTH KEY=VALUE\n",
// where LENGTH counts the whole record (POSIX.1-2001, pax). A later record
// replaces an earlier one with the same key.
func parsePAX(body []byte) (*paxRecords, error) {
	p := &paxRecords{values: map[string]string{}}
	for len(body) > 0 {
		key, value, rest, ok := paxRecord(body)
		if !ok {
			return nil, errPAX
		}
		body = rest
		switch {
		case key == paxSparse+"offset", key == paxSparse+"numbytes":
			// The only keys that repeat: pairs in order.
			if (len(p.map00)%2 == 0) != (key == paxSparse+"offset") || strings.Contains(value, ",") {
				return nil, errPAX
			}
			p.map00 = append(p.map00, value)
		case strings.HasPrefix(key, paxXattr):
			if p.xattrs == nil {
				p.xattrs = map[string]string{}
			}
			p.xattrs[key[len(paxXattr):]] = value
		default:
			p.values[key] = value
		}
	}
	return p, nil
}

func paxRecord(body []byte) (key, value string, rest []byte, ok bool) {
	space := bytes.IndexByte(body, ' ')
	if space < 0 {
		return "", "", nil, false
	}
	n, err := strconv.ParseInt(string(body[:space]), 10, 32)
	if err != nil || n < int64(space)+3 || n > int64(len(body)) || body[n-1] != '\n' {
		return "", "", nil, false
	}
	record, rest := string(body[space+1:n-1]), body[n:]
	key, value, found := strings.Cut(record, "=")
	if !found || key == "" {
		return "", "", nil, false
	}
	switch key {
	case "path", "linkpath", "uname", "gname":
		ok = !strings.Contains(value, "\x00")
	default:
		ok = !strings.Contains(key, "\x00")
	}
	return key, value, rest, ok
}

// merge overrides the fields of the tar header with the records. An empty value does not
// override.
func (p *paxRecords) merge(h *Header) error {
	for key, value := range p.values {
		if value == "" {
			continue
		}
		ok := true
		switch key {
		case "path":
			h.Name = append(h.Name[:0], value...)
		case "linkpath":
			h.Link = append(h.Link[:0], value...)
		case "size":
			h.Size, ok = decimal(value)
		case "uid":
			h.UID, ok = decimal(value)
		case "gid":
			h.GID, ok = decimal(value)
		case "mtime":
			h.Sec, h.Nsec, ok = paxTime(value)
		case "atime", "ctime":
			_, _, ok = paxTime(value)
		}
		if !ok {
			return errPAX
		}
	}
	if len(p.xattrs) > 0 {
		h.Xattrs = maps.Clone(p.xattrs)
	}
	return nil
}

func decimal(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
