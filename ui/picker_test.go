package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// fakeShop has images to pick from, and records which were opened.
type fakeShop struct {
	sources []Source
	images  map[string]*analyze.Analysis // by reference; others can't be opened
	mu      sync.Mutex
	opened  []string
}

func (s *fakeShop) open(ref string) Loader {
	return func(context.Context, func(Progress), func(*analyze.Analysis)) (*analyze.Analysis, error) {
		s.mu.Lock()
		s.opened = append(s.opened, ref)
		s.mu.Unlock()
		if a := s.images[ref]; a != nil {
			return a, nil
		}
		return nil, fmt.Errorf("cannot open %s: the disk \x1b[2J is gone", ref)
	}
}

// answers returns a source that answers with images.
func answers(name string, images ...Candidate) Source {
	return Source{name, func(context.Context) ([]Candidate, error) { return images, nil }}
}

// refuses returns a source that answers with an error.
func refuses(name string, err error) Source {
	return Source{name, func(context.Context) ([]Candidate, error) { return nil, err }}
}

// localImage returns a candidate that is the given number of hours old.
func localImage(from, name string, size int64, hours, layers int) Candidate {
	return Candidate{
		Ref: from + "://" + name, Name: name, From: from, Size: size,
		Created: noon.Add(-time.Duration(hours) * time.Hour), Layers: layers, Platform: "linux/amd64",
	}
}

func someImages() []Source {
	return []Source{
		answers("docker", localImage("docker", "debian:base", 199e6, 30, 1), localImage("docker", "app:1", 1230e6, 1, 12), localImage("docker", "ghcr.io/some/very/long/path/to/an/image-of-a-team:2026-11-24", 88e6, 24*90, -1)),
		answers("podman", localImage("podman", "localhost/app:1", 1240e6, 2, 12)),
		answers("files",
			Candidate{Ref: "old.tar.gz", Name: "old.tar.gz", From: "file", Size: 1234, Layers: -1},
			Candidate{Ref: "./shop", Name: "shop:3", From: "shop", Size: -1, Created: noon.Add(-24 * 800 * time.Hour), Layers: 3, Platform: "windows/amd64"}),
	}
}

// pickFrom returns the program on a terminal of w columns and h rows, with the picker open. No
// answer has arrived yet; the returned command fetches them.
func pickFrom(t testing.TB, s *fakeShop, w, h int, env ...string) (*model, tea.Cmd) {
	t.Helper()
	m := newModel(t.Context(), Options{Environ: append([]string{"LANG=C.UTF-8"}, env...), Sources: s.sources, Open: s.open})
	m.timer, m.now = nothingLater, func() time.Time { return noon }
	cmd := m.Init()
	m.Update(tea.WindowSizeMsg{Width: w, Height: h})
	return m, cmd
}

// picking is pickFrom after all sources have answered.
func picking(t testing.TB, s *fakeShop, w, h int, env ...string) *model {
	t.Helper()
	m, cmd := pickFrom(t, s, w, h, env...)
	settle(m, cmd)
	return m
}

// names returns the names that the picker lists, in order.
func names(m *model) string {
	var all []string
	for _, c := range m.picker.images {
		all = append(all, c.Name)
	}
	return strings.Join(all, " ")
}

func TestPickerFrames(t *testing.T) {
	sizes := [][2]int{{80, 24}, {120, 40}, {200, 60}, {40, 10}, {20, 5}}
	first := sizes[:1]
	long := errors.New("docker (unix:///var/run/docker.sock): dial unix /var/run/docker.sock: connect: permission denied; the socket is for group docker: join it (sudo usermod -aG docker $USER, then log in again), or use sudo")
	none := fmt.Errorf("podman: no socket found: %w", ErrNoSource)
	hostile := Candidate{Ref: "x", Name: "evil\x1b[2J\nname\u202e", From: "a\x1b]0;t\x07.tar", Platform: "lin\x1bux/\r", Layers: -1, Size: -1}
	wide := Candidate{Ref: "y", Name: "日本語のイメージ:最新", From: "日本語のファイル名です.tar", Platform: "linux/amd64", Layers: 2, Size: 5}
	tests := []struct {
		name    string
		sources []Source
		keys    string
		sizes   [][2]int
		env     []string
	}{
		{"picker", someImages(), "j", sizes, nil},
		{"picker-failing", []Source{refuses("docker", long), refuses("podman", none), someImages()[2]}, "", sizes, nil},
		{"picker-empty", []Source{answers("docker"), refuses("podman", none), answers("files")}, "", sizes, nil},
		{"picker-hostile", []Source{answers("docker", hostile, wide), refuses("podman", errors.New("no\x1b[2J\r\nway"))}, "", sizes, nil},
		{"picker-search", someImages(), "/ a p p", sizes, nil},
		{"picker-no-match", someImages(), "/ q q", first, nil},
		{"picker-by-size", someImages(), "s s s enter", first, nil}, {"picker-orders", someImages(), "s", first, nil},
		{"picker-help", someImages(), "?", first, nil},
		{"picker-failed", someImages(), "enter", first, nil},
		{"picker-ascii", someImages(), "", first, []string{"LANG=C"}},
	}
	for _, tt := range tests {
		for _, size := range tt.sizes {
			name := fmt.Sprintf("%s-%dx%d", tt.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				m := picking(t, &fakeShop{sources: tt.sources}, size[0], size[1], tt.env...)
				press(m, tt.keys)
				intact(t, m)
				golden(t, name, screen(m))
			})
		}
	}
}

// TestPickerFillsAsPlacesAnswer checks that the list fills up as sources answer, and shows
// which haven't.
func TestPickerFillsAsPlacesAnswer(t *testing.T) {
	s := &fakeShop{sources: someImages()}
	m, cmd := pickFrom(t, s, 80, 24)
	rowWith(t, m, "looking for images")
	rowWith(t, m, "asking docker, podman, files")
	var asked []tea.Cmd
	for cmds := []tea.Cmd{cmd}; len(cmds) > 0; cmds = cmds[1:] {
		switch msg := cmds[0]().(type) {
		case tea.BatchMsg:
			cmds = append(cmds, msg...)
		case sessionMsg:
			asked = append(asked, func() tea.Msg { return msg })
		}
	}
	if len(asked) != 3 {
		t.Fatalf("asked %d sources", len(asked))
	}
	settle(m, asked[1])
	rowWith(t, m, "asking docker, files")
	if got := names(m); got != "localhost/app:1" {
		t.Errorf("listed: %s", got)
	}
	intact(t, m)
	settle(m, asked[0], asked[2])
	if text := strings.Join(screen(m), "\n"); strings.Contains(text, "asking") {
		t.Errorf("still asking:\n%s", text)
	}
}

// TestPickerKeepsItsPlace checks that the cursor stays on its image while others arrive, except
// on the first row, where it stays on the newest.
func TestPickerKeepsItsPlace(t *testing.T) {
	s := &fakeShop{sources: someImages()}
	m := picking(t, s, 80, 24)
	press(m, "j j")
	c, _ := m.picker.current()
	was := c.Ref
	s.sources[1] = answers("podman", localImage("podman", "new:1", 1, 0, 1), localImage("podman", "newer:1", 1, 0, 1))
	m.picker.sources[1] = s.sources[1]
	press(m, "r")
	if c, _ = m.picker.current(); c.Ref != was {
		t.Errorf("the cursor moved from %s to %s", was, c.Ref)
	}
	press(m, "g r")
	if c, _ = m.picker.current(); c.Name != "new:1" {
		t.Errorf("got cursor on %s", c.Name)
	}
}

func TestPickerSorts(t *testing.T) {
	m := picking(t, &fakeShop{sources: someImages()[:2]}, 80, 24)
	const long = "ghcr.io/some/very/long/path/to/an/image-of-a-team:2026-11-24"
	for i, want := range []string{
		"app:1 localhost/app:1 debian:base " + long,
		"app:1 debian:base " + long + " localhost/app:1",
		"localhost/app:1 app:1 debian:base " + long,
		"app:1 localhost/app:1 debian:base " + long,
	} {
		if got := names(m); got != want {
			t.Errorf("%d: %s\nwant %s", i, got, want)
		}
		press(m, "s s enter")
	}
}

func TestPickerSearches(t *testing.T) {
	tests := []struct{ keys, want string }{
		{"/ A P P", "app:1 localhost/app:1"},
		{"/ p o d m a n", "localhost/app:1"},
		{"/ a p p space d o c k e r", "app:1"},
		{"/ w i n d o w s", "shop:3"},
		{"/ q q", ""},
		{"/ a p p esc", "app:1 localhost/app:1 debian:base ghcr.io/some/very/long/path/to/an/image-of-a-team:2026-11-24 shop:3 old.tar.gz"},
	}
	for _, tt := range tests {
		t.Run(tt.keys, func(t *testing.T) {
			m := picking(t, &fakeShop{sources: someImages()}, 80, 24)
			for k := range strings.FieldsSeq(tt.keys) {
				if k == "space" {
					send(m, tea.KeyPressMsg{Code: tea.KeySpace, Text: " "})
					continue
				}
				press(m, k)
			}
			intact(t, m)
			if got := names(m); got != tt.want {
				t.Errorf("listed: %s\nwant    %s", got, tt.want)
			}
		})
	}
}

// TestPickerWhileLoading checks that while an image is read, esc returns to the list and q
// quits.
func TestPickerWhileLoading(t *testing.T) {
	stuck := func(ctx context.Context, _ func(Progress), _ func(*analyze.Analysis)) (*analyze.Analysis, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	m := picking(t, &fakeShop{sources: someImages()}, 80, 24)
	m.options.Open = func(string) Loader { return stuck }
	_, cmd := m.Update(keyOf("enter"))
	done := make(chan struct{})
	go func() { // it doesn't change the model, since it's cancelled
		for cmds := []tea.Cmd{cmd}; len(cmds) > 0; cmds = cmds[1:] {
			if cmds[0] == nil {
				continue
			}
			if batch, ok := cmds[0]().(tea.BatchMsg); ok {
				cmds = append(cmds, batch...)
			}
		}
		close(done)
	}()
	rowWith(t, m, "Reading docker://app:1")
	rowWith(t, m, "esc lists images  q quits")
	intact(t, m)
	if _, quit := m.Update(keyOf("q")); !settle(m, quit) {
		t.Error("q doesn't quit")
	}
	_, back := m.Update(keyOf("esc"))
	<-done
	if settle(m, back) {
		t.Error("esc quits")
	}
	rowWith(t, m, "Images")
	if len(m.picker.refused) > 0 {
		t.Errorf("it says %q", m.picker.refused)
	}
}

// TestNamedImageFails checks that if an image named on the command line can't be opened, the
// program ends, since there's no list to return to.
func TestNamedImageFails(t *testing.T) {
	s := &fakeShop{sources: someImages()}
	m := newModel(t.Context(), Options{Environ: []string{"LANG=C.UTF-8"}, Sources: s.sources, Open: s.open, Load: s.open("x"), Name: "x"})
	m.timer = nothingLater
	if !settle(m, m.Init()) || m.err == nil {
		t.Errorf("the program goes on, with error %v", m.err)
	}
}

func TestPickerMouse(t *testing.T) {
	s := &fakeShop{sources: someImages(), images: map[string]*analyze.Analysis{"podman://localhost/app:1": open(t, "app")}}
	m := picking(t, s, 80, 24)
	click := tea.MouseClickMsg{Button: tea.MouseLeft, X: 10, Y: 4}
	send(m, click)
	if c, _ := m.picker.current(); c.Ref != "podman://localhost/app:1" || len(s.opened) > 0 {
		t.Fatalf("one click is on %s, and opens %q", c.Ref, s.opened)
	}
	send(m, click)
	if len(s.opened) != 1 || m.a == nil {
		t.Errorf("a double click opens %q", s.opened)
	}
}

func TestRunWithPicker(t *testing.T) {
	for keys, want := range map[string]error{"q": nil, "\x1b[Aq": nil, "\x03": ErrInterrupted} {
		in, typed := io.Pipe()
		out := newScreenUp(altScreenOn)
		out.types(typed, keys)
		s := &fakeShop{sources: someImages()}
		err := Run(t.Context(), Options{Sources: s.sources, Open: s.open, Input: in, Output: out, Environ: []string{"TERM=xterm", "LANG=C.UTF-8"}})
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%q: %v, want %v", keys, err, want)
		}
		_ = typed.Close()
	}
}

// pickKeys maps bytes of FuzzPicker to key presses.
var pickKeys = []string{
	"j", "k", "pgdown", "pgup", "g", "G", "enter", "/", "a", "p", "s", "r", "esc", "?", "ctrl+p", "backspace", "up", "down", "2", "q", "l",
}

// FuzzPicker presses any keys while images are picked and opened. The program must never panic,
// and every frame must be intact.
func FuzzPicker(f *testing.F) {
	f.Add([]byte("\x00\x06\x0e\x00\x06\x12\x0e\x07\x08\x09\x06"))
	f.Add([]byte("\xc0\x20\x14\x07\x08\x0c\x0a\xc1\xff\xff\xe0\x10\x10\xf0\x20\x20"))
	app, odd := open(f, "app"), open(f, "odd")
	f.Fuzz(func(t *testing.T, keys []byte) {
		if len(keys) > 120 {
			return
		}
		s := &fakeShop{sources: someImages(), images: map[string]*analyze.Analysis{"docker://app:1": app, "./shop": odd}}
		s.sources = append(s.sources, refuses("other", errors.New(strings.Repeat("why \x1b[2J ", 40))))
		hammer(t, picking(t, s, 80, 24), keys, pickKeys)
	})
}
