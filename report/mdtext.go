package report

import (
	"fmt"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/peelhq/peel/internal/clean"
)

const (
	mdColumns = 100 // of a path or a command in Markdown
	mdBytes   = 700 // of one piece of text, escaped: combining characters can be stacked without end
)

// mdCode formats text of an image (a path, a command) as code in Markdown, on
// one line with its middle cut out if necessary, so that it can't become
// Markdown, HTML, a mention, a reference or a link, even in a table cell. Text
// with backticks, bars or backslashes is written as HTML.
func mdCode(s string) string {
	return mdCommand(cutMiddle(clean.Line(s), mdColumns))
}

// mdCommand is mdCode without cutting, for text to copy.
func mdCommand(s string) string {
	s = cutBytes(clean.Line(s), mdBytes)
	if s == "" {
		return "unknown"
	}
	if !strings.ContainsAny(s, "`|\\") {
		return "`" + s + "`"
	}
	var b strings.Builder
	b.WriteString("<code>")
	for _, r := range s {
		if b.Len() > mdBytes {
			b.WriteString("…")
			break
		}
		switch {
		case r < utf8.RuneSelf && (unicode.IsPunct(r) || unicode.IsSymbol(r)) && !strings.ContainsRune("/-,", r):
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteString("</code>")
	return b.String()
}

// mdMarks are the special characters of Markdown and the forges' dialects, and
// mdNames those that turn a following name or number into a mention or a
// reference, which sends mail.
const (
	mdMarks = "&<>\"`*_[]|~$\\@#!^{}"
	mdNames = "@#!%~$&^"
	// zeroWidth separates such a character from what follows: forges search the rendered text, in
	// which escapes are gone.
	zeroWidth = "&#8203;"
)

// mdText formats a sentence, which may include text of an image, as inert
// Markdown on one line. It must not start a line: forges interpret a leading
// "/" as a command.
func mdText(s string) string {
	var b strings.Builder
	rs := []rune(cutBytes(clean.Line(s), mdBytes))
	for i, r := range rs {
		if b.Len() > mdBytes {
			return b.String() + "…"
		}
		next := ' '
		if i+1 < len(rs) {
			next = rs[i+1]
		}
		switch {
		case r == ':' && next == '/', r == '.' && i > 0 && (rs[i-1] == 'w' || rs[i-1] == 'W'): // links: "://", "www."
			fmt.Fprintf(&b, "&#%d;"+zeroWidth, r)
		case r == '-' && i > 1 && strings.EqualFold(string(rs[i-2:i]), "GH"): // "GH-12"
			b.WriteString(zeroWidth + "-")
		case strings.ContainsRune(`&<>"`, r):
			b.WriteString(html.EscapeString(string(r)))
		case strings.ContainsRune(mdMarks, r):
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteRune(r)
		}
		if strings.ContainsRune(mdNames, r) && (unicode.IsLetter(next) || unicode.IsNumber(next) || strings.ContainsRune(`"_[-`, next)) {
			b.WriteString(zeroWidth)
		}
	}
	return b.String()
}

// cutBytes shortens s to at most n bytes, at the end of a sign.
func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// mdPage is Markdown of less than limit bytes, while it is written.
type mdPage struct {
	strings.Builder
	limit int
}

// mdLimit is the limit of Markdown, in bytes: a comment on GitHub takes 65,536 characters.
const mdLimit = 60_000

// fits adds text if it fits, and reports whether it did.
func (m *mdPage) fits(text string) bool {
	if m.Len()+len(text) >= m.limit {
		return false
	}
	m.WriteString(text)
	return true
}

// list adds items until one doesn't fit, at most n, and returns how many it added.
func (m *mdPage) list(n int, item func(i int) string) int {
	for i := range n {
		if !m.fits(item(i)) {
			return i
		}
	}
	return n
}

// details adds a folded section if it fits; not everything that within adds has to fit.
func (m *mdPage) details(summary string, within func()) {
	const end = "\n</details>\n"
	m.limit -= len(end)
	if m.fits("\n<details>\n<summary>" + summary + "</summary>\n\n") {
		within()
		m.limit += len(end)
		m.WriteString(end)
		return
	}
	m.limit += len(end)
}
