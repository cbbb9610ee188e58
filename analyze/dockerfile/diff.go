package dockerfile

import (
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// Name returns the file's name, as it was passed to Parse, with slashes.
func (d *File) Name() string { return d.name }

// Text returns what was parsed. The slice is the File's own.
func (d *File) Text() []byte { return d.text }

// usualContext is how many lines around a change a diff has, where changes lie far
// enough apart.
const usualContext = 3

// Diff returns the unified diff that makes text of the Dockerfile, as "git apply" takes
// it; "" if they are the same. path is the file's, relative to the repository's folder,
// with slashes. want is in how many hunks the diff is to be at best: lines of context are
// left out, down to one, where that parts more of them.
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

// gitPath is a path as git writes it in a diff's head: in quotes, with escapes, if there
// is anything odd in it, and with a tab behind it if there is a blank.
// Source: git, quote.c (quote_c_style) and diff.c (diff_filename needs_trailing_tab).
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
