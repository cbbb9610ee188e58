// Package clean makes text from an image safe for a terminal or a log. An image's maker chooses
// its file names, commands and labels, which may contain escape sequences that repaint the
// screen, characters that reverse the reading direction, and bytes that aren't text.
package clean

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns s with everything escaped that a terminal could act on or a reader can't see:
// control characters (C0, DEL, C1) and invalid bytes as \n, \t or \x1b; invisible format
// characters (direction overrides, zero-width characters, variation selectors, tags, fillers),
// noncharacters and line separators as \u202e. It also escapes "##[", which a pipeline's runner
// takes for a command anywhere in a log line. If nothing needs escaping, it returns s itself,
// without a copy.
func Text(s string) string {
	s = withoutOrders(s)
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

// orders lists the texts that a pipeline takes for a command anywhere in a log line, and the
// byte to escape in each: those of GitHub's runner (TryParse in its ActionCommand.cs), Azure's
// agent, TeamCity, and Travis's folds. GitLab's sections need a control character before their
// name, which is escaped anyway.
var orders = []struct {
	text string
	at   int
}{{"##[", 1}, {"##vso[", 1}, {"##teamcity[", 1}, {"travis_fold:", 6}, {"travis_time:", 6}}

// Order reports whether the byte at index i of s must be escaped because it's part of a command
// to a pipeline. Every output format asks this, and escapes the byte in its own way.
func Order(s string, i int) bool {
	for _, o := range orders {
		if s[i] == o.text[o.at] && i >= o.at && strings.HasPrefix(s[i-o.at:], o.text) {
			return true
		}
	}
	return false
}

// withoutOrders escapes the commands in a text.
func withoutOrders(s string) string {
	if !strings.Contains(s, "##") && !strings.Contains(s, "travis_") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if Order(s, i) {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// Start returns clean text for the start of a line, where more texts are commands: "::" for
// GitHub's runner, and a heading of dashes, plus signs or tildes for Buildkite's agent. It
// escapes their first character.
func Start(s string) string {
	for _, start := range []string{"::", "---", "+++", "~~~", "^^^ +++"} {
		if strings.HasPrefix(strings.TrimLeft(s, " "), start) {
			at := strings.IndexByte(s, start[0])
			return s[:at] + fmt.Sprintf(`\x%02x`, start[0]) + s[at+1:]
		}
	}
	return s
}

// Line returns s on one line: it replaces every run of white space with one space, trims the
// ends, and cleans the rest like Text.
func Line(s string) string {
	return Text(strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " "))
}

// unfit reports whether r must not reach a terminal. RuneError stands for invalid bytes and for
// U+FFFD itself, which Text distinguishes.
func unfit(r rune) bool {
	switch {
	case r < ' ', r == 0x7f:
		return true
	case r < 0x7f:
		return false
	case r == utf8.RuneError:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Noncharacter_Code_Point,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
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
