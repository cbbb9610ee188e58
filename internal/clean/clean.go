// Package clean makes text that an image brought along fit for a terminal or
// a log. File names, commands and labels are whatever the image's maker put
// there: escape sequences that repaint the screen, overrides that reverse the
// reading direction, bytes that are no text at all.
package clean

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns s with everything that a terminal could act upon, or that a
// reader cannot see, written as an escape: control characters (C0, DEL, C1) and
// invalid bytes as \n, \t or \x1b, invisible format characters (direction
// overrides, zero-width signs, tags), noncharacters and line separators as
// \u202e. What a pipeline's runner takes for an order wherever it stands in a line
// of a log, "##[", gets an escape too. Text that needs none of it is returned as
// it is, without a copy.
func Text(s string) string {
	if strings.Contains(s, "##") {
		s = orders.Replace(s)
	}
	bad := strings.IndexFunc(s, unfit)
	if bad < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:bad])
	for i := bad; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			writeByte(&b, s[i])
		case !unfit(r):
			b.WriteString(s[i : i+n])
		case r < utf8.RuneSelf:
			writeByte(&b, s[i])
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += n
	}
	return b.String()
}

// orders are how log lines begin an order to GitHub's runner (TryParse in its
// ActionCommand.cs), to Azure's agent, and to TeamCity's: anywhere in a line.
var orders = strings.NewReplacer("##[", `#\x23[`, "##vso[", `#\x23vso[`, "##teamcity[", `#\x23teamcity[`)

// Line returns s on one line: every run of white space is one space, the ends
// are trimmed, and the rest is as Text leaves it.
func Line(s string) string {
	return Text(strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " "))
}

// unfit reports whether r must not reach a terminal. RuneError stands for
// invalid bytes and for U+FFFD itself, which Text tells apart.
func unfit(r rune) bool {
	switch {
	case r < ' ', r == 0x7f:
		return true
	case r < 0x7f:
		return false
	case r == utf8.RuneError:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Noncharacter_Code_Point)
}

func writeByte(b *strings.Builder, c byte) {
	switch c {
	case '\n':
		b.WriteString(`\n`)
	case '\t':
		b.WriteString(`\t`)
	case '\r':
		b.WriteString(`\r`)
	default:
		const hex = "0123456789abcdef"
		b.WriteString(`\x`)
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
}
