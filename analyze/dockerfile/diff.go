package dockerfile

import (
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// Name returns the name passed to Parse, with slashes.
func (d *File) Name() string { return d.name }

// Text returns the parsed text. The slice belongs to the File.
func (d *File) Text() []byte { return d.text }

// usualContext is the number of context lines around a change, if changes are far enough apart.
const usualContext = 3

// Diff returns the unified diff to text for "git apply", or "" if nothing changed. path is
// relative to the repository's folder, with slashes. want is the desired number of hunks: Diff
// reduces the context, down to one line, if that yields more hunks.
func (d *File) Diff(path string, text []byte, want int) (string, error) {
	before := string(d.text)
	edits := udiff.Lines(before, string(text))
	best, most := "", 0
	for context := usualContext; context > 0 && most < want; context-- {
		diff, err := udiff.ToUnified(gitPath("a/"+path), gitPath("b/"+path), before, edits, context)
		if err != nil {
			return "", err
		}
		if hunks := strings.Count("\n"+diff, "\n@@ "); hunks > most {
			best, most = diff, hunks
		}
	}
	return best, nil
}

// gitPath formats a path as git does in a diff header: quoted and escaped if necessary, followed
// by a tab if it has a blank. Source: git, quote.c (quote_c_style) and diff.c (diff_filename
// needs_trailing_tab).
func gitPath(path string) string {
	odd := strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' })
	if !odd {
		if strings.Contains(path, " ") {
			return path + "\t"
		}
		return path
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(path) {
		switch c := path[i]; {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c < ' ' || c > '~':
			b.WriteString(`\` + string('0'+c>>6) + string('0'+c>>3&7) + string('0'+c&7))
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + `"`
}
