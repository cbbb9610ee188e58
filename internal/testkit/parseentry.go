package testkit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

var typeFlags = map[string]byte{
	"file": '0', "hardlink": '1', "symlink": '2', "char": '3', "block": '4', "dir": '5', "fifo": '6',
	"global": 'g', "raw": 'R',
}

var defaultModes = map[byte]int64{'2': 0o777, '5': 0o755}

// entry parses the words of an entry's line.
func entry(words []word) (Entry, error) {
	e := Entry{Type: typeFlags[words[0].text], Mode: 0o644, Time: DefaultTime}
	if e.Type == 0 {
		return e, fmt.Errorf("unknown kind of entry %q", words[0].text)
	}
	if mode, ok := defaultModes[e.Type]; ok {
		e.Mode = mode
	}
	var plain []word
	for _, w := range words[1:] {
		if w.key == "" {
			plain = append(plain, w)
			continue
		}
		if err := e.set(w.key, w.text); err != nil {
			return e, fmt.Errorf("%s: %w", w.key, err)
		}
	}
	var flags []word
	for _, w := range plain {
		switch {
		case w.text == "base256" && !w.quoted:
			e.Base256 = true
		case w.text == "badsum" && !w.quoted:
			e.BadSum = true
		default:
			flags = append(flags, w)
		}
	}
	return e, e.words(flags)
}

// words parses the words before the attributes: the name, and those that the kind requires.
func (e *Entry) words(w []word) error {
	if e.Type == 'g' {
		return nil
	}
	if len(w) == 0 {
		return fmt.Errorf("no name")
	}
	if e.Type == 'R' {
		e.Raw = []byte(w[0].text)
		return nil
	}
	e.Name = w[0].text
	rest := w[1:]
	switch e.Type {
	case '0':
		if len(rest) == 0 {
			return nil
		}
		if rest[0].quoted {
			e.Text, e.Size = rest[0].text, int64(len(rest[0].text))
			return nil
		}
		var err error
		e.Size, err = strconv.ParseInt(rest[0].text, 10, 64)
		return err
	case '1', '2':
		if len(rest) != 2 || rest[0].text != "->" {
			return fmt.Errorf("want: NAME -> TARGET")
		}
		e.Link = rest[1].text
	case '3', '4':
		if len(rest) != 1 {
			return fmt.Errorf("want: NAME MAJOR:MINOR")
		}
		_, err := fmt.Sscanf(rest[0].text, "%d:%d", &e.Major, &e.Minor)
		return err
	default:
		if len(rest) != 0 {
			return fmt.Errorf("too many words")
		}
	}
	return nil
}

// set parses one attribute.
func (e *Entry) set(key, value string) (err error) {
	if name, ok := strings.CutPrefix(key, "xattr:"); ok {
		if e.Xattrs == nil {
			e.Xattrs = map[string]string{}
		}
		e.Xattrs[name] = value
		return nil
	}
	name, ok := strings.CutPrefix(key, "pax:")
	if ok || e.Type == 'g' {
		if e.PAX == nil {
			e.PAX = map[string]string{}
		}
		e.PAX[name] = value
		return nil
	}
	switch key {
	case "mode":
		e.Mode, err = strconv.ParseInt(value, 8, 64)
	case "uid":
		e.UID, err = strconv.ParseInt(value, 10, 64)
	case "gid":
		e.GID, err = strconv.ParseInt(value, 10, 64)
	case "uname":
		e.Uname = value
	case "gname":
		e.Gname = value
	case "mtime":
		e.Time, err = unixTime(value)
	case "seed":
		e.Seed = value
	case "as":
		e.Dialect = value
	case "sparse":
		e.Sparse = value
	case "data":
		for span := range strings.SplitSeq(value, ",") {
			var s Span
			if _, err := fmt.Sscanf(span, "%d+%d", &s.Offset, &s.Length); err != nil {
				return err
			}
			e.Data = append(e.Data, s)
		}
	case "flag":
		e.Flag = value[0]
	case "claims":
		e.Claims, err = strconv.ParseInt(value, 10, 64)
	default:
		return fmt.Errorf("unknown attribute")
	}
	return err
}

// unixTime parses SECONDS[.FRACTION], with a fraction of up to nine digits.
func unixTime(s string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	var nsec int64
	if fraction != "" {
		nsec, err = strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	}
	return time.Unix(sec, nsec), err
}
