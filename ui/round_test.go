package ui

import (
	"context"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// shopOf returns a shop with two images that can be opened and one that can't.
func shopOf(t *testing.T) *fakeShop {
	t.Helper()
	return &fakeShop{
		sources: []Source{answers("docker", localImage("docker", "app", 1, 1, 1), localImage("docker", "odd", 1, 2, 1), localImage("docker", "cut", 1, 3, 1))},
		images:  map[string]*analyze.Analysis{"docker://app": open(t, "app"), "docker://odd": open(t, "odd")},
	}
}

// TestFailedOpeningKeepsTheImage checks that if an image can't be opened, the previous image
// stays as it was, under the list with the error. esc leads back to the image.
func TestFailedOpeningKeepsTheImage(t *testing.T) {
	s := shopOf(t)
	m := picking(t, s, 120, 40)
	press(m, "enter shift+tab k k tab j 2 1")
	before := screen(m)
	press(m, "ctrl+p G enter")
	rowWith(t, m, "cannot be read")
	rowWith(t, m, "the disk \\x1b[2J is gone")
	if c, _ := m.picker.current(); c.Name != "cut" {
		t.Errorf("got cursor on %s", c.Name)
	}
	intact(t, m)
	press(m, "esc")
	if got := screen(m); strings.Join(got, "\n") != strings.Join(before, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(before, "\n"))
	}
	press(m, "] j") // the image still works
	if m.explorer.files.spec.At != m.explorer.layers.cursor {
		t.Error("its rows don't follow")
	}
	if _, cmd := m.Update(keyOf("esc")); settle(m, cmd) {
		t.Error("esc ends the program")
	}
}

// TestPickerStartsOnTheCurrentImage checks that the list starts on the open image, even if
// answers arrive later.
func TestPickerStartsOnTheCurrentImage(t *testing.T) {
	m := picking(t, shopOf(t), 80, 24)
	press(m, "j enter ctrl+p")
	if c, ok := m.picker.current(); !ok || c.Name != "odd" {
		t.Errorf("got cursor on %v", c)
	}
}

// TestBackToTheImageBefore checks that the way back leads through your places in one image to
// the previous image, and to your place in that.
func TestBackToTheImageBefore(t *testing.T) {
	s := shopOf(t)
	m := picking(t, s, 120, 40)
	press(m, "enter")
	settle(m, m.jump(mustLookup(t, m.a, "/srv/app/model.bin"), 4, analyze.Union))
	press(m, "3")
	press(m, "ctrl+p j enter 3 backspace")
	if m.a != s.images["docker://odd"] || m.view != filesView {
		t.Fatal("the first step back doesn't stay in the image")
	}
	press(m, "backspace")
	if m.a != s.images["docker://app"] || m.view != 2 {
		t.Fatalf("got view %d of %s", m.view, m.name)
	}
	press(m, "backspace")
	if got := cursorOn(t, m); got != "/srv/app/model.bin" || m.explorer.layers.cursor != 4 {
		t.Errorf("got %s after layer %d", got, m.explorer.layers.cursor)
	}
	press(m, "backspace backspace")
	rowWith(t, m, "nothing to go back to")
}

func mustLookup(t *testing.T, a *analyze.Analysis, path string) analyze.NodeID {
	t.Helper()
	n, ok := a.Tree.Lookup(path)
	if !ok {
		t.Fatalf("no %s", path)
	}
	return n
}

// TestImagesAreClosed checks that an image is closed once the next one has been read, and not
// before. An image that you left while it was read is closed when it arrives.
func TestImagesAreClosed(t *testing.T) {
	s := shopOf(t)
	m := picking(t, s, 120, 40)
	var closed []string
	m.options.Close = func(a *analyze.Analysis) { closed = append(closed, a.Image.Name) }
	press(m, "enter")
	press(m, "ctrl+p G enter esc")
	if len(closed) > 0 {
		t.Fatalf("closed: %v", closed)
	}
	press(m, "ctrl+p g j enter")
	if want := s.images["docker://app"].Image.Name; len(closed) != 1 || closed[0] != want {
		t.Errorf("closed: %v, want %s", closed, want)
	}
}

// TestFirstViewDoesNotDependOnSpeed checks that the first view is the same whether the image
// arrives at once or layer by layer.
func TestFirstViewDoesNotDependOnSpeed(t *testing.T) {
	a := open(t, "app")
	for _, size := range [][2]int{{80, 24}, {100, 26}, {120, 40}, {40, 10}} {
		want := start(t, a, size[0], size[1])
		m := newModel(t.Context(), Options{Name: a.Image.Name, Environ: []string{"LANG=C.UTF-8"}, Load: func(context.Context, func(Progress), func(*analyze.Analysis)) (*analyze.Analysis, error) {
			return a, nil
		}})
		m.timer = nothingLater
		m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		m.shown = make(chan *analyze.Analysis) // shownCmd waits for this
		close(m.shown)
		for _, part := range partsOf(t, a) {
			send(m, m.loadedFrom()(t.Context(), part))
		}
		if got, want := screen(m), screen(want); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%v: got\n%s\nwant\n%s", size, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// partsOf returns analyses of more and more of an image's layers, ending with the whole image.
func partsOf(t *testing.T, a *analyze.Analysis) []*analyze.Analysis {
	t.Helper()
	var parts []*analyze.Analysis
	for _, n := range []int{1, 2, 5} {
		part, err := analyze.StartLower(t.Context(), a.Image, analyze.Options{}, n)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part)
	}
	return append(parts, a)
}

// TestFirstViewShowsTheLargest checks that the first view always shows the largest directory.
func TestFirstViewShowsTheLargest(t *testing.T) {
	a := open(t, "app")
	for _, size := range [][2]int{{80, 24}, {80, 10}, {100, 12}, {40, 10}} {
		m := start(t, a, size[0], size[1])
		if m.explorer.files.top != 0 {
			t.Errorf("%v: first row is %d", size, m.explorer.files.top)
		}
		intact(t, m)
	}
}

func TestImageTitle(t *testing.T) {
	tests := []struct{ name, opened, want string }{
		{"app:1", "app.tar", "app:1"},
		{"latest", "app-oci.tar", "app-oci.tar:latest"},
		{"latest", "../x/app-oci.tar:latest", "app-oci.tar:latest"},
		{"latest", "", "latest"},
		{"ghcr.io/a/b", "docker://ghcr.io/a/b", "ghcr.io/a/b"},
	}
	for _, tt := range tests {
		if got := imageTitle(tt.name, tt.opened); got != tt.want {
			t.Errorf("%q opened as %q: got %q, want %q", tt.name, tt.opened, got, tt.want)
		}
	}
}

// TestMatchHasRoomAbove checks that a match that was out of sight is shown with rows above it,
// and that the directory of the first row is named.
func TestMatchHasRoomAbove(t *testing.T) {
	m := start(t, open(t, "app"), 120, 18)
	press(m, "E G")
	typed(m, "/libc")
	press(m, "enter")
	f := &m.explorer.files
	if f.cursor-f.top < 1 && f.top > 0 {
		t.Errorf("the match is row %d, but the first visible row is %d", f.cursor, f.top)
	}
	press(m, "G")
	if f.top > 0 && f.rows.at(f.top).depth > 0 {
		rowWith(t, m, m.a.Tree.Path(m.a.Tree.Parent(f.rows.at(f.top).head)))
	}
}

// TestKeysAreNeverSilent checks that a key that doesn't apply shows a message that says why,
// and that v and x work on the file that a row refers to.
func TestKeysAreNeverSilent(t *testing.T) {
	tests := []struct{ name, keys, says string }{
		{"view a group", "2 s s s enter g v", "a group of"},
		{"extract a group", "2 s s s enter g x", "a group of"},
		{"view a version", "2 s s s enter j l j v", "/var/lib/apt/lists/main.gz"},
		{"extract a version", "2 s s s enter j l j x", "to: out"},
		{"view a finding of a directory", "2 v", "/var/lib/apt/lists"},
		{"a key without a meaning", "2 u", "u does nothing here"},
		{"a control key without a meaning", "ctrl+x", "^x does nothing here"},
		{"a removal in the history", "m m m / m a i n . g z enter tab v", "layer 1 · binary"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := start(t, open(t, "app"), 120, 40)
			var r recorder
			m.options.Actions = r.actions()
			press(m, tt.keys)
			rowWith(t, m, tt.says)
		})
	}
}

// TestRedraw checks that a key draws the screen again, also while text is typed, because other
// programs may have written to the terminal.
func TestRedraw(t *testing.T) {
	for _, keys := range []string{"", "/ a", "?"} {
		m := start(t, open(t, "app"), 80, 24)
		press(m, keys)
		_, cmd := m.Update(keyOf("ctrl+l"))
		if cmd == nil {
			t.Errorf("after %q: the key does nothing", keys)
			continue
		}
		if got, want := fmt.Sprintf("%#v", messageOf(cmd)), fmt.Sprintf("%#v", tea.ClearScreen()); got != want {
			t.Errorf("after %q: got message %s, want %s", keys, got, want)
		}
	}
}

// messageOf returns the message of a command, or of a batch of one.
func messageOf(cmd tea.Cmd) tea.Msg {
	msg := cmd()
	if b, ok := msg.(tea.BatchMsg); ok && len(b) == 1 {
		return b[0]()
	}
	return msg
}
