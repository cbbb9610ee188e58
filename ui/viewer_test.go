package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/peelhq/peel/internal/testkit"
)

// at moves the cursor of the files to a path, in whichever layer has it.
func at(t testing.TB, m *model, path string) {
	t.Helper()
	n, ok := m.a.Tree.Lookup(path)
	if !ok {
		t.Fatalf("no path %s", path)
	}
	press(m, "m m m")
	settle(m, m.explorer.reveal(n))
	if got, _ := m.explorer.files.current(); got != n {
		t.Fatalf("the cursor isn't on %s", path)
	}
}

// made is content that is generated as it is read.
type made struct {
	size   int64
	byteAt func(off int64) byte
	fails  int64 // fails from this byte on; 0 for never
	most   int   // largest number of bytes read at once
	closed bool
}

func madeOf(b []byte) *made {
	return &made{size: int64(len(b)), byteAt: func(off int64) byte { return b[off] }}
}

var errMade = errors.New("the disk is on fire")

func (c *made) Size() int64 { return c.size }

func (c *made) Close() error { c.closed = true; return nil }

func (c *made) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if c.fails > 0 && off+int64(len(p)) > c.fails {
		return 0, errMade
	}
	c.most = max(c.most, len(p))
	n := int(min(int64(len(p)), c.size-off))
	for i := range n {
		p[i] = c.byteAt(off + int64(i))
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// viewing opens a viewer on content. It returns the command to run next.
func viewing(t testing.TB, m *model, c content, name string) (*viewer, tea.Cmd) {
	t.Helper()
	v, _ := m.explorer.chosen()
	p := newViewer(m, name)
	p.v, p.seq, p.index = v, 1, newIndex()
	m.open(p)
	msg, err := begun(p.ctx, c, name, p.high)
	if err != nil {
		t.Fatal(err)
	}
	msg.p, msg.seq = p, 1
	_, cmd := m.Update(msg)
	return p, cmd
}

func TestViewerFrames(t *testing.T) {
	sizes := [][2]int{{80, 24}, {120, 40}, {200, 60}, {40, 10}, {20, 5}}
	first := sizes[:1]
	tests := []struct {
		name, path, keys string
		sizes            [][2]int
		env              []string
	}{
		{"view-text", "/srv/app.py", "v", sizes, nil},
		{"view-hex", "/srv/blob", "v", sizes, nil},
		{"view-wrap", "/srv/long", "v w", sizes[3:4], nil},
		{"view-aside", "/srv/long", "v l l", sizes[3:4], nil},
		{"view-find", "/srv/long", "v / E N D enter", first, nil},
		{"view-hostile", "/srv/hostile", "v", first, nil},
		{"view-hostile-ascii", "/srv/hostile", "v", first, []string{"LANG=C"}},
		{"view-no-numbers", "/srv/app.py", "v #", first, nil},
		{"view-empty", "/srv/empty", "v", first, nil},
		{"view-link", "/srv/link", "v", first, nil},
		{"view-lost", "/srv/lost", "v", first, nil},
		{"view-help", "/srv/app.py", "v ?", first, nil},
		{"compare-text", "/srv/app.py", "d", sizes, nil},
		{"compare-bytes", "/srv/blob", "d", sizes[:4], nil},
		{"compare-link", "/srv/link", "d", first, nil},
		{"compare-ascii", "/srv/app.py", "d", first, []string{"LANG=C"}},
	}
	a := open(t, "view")
	for _, tt := range tests {
		for _, size := range tt.sizes {
			name := fmt.Sprintf("%s-%dx%d", tt.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				m := start(t, a, size[0], size[1], tt.env...)
				at(t, m, tt.path)
				press(m, tt.keys)
				intact(t, m)
				golden(t, name, screen(m))
			})
		}
	}
}

// TestViewerThemes checks that tokens, matches and a diff's lines have their own colours in
// every theme, or are distinct without colours.
func TestViewerThemes(t *testing.T) {
	defer func(d time.Duration) { highlightTime = d }(highlightTime)
	highlightTime = time.Hour
	dark := tea.BackgroundColorMsg{Color: darkPalette.column}
	light := tea.BackgroundColorMsg{Color: lightPalette.selected}
	themes := map[string][]tea.Msg{
		"dark":     {dark},
		"light":    {light},
		"dark256":  {dark, tea.ColorProfileMsg{Profile: colorprofile.ANSI256}},
		"light256": {light, tea.ColorProfileMsg{Profile: colorprofile.ANSI256}},
		"basic":    {tea.ColorProfileMsg{Profile: colorprofile.ANSI}},
		"none":     {tea.ColorProfileMsg{Profile: colorprofile.ASCII}},
	}
	a := open(t, "view")
	for name, msgs := range themes {
		for page, keys := range map[string]string{"view": "v / h e l l o enter", "compare": "d"} {
			t.Run(name+" "+page, func(t *testing.T) {
				m := start(t, a, 60, 14)
				for _, msg := range msgs {
					send(m, msg)
				}
				at(t, m, "/srv/app.py")
				press(m, keys)
				intact(t, m)
				golden(t, page+"-theme-"+name, strings.Split(strings.ReplaceAll(m.View().Content, "\x1b", "␛"), "\n"))
			})
		}
	}
}

func TestViewerOpens(t *testing.T) {
	tests := []struct{ name, path, keys, want string }{
		{"v", "/srv/app.py", "v", "layer 1 · script for python3"},
		{"enter on a file", "/srv/app.py", "enter", "good day"},
		{"from the history", "/srv/app.py", "tab j v", "layer 0 · script for python3"},
		{"one that is deleted", "/srv/key.pem", "v", "PEM RSA private key"},
		{"from the waste", "/srv/key.pem", "2 s s s enter E G v", "PEM RSA private key"},
		{"wasted below", "/srv", "tab G v", "layer 0"},
		{"what a removal removed", "/srv/key.pem", "tab v", "PEM RSA private key"},
		{"a directory", "/srv", "v", "/srv is a directory"},
		{"a picture", "/srv/logo", "v", "PNG image, 640 x 480"},
		{"older", "/srv/app.py", "v [", "layer 0"},
		{"older and newer", "/srv/app.py", "v [ ]", "layer 1"},
		{"older than the oldest", "/srv/app.py", "v [ [", "the oldest version"},
		{"newer than the newest", "/srv/app.py", "v ]", "the newest version"},
		{"as bytes", "/srv/app.py", "v t", "23 21 2f 75 73 72"},
		{"as text again", "/srv/app.py", "v t t", "1 #!/usr/bin/env"},
		{"a line", "/srv/app.py", "v : 6 enter", "13 "},
		{"a byte", "/srv/blob", "v : 0 x 1 0 0 0 enter", "00001000"},
		{"not a number", "/srv/blob", "v : x enter", "not a number"},
		{"not found", "/srv/app.py", "v / z z z", "not found"},
		{"found", "/srv/app.py", "v / g r e e t", "1 of 3"},
		{"the next", "/srv/app.py", "v / g r e e t enter n", "2 of 3"},
		{"wraps round to the last", "/srv/app.py", "v / g r e e t enter N", "3 of 3"},
		{"capitals", "/srv/app.py", "v / S a y s", "1 of 1"},
		{"capitals that the file lacks", "/srv/app.py", "v / S A Y S", "not found"},
		{"bytes", "/srv/logo", `v / \ x 8 9 P`, "1 of 1"},
		{"compare", "/srv/app.py", "v d", "layer 1 ← layer 0"},
		{"compare the oldest", "/srv/app.py", "v [ d", "nothing to compare it with"},
		{"compare a removal", "/srv/key.pem", "tab d", "nothing to compare"},
		{"the diff", "/srv/app.py", "d G", `+         print("good day " + name)`},
		{"attributes", "/srv/app.py", "d", "0755 ← 0644"},
		{"targets", "/srv/link", "d", "blob ← app.py"},
		{"no text", "/srv/blob", "d", "none: they are not both text"},
	}
	a := open(t, "view")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := start(t, a, 80, 24)
			at(t, m, tt.path)
			press(m, tt.keys)
			rowWith(t, m, tt.want)
			intact(t, m)
		})
	}
}

func TestDoubleClickViews(t *testing.T) {
	m := start(t, open(t, "view"), 120, 40)
	at(t, m, "/srv/app.py")
	in := m.explorer.layout.panes[filesPane]
	click := tea.MouseClickMsg{Button: tea.MouseLeft, X: in.x + 60, Y: in.y + 1 + m.explorer.files.cursor - m.explorer.files.top}
	send(m, click)
	if len(m.over) > 0 {
		t.Fatal("one click opens a page")
	}
	send(m, click)
	rowWith(t, m, "good day")
}

// TestLexers checks that every built-in lexer can be loaded, and that those requested by name
// exist.
func TestLexers(t *testing.T) {
	files, err := lexerFiles.ReadDir("lexers")
	if err != nil || len(files) != len(lexers().Lexers) {
		t.Errorf("loaded %d of %d lexers, %v", len(lexers().Lexers), len(files), err)
	}
	for _, l := range lexers().Lexers {
		if _, err := l.Tokenise(nil, "a = 1 # b\n"); err != nil {
			t.Errorf("%s: %v", l.Config().Name, err)
		}
	}
	for _, b := range beginnings {
		if lexerFor("x", []byte(b.head+"\n")) == nil {
			t.Errorf("%q has no lexer", b.head)
		}
	}
	for name, want := range map[string]string{
		"app.py": "Python", "Dockerfile": "Docker", "nginx.conf": "Nginx configuration file", "a.json": "JSON", "b.yml": "YAML", "run.sh": "Bash",
	} {
		if l := lexerFor(name, nil); l == nil || l.Config().Name != want {
			t.Errorf("%s doesn't have the lexer of %s", name, want)
		}
	}
	if l := lexerFor("passwd", []byte("root:x:0:0:root:/root:/bin/bash\n")); l != nil {
		t.Errorf("plain text is detected as %s", l.Config().Name)
	}
}

// TestViewerIsClosed checks that a closed page has nothing open or running, and that later
// results for it are dropped.
func TestViewerIsClosed(t *testing.T) {
	m := start(t, open(t, "view"), 80, 24)
	c := madeOf(bytes.Repeat([]byte("line\n"), 3_000_000))
	p, cmd := viewing(t, m, c, "lines")
	press(m, "esc")
	if !c.closed || p.ctx.Err() == nil {
		t.Errorf("closed: %v, cancelled: %v", c.closed, p.ctx.Err())
	}
	settle(m, cmd)
	if p.index.done || len(m.over) > 0 {
		t.Error("it was read further")
	}
	at(t, m, "/srv/blob")
	_, cmd = m.Update(keyOf("v"))
	press(m, "esc")
	settle(m, cmd) // opened too late
	intact(t, m)
}

// TestViewerFails checks that an error is shown, and the content read before stays.
func TestViewerFails(t *testing.T) {
	m := start(t, open(t, "view"), 80, 24)
	c := madeOf(bytes.Repeat([]byte("a line\n"), 1_000_000))
	c.fails = 1 << 20
	_, cmd := viewing(t, m, c, "lines")
	settle(m, cmd)
	rowWith(t, m, "cannot read it: the disk is on fire")
	rowWith(t, m, "2 a line")
	press(m, "G j k / x enter n")
	intact(t, m)
}

// TestViewerReadsNothing checks that the reason why a file can't be read is shown once, and in
// full.
func TestViewerReadsNothing(t *testing.T) {
	m := start(t, open(t, "view"), 40, 24)
	p, cmd := viewing(t, m, madeOf([]byte("a line")), "lines")
	settle(m, cmd)
	p.doc, p.broken = nil, "cannot read it: an index has only the names, sizes and checksums of files; open the image itself for what is in them"
	var said []string
	for _, row := range screen(m) {
		said = append(said, strings.Fields(strings.Trim(row, "│"))...)
	}
	text := strings.Join(said, " ")
	if n := strings.Count(text, "cannot read it:"); n != 1 || !strings.Contains(text, p.broken) {
		t.Errorf("shown %d times, or cut off:\n%s", n, strings.Join(screen(m), "\n"))
	}
}

// TestViewerLongLine checks that rows of a line of any length are short, and that you can reach
// both ends.
func TestViewerLongLine(t *testing.T) {
	testkit.Long(t, "it reads a line of 100 MB")
	m := start(t, open(t, "view"), 80, 24)
	c := &made{size: 100_000_000, byteAt: func(off int64) byte {
		switch {
		case off == 99_999_990:
			return '!'
		case off%2 == 0:
			return '{'
		}
		return '"'
	}}
	p, cmd := viewing(t, m, c, "one.json")
	settle(m, cmd)
	if p.index.lines() != 1 || p.index.at.row < c.size/maxPiece {
		t.Errorf("got %d lines and %d rows, want 1 and at least %d", p.index.lines(), p.index.at.row, c.size/maxPiece)
	}
	for _, keys := range []string{"G", "w", "k", "w", "g", "/ ! enter", "t", "G", "t"} {
		press(m, keys)
		intact(t, m)
	}
	press(m, "n")
	rowWith(t, m, "1 of 1")
	rowWith(t, m, `"!"{`)
	held := 0
	for _, r := range p.text.rows {
		held += len(r.text)
	}
	if most := (piecesBefore + piecesLeast + 1) * maxPiece; held > most || c.most > 2*readStep {
		t.Errorf("%d bytes are in memory, %d were read at once", held, c.most)
	}
}

// TestViewerEndless checks that the first screen of an endless file appears after reading only
// its beginning, and that memory stays small.
func TestViewerEndless(t *testing.T) {
	m := start(t, open(t, "view"), 80, 24)
	for _, b := range []byte{'x', 0, '\n'} {
		c := &made{size: 1 << 50, byteAt: func(int64) byte { return b }}
		p, _ := viewing(t, m, c, "endless")
		want := "1 "
		if b == 0 {
			want = "00000000"
		}
		rowWith(t, m, want)
		if c.most > headSize+maxPiece {
			t.Errorf("%q: read %d bytes at once", b, c.most)
		}
		if p.doc.binary {
			m.Update(keyOf("G"))
			intact(t, m)
			rowWith(t, m, "3fffffffffff8")
		}
		press(m, "esc")
	}
}

// TestIndexIsBounded checks that the number of marks is bounded and that rows can still be
// found.
func TestIndexIsBounded(t *testing.T) {
	text := bytes.Repeat([]byte("a\n"), 5*maxMarks)
	x := newIndex()
	x.every = 1
	for len(text) > int(x.at.off) {
		part := text[x.at.off:min(len(text), int(x.at.off)+100_000)]
		x = x.scan(part, int(x.at.off)+len(part) == len(text))
	}
	if len(x.marks) > maxMarks || !x.done || x.lines() != 5*maxMarks {
		t.Fatalf("got %d marks, %d lines, done %v", len(x.marks), x.lines(), x.done)
	}
	for _, row := range []int64{0, 1, 12345, 5*maxMarks - 1} {
		rows, at, err := x.around(t.Context(), madeOf(text), goal{byLine, row}, 10)
		if err != nil || at != row {
			t.Errorf("line %d is in row %d, %v", row, at, err)
		}
		if i := slices.IndexFunc(rows, func(p piece) bool { return p.row == row }); i < 0 || rows[i].off != 2*row {
			t.Errorf("line %d isn't where it should be", row)
		}
	}
}
