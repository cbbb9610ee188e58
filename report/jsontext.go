package report

import (
	"fmt"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/peelhq/peel/internal/clean"
)

// quoted is text in JSON. Invalid UTF-8 bytes become U+FFFD, and characters
// that a terminal or a pipeline's log parser could act on become \u escapes, so
// that a report is safe to print; a JSON reader gets every character back.
type quoted string

// MarshalJSON writes the text as a JSON string in which no control or invisible
// character stands for itself.
func (q quoted) MarshalJSON() ([]byte, error) { return q.appendTo(make([]byte, 0, len(q)+2)), nil }

// appendTo appends what MarshalJSON writes.
func (q quoted) appendTo(b []byte) []byte {
	b = append(b, '"')
	for i, r := range string(q) { // a bad byte gives U+FFFD
		switch {
		case (r == '#' || r == '_') && clean.Order(string(q), i):
			b = fmt.Appendf(b, `\u%04x`, r)
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case ' ' <= r && r < 0x7f, r == utf8.RuneError, clean.Text(string(r)) == string(r):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return append(b, '"')
}

// known returns nil, JSON's null, for unknown text.
func known(s string) *quoted {
	if s == "" {
		return nil
	}
	q := quoted(s)
	return &q
}

// quotedAll returns the texts as a JSON array, which is empty for none.
func quotedAll(texts []string) []quoted {
	all := make([]quoted, len(texts))
	for i, s := range texts {
		all[i] = quoted(s)
	}
	return all
}

// knownInt returns nil, JSON's null, for a negative number: not known.
func knownInt[N int | int64](n N) *N {
	if n < 0 {
		return nil
	}
	return &n
}

// stamp formats a time in UTC as RFC 3339; nil, JSON's null, if it is unknown or not
// representable.
func stamp(t time.Time) *string {
	t = t.UTC()
	if t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return nil
	}
	s := t.Format(time.RFC3339Nano)
	return &s
}
