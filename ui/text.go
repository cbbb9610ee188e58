package ui

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// width returns the number of terminal columns that s takes. s must not contain escape
// sequences.
func width(s string) int {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return ansi.StringWidth(s)
		}
	}
	return len(s)
}

// cut shortens s to at most w columns and ends it with tail if something was
// cut off.
func cut(s string, w int, tail string) string {
	switch {
	case w <= 0:
		return ""
	case width(s) <= w:
		return s
	case width(tail) > w:
		tail = ""
	}
	return ansi.Truncate(s, w, tail)
}

// cutLeft shortens s to at most w columns from the left, so that the end of a path stays
// visible, and begins it with head if something was cut off.
func cutLeft(s string, w int, head string) string {
	over := width(s) - w
	switch {
	case w <= 0:
		return ""
	case over <= 0:
		return s
	case width(head) >= w:
		return cut(head, w, "")
	}
	// A wide character may straddle the cut: go on until the rest fits.
	for n := over + width(head); ; n++ {
		if short := ansi.TruncateLeft(s, n, head); width(short) <= w {
			return short
		}
	}
}

// wrap breaks s into lines of at most w columns, between words if possible. It returns at least
// one line.
func wrap(s string, w int) []string {
	if w <= 0 {
		return []string{""}
	}
	lines := strings.Split(ansi.Wrap(s, w, ""), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

// wrapWords is wrap for texts that name commands: no line ends within a flag.
func wrapWords(s string, w int) []string {
	const hyphen = "\u2011" // lines don't end at this character
	if strings.Contains(s, hyphen) {
		return wrap(s, w)
	}
	lines := wrap(strings.ReplaceAll(s, "-", hyphen), w)
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], hyphen, "-")
	}
	return lines
}

// A cleaner makes text from an image safe for the terminal.
type cleaner struct {
	ascii bool // the locale is ASCII
}

// text returns a name or a path on one line, with everything escaped that a terminal could act
// on.
func (t cleaner) text(s string) string {
	return t.narrow(clean.Text(s))
}

// line returns a command or a message on one line, with white space collapsed.
func (t cleaner) line(s string) string {
	return t.narrow(clean.Line(s))
}

// narrow escapes characters outside ASCII if the locale requires that.
func (t cleaner) narrow(s string) string {
	if !t.ascii {
		return s
	}
	at := strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
	if at < 0 {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:at])
	for _, r := range s[at:] {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// sizeWidth is the maximum width of human.Size, in columns: "1.23 GB".
const sizeWidth = 7

// percent returns 100*part/whole with one decimal: "33.7 %".
func percent(part, whole int64) string {
	if whole <= 0 {
		return human.Percent(0)
	}
	return human.Percent(float64(part) / float64(whole))
}

// counted returns n and the noun, in the plural unless n is 1.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return human.Comma(n) + " " + stem + "ies"
	}
	return human.Comma(n) + " " + noun + "s"
}
