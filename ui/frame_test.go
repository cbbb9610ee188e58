package ui

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

var update = flag.Bool("update", false, "write the goldens anew")

// open analyses the image of a fixture in testdata.
func open(t testing.TB, fixture string) *analyze.Analysis {
	t.Helper()
	return openFixture(t, filepath.Join("testdata", fixture+".image"))
}

func openFixture(t testing.TB, path string) *analyze.Analysis {
	t.Helper()
	archive, ok := archives.Load(path)
	if !ok {
		archive, _ = archives.LoadOrStore(path, testkit.ShapeNamed("docker-20").Archive(testkit.Load(t, path)))
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(file, archive.([]byte), 0o600); err != nil {
		t.Fatal(err)
	}
	return openFile(t, file)
}

// archives caches the archives of fixtures by file: making one takes longer than reading it,
// and most tests use the same few.
var archives sync.Map

func openFile(t testing.TB, path string) *analyze.Analysis {
	t.Helper()
	im, err := source.Open(t.Context(), path, source.Options{Collect: analyze.Collectors()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = im.Close() })
	im.Source = "docker-archive:app.tar" // independent of the test's folder
	a, err := analyze.Run(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// start returns the program on a terminal of w columns and h rows, with the image loaded.
func start(t testing.TB, a *analyze.Analysis, w, h int, env ...string) *model {
	t.Helper()
	m := newModel(t.Context(), Options{
		Name:    a.Image.Name,
		Environ: append([]string{"LANG=C.UTF-8"}, env...),
		Load: func(context.Context, func(Progress), func(*analyze.Analysis)) (*analyze.Analysis, error) {
			return a, nil
		},
	})
	m.timer = nothingLater
	settle(m, m.Init())
	send(m, tea.WindowSizeMsg{Width: w, Height: h})
	return m
}

// nothingLater replaces timers in tests.
func nothingLater(context.Context, time.Duration, tea.Msg) tea.Cmd { return nil }

// send passes a message to m and runs all commands that follow from it.
func send(m *model, msg tea.Msg) {
	_, cmd := m.Update(msg)
	settle(m, cmd)
}

// settle runs commands until none is left. It reports whether one of them ends the program.
func settle(m *model, cmds ...tea.Cmd) (quit bool) {
	for len(cmds) > 0 {
		cmd := cmds[0]
		cmds = cmds[1:]
		if cmd == nil {
			continue
		}
		switch msg := cmd().(type) {
		case nil:
		case tea.BatchMsg:
			cmds = append(cmds, msg...)
		case tea.QuitMsg:
			quit = true
		default:
			_, next := m.Update(msg)
			cmds = append(cmds, next)
		}
	}
	return quit
}

var namedKeys = map[string]rune{
	"enter": tea.KeyEnter, "tab": tea.KeyTab, "esc": tea.KeyEscape, "backspace": tea.KeyBackspace, "space": tea.KeySpace,
	"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
	"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd,
}

// keyOf returns the key press for a name: "j", "enter", "ctrl+c".
func keyOf(name string) tea.KeyPressMsg {
	if name == "shift+tab" {
		return tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift}
	}
	if letter, ok := strings.CutPrefix(name, "ctrl+"); ok {
		return tea.KeyPressMsg{Code: rune(letter[0]), Mod: tea.ModCtrl}
	}
	if code, ok := namedKeys[name]; ok {
		return tea.KeyPressMsg{Code: code}
	}
	r, _ := utf8.DecodeRuneInString(name)
	return tea.KeyPressMsg{Code: r, Text: name}
}

// press presses keys one after the other, and runs all commands of each before the next.
func press(m *model, keys string) {
	for k := range strings.FieldsSeq(keys) {
		send(m, keyOf(k))
	}
}

// screen returns the rows of the terminal, without colours.
func screen(m *model) []string {
	return strings.Split(ansi.Strip(m.View().Content), "\n")
}

// intact checks what must hold for every frame: it has as many rows as the terminal, each as
// wide as the terminal, contains no control characters except colours, and shows the row with
// the cursor.
func intact(t *testing.T, m *model) {
	t.Helper()
	content := m.View().Content
	if m.h == 0 && content == "" {
		return
	}
	rows := strings.Split(content, "\n")
	if len(rows) != m.h {
		t.Fatalf("got %d rows on a terminal of %d", len(rows), m.h)
	}
	for y, row := range rows {
		if w := ansi.StringWidth(row); w != m.w {
			t.Fatalf("row %d is %d columns wide on a terminal of %d: %q", y, w, m.w, row)
		}
	}
	plain := stripColours(content)
	if i := strings.IndexFunc(plain, func(r rune) bool { return r != '\n' && r < ' ' || r == 0x7f || r == '\u202e' }); i >= 0 {
		t.Fatalf("the screen contains %q, at %q", plain[i], plain[i:min(i+20, len(plain))])
	}
	if d, ok := m.top().(*differences); ok && !m.areas.tooSmall {
		for name, l := range map[string]list{"layers": d.layers, "tree": d.tree} {
			if l.rows > 0 && (l.cursor < 0 || l.cursor >= l.rows || l.cursor < l.top || l.cursor >= l.top+l.page) {
				t.Fatalf("%s: cursor %d is out of sight: %+v", name, l.cursor, l)
			}
		}
	}
	if e, ok := m.top().(*explorer); !ok || m.areas.tooSmall || e == nil {
		return
	}
	for name, l := range map[string]list{"layers": m.explorer.layers.list, "files": m.explorer.files.list} {
		if l.rows > 0 && (l.cursor < 0 || l.cursor >= l.rows || l.cursor < l.top || l.cursor >= l.top+l.page) {
			t.Fatalf("%s: cursor %d is out of sight: %+v", name, l.cursor, l)
		}
	}
	marks := strings.Count(plain, unicodeSigns.side+unicodeSigns.mark) // half a cell of a bar looks like it
	want := 0
	if in := m.explorer.layout.panes[layersPane]; !in.empty() && m.explorer.layers.rows > 0 {
		want++
	}
	if in := m.explorer.layout.panes[filesPane]; !in.empty() && m.explorer.files.rows.len() > 0 {
		want++
	}
	if !m.lk.ascii && marks != want {
		t.Fatalf("got %d cursors on the screen, want %d:\n%s", marks, want, plain)
	}
}

// stripColours removes "select graphic rendition" sequences and no others.
func stripColours(s string) string {
	var b strings.Builder
	for s != "" {
		i := strings.Index(s, "\x1b[")
		if i < 0 {
			break
		}
		b.WriteString(s[:i])
		end := i + 2
		for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == ';' || s[end] == ':') {
			end++
		}
		if end < len(s) && s[end] == 'm' {
			s = s[end+1:]
			continue
		}
		b.WriteString(s[i:end])
		s = s[end:]
	}
	b.WriteString(s)
	return b.String()
}

func golden(t *testing.T, name string, rows []string) {
	t.Helper()
	for i := range rows {
		rows[i] = strings.TrimRight(rows[i], " ")
	}
	got := strings.Join(rows, "\n") + "\n"
	file := filepath.Join("testdata", name+".screen")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (rewrite it with -update):\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}

func TestFrames(t *testing.T) {
	sizes := [][2]int{{80, 24}, {120, 40}, {200, 60}, {40, 10}, {20, 5}}
	first := sizes[:1]
	tests := []struct {
		name    string
		fixture string
		keys    string
		sizes   [][2]int
		env     []string
	}{
		{"start", "app", "", sizes, nil},
		{"layers", "app", "shift+tab k k", sizes[:4], nil},
		{"history", "app", "tab j", sizes[:4], nil},
		{"fix", "built", "2 j", sizes, nil},
		{"fix-chosen", "built", "2 space j j space tab", sizes, nil},
		{"fix-all", "built", "2 a j j j", sizes[:3], nil},
		{"fix-build", "built", "2 tab g j j j j", sizes[:4], nil},
		{"fix-about", "built", "2 tab", sizes[3:4], nil},
		{"fix-zoomed", "built", "2 z", first, nil},
		{"fix-reversed", "built", "2 S", first, nil},
		{"fix-saves", "built", "2 s s enter", first, nil},
		{"fix-orders", "built", "2 s", first, nil},
		{"fix-section", "built", "2 g", first, nil},
		{"fix-narrowed", "built", "2 / m o d e l enter", sizes[:4], nil},
		{"fix-steps", "app", "2 j space", sizes, nil},
		{"fix-visible", "fixable", "2 a G", sizes[:2], nil},
		{"fix-none", "no-layers", "2", sizes[:1], nil},
		{"fix-ascii", "built", "2 space", first, []string{"LANG=C"}},
		{"fix-no-color", "built", "2 space tab", first, []string{"NO_COLOR=1"}},
		{"waste", "app", "2 s s s enter j j l", sizes, nil},
		{"waste-by-layer", "app", "2 s s s s enter E j j", first, nil},
		{"waste-by-path", "app", "2 s s s s s enter", first, nil},
		{"waste-gone", "app", "2 s s s s s s enter", first, nil},
		{"waste-none", "no-layers", "2 s s s enter", first, nil},
		{"waste-ascii", "app", "2 s s s enter j j l", first, []string{"LANG=C"}},
		{"image", "app", "3", sizes, nil},
		{"image-odd", "odd", "3 G", first, nil},
		{"map", "app", "4 j j", sizes, nil},
		{"map-walk", "app", "4 E left left left j j j", sizes[:4], nil},
		{"map-closed-by-name", "app", "4 s s s enter", first, nil},
		{"map-narrowed", "app", "4 / l i b enter", sizes[:2], nil},
		{"map-nothing-found", "app", "4 / z z enter", first, nil},
		{"map-none", "no-layers", "4", first, nil},
		{"map-odd", "odd", "4 E left", sizes[:2], nil},
		{"map-ascii", "app", "4 E left j j", first, []string{"LANG=C"}},
		{"map-no-color", "app", "4 E left j j", sizes[1:2], []string{"NO_COLOR=1"}},
		{"packages", "packages", "5", sizes, nil},
		{"packages-removed", "packages", "5 j", sizes[:3], nil},
		{"packages-unowned", "packages", "5 G", first, nil},
		{"packages-by-versions", "packages", "5 s s s s s enter g", first, nil},
		{"packages-none", "app", "5", sizes, nil},
		{"packages-ascii", "packages", "5 j", first, []string{"LANG=C"}},
		{"packages-no-color", "packages", "5 j", first, []string{"NO_COLOR=1"}},
		{"hidden", "app", "U", sizes[:4], nil},
		{"flat", "app", "L j", sizes, nil},
		{"flat-search", "app", "L / m o enter", sizes[:2], nil},
		{"zoom", "app", "z", sizes, nil},
		{"zoom-history", "app", "j z tab", sizes[:2], nil},
		{"branches", "app", "b", sizes[:2], nil},
		{"alone", "app", "m [ [", first, nil},
		{"range", "app", "shift+tab k k k i j j", first, nil},
		{"everything", "app", "m m m E", sizes[1:2], nil},
		{"by-waste", "app", "s s enter", first, nil},
		{"by-name", "app", "s s s enter E", first, nil},
		{"help", "app", "?", sizes[:4], nil},
		{"documents", "app", "3 v ] p", sizes[:4], nil},
		{"orders", "app", "s s", first, nil},
		{"palette", "app", ": v i e w", sizes[:4], nil},
		{"stacked", "app", "", [][2]int{{60, 40}}, nil},
		{"ascii", "app", "", first, []string{"LANG=C"}},
		{"odd-names", "odd", "E", sizes[:2], nil},
		{"search", "app", "/ l i b", sizes, nil},
		{"search-none", "app", "/ z z", first, nil},
		{"search-elsewhere", "app", "/ m o d e l .", first, nil},
		{"search-fuzzy", "app", "/ ctrl+r m b", first, nil},
		{"search-odd", "odd", "/ a enter", sizes[:2], nil},
		{"filter", "app", "f * . [ a - z ] * enter", sizes, nil},
		{"chips", "app", "C g j space space m m S f e enter", sizes[:4], nil},
		{"chips-ascii", "app", "C g j space S", first, []string{"LANG=C"}},
		{"filter-typed", "app", "f > 1 M B", first, nil},
		{"filter-wrong", "app", "f l a y e r : x", sizes[:2], nil},
		{"filter-none", "app", "f z z enter", first, nil},
		{"filter-alone", "app", "m [ f t y p e : f i l e enter", sizes[1:2], nil},
		{"filter-ascii", "app", "f c o n f enter", first, []string{"LANG=C"}},
		{"no-layers", "no-layers", "m m m ?  ?", first, nil},
		{"container", "container", "", sizes[:2], nil},
		{"container-image", "container", "3 pgdown", first, nil},
		{"container-ascii", "container", "", first, []string{"LANG=C"}},
		{"odd-names-ascii", "odd", "E", first, []string{"LC_ALL=C"}},
	}
	for _, tt := range tests {
		a := openFrame(t, tt.fixture)
		for _, size := range tt.sizes {
			name := fmt.Sprintf("%s-%dx%d", tt.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				m := start(t, a, size[0], size[1], tt.env...)
				press(m, tt.keys)
				intact(t, m)
				golden(t, name, screen(m))
			})
		}
	}
}

// openFrame opens a fixture. "container" is app with a container's own layer on top; "built" is
// app with its Dockerfile, and "fixable" has a Dockerfile too.
func openFrame(t testing.TB, fixture string) *analyze.Analysis {
	t.Helper()
	switch fixture {
	case "container":
	case "fixable":
		return builtFrom(t, open(t, "fixable"), "Dockerfile", fixableDockerfile)
	case "built":
		return builtFrom(t, open(t, "app"), "Dockerfile", appDockerfile)
	default:
		return open(t, fixture)
	}
	a := open(t, "app")
	l := a.Layers[len(a.Layers)-1].Layer
	read := time.Date(2026, 11, 26, 8, 40, 0, 0, time.UTC)
	l.OfContainer, l.Digest, l.DiffID = true, "", ""
	l.Step = source.Step{Command: "container web", Created: read}
	a.Image.History[len(a.Image.History)-1] = l.Step
	a.Image.Name, a.Image.Source = "web", "container://docker/web"
	a.Image.Container = &source.Container{
		Engine: "docker", ID: strings.Repeat("0123456789abcdef", 4), Name: "web", Image: "app:1", Command: []string{"nginx", "-g", "daemon off;\x1b"},
		State: "running", Created: read.Add(-48 * time.Hour), ReadAt: read, From: "/var/lib/docker/overlay2/c0ffee/diff",
		InitLayer: "/var/lib/docker/overlay2/c0ffee-init/diff",
		Mounts:    []source.Mount{{Path: "/data", Kind: "volume", Source: "shop"}, {Path: "/tmp", Kind: "tmpfs"}},
	}
	return a
}

// rowWith returns the first row on the screen that contains the text.
func rowWith(t *testing.T, m *model, text string) string {
	t.Helper()
	rows := screen(m)
	i := slices.IndexFunc(rows, func(r string) bool { return strings.Contains(r, text) })
	if i < 0 {
		t.Fatalf("no %q on\n%s", text, strings.Join(rows, "\n"))
	}
	return rows[i]
}
