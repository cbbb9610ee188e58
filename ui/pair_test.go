package ui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// twoImages returns a shop with an earlier image, a later one, and one that can't be read.
func twoImages(t testing.TB) *fakeShop {
	t.Helper()
	earlier, later := open(t, "earlier"), open(t, "later")
	earlier.Image.Config.Env = []string{"PATH=/bin", "MODE=fast"}
	later.Image.Config.Env = []string{"PATH=/bin", "MODE=safe\x1b[2J", "TOKEN=3d7f8a9b2c4e6f1a0b5d"}
	earlier.Image.Config.User = "root"
	return &fakeShop{
		sources: []Source{answers("docker", localImage("docker", "app:1", 9e6, 3, 4), localImage("docker", "app:2", 20e6, 2, 4), localImage("docker", "broken", 1e6, 1, 2))},
		images:  map[string]*analyze.Analysis{"docker://app:1": earlier, "docker://app:2": later},
	}
}

// comparing returns the program on a terminal of w columns and h rows, comparing two images of
// a shop.
func comparing(t testing.TB, s *fakeShop, sides [2]Side, w, h int, env ...string) *model {
	t.Helper()
	m := newModel(t.Context(), Options{
		Environ: append([]string{"LANG=C.UTF-8"}, env...),
		Compare: &sides, Sources: s.sources, Open: s.open,
	})
	m.timer = nothingLater
	settle(m, m.Init())
	send(m, tea.WindowSizeMsg{Width: w, Height: h})
	return m
}

var bothSides = [2]Side{{Ref: "docker://app:1", Name: "app:1", At: -1}, {Ref: "docker://app:2", Name: "app:2", At: -1}}

func differencesOf(t testing.TB, m *model) *differences {
	t.Helper()
	d, ok := m.views[0].(*differences)
	if !ok {
		t.Fatalf("%T is shown", m.views[0])
	}
	return d
}

func TestPairFrames(t *testing.T) {
	sizes := [][2]int{{80, 24}, {120, 40}, {200, 60}, {40, 10}, {20, 5}}
	first := sizes[:1]
	tests := []struct {
		name, keys string
		sizes      [][2]int
		env        []string
	}{
		{"start", "", sizes, nil},
		{"layers", "tab j j", sizes[:4], nil},
		{"path", "j j j j", sizes[:2], nil},
		{"filter", "f c h a n g e : a d d e d enter", sizes, nil},
		{"filter-wrong", "f c h a n g e : b", first, nil},
		{"search", "/ l o g o enter", sizes[:2], nil},
		{"orders", "s s", first, nil},
		{"by-name", "s s s s enter E", first, nil},
		{"summary", "2", sizes, nil},
		{"summary-odd", "2 / t o k e n enter", first, nil},
		{"compare", "/ a p p . c o n f enter d", sizes[:2], nil},
		{"view-then", "/ a p p . c o n f enter V", first, nil},
		{"help", "?", first, nil},
		{"stacked", "", [][2]int{{60, 40}}, nil},
		{"ascii", "j", first, []string{"LANG=C"}},
		{"no-color", "j", first, []string{"NO_COLOR=1"}},
	}
	s := twoImages(t)
	for _, tt := range tests {
		for _, size := range tt.sizes {
			name := fmt.Sprintf("pair-%s-%dx%d", tt.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				m := comparing(t, s, bothSides, size[0], size[1], tt.env...)
				press(m, tt.keys)
				intact(t, m)
				golden(t, name, screen(m))
			})
		}
	}
}

// TestPairThemes shows both views of a comparison in every theme.
func TestPairThemes(t *testing.T) {
	s := twoImages(t)
	for _, th := range testedThemes {
		for _, v := range []struct{ name, keys string }{{"pair", "j"}, {"summary", "2 j"}} {
			name := "theme-" + th.name + "-" + v.name
			t.Run(name, func(t *testing.T) {
				m := comparing(t, s, bothSides, 80, 24)
				send(m, tea.ColorProfileMsg{Profile: th.colours})
				m.isDark = th.isDark
				m.restyle()
				press(m, v.keys)
				intact(t, m)
				content := m.View().Content
				if coloured := strings.Contains(content, "\x1b[3"); coloured && th.name == "plain" {
					t.Error("the theme without colours has a colour")
				}
				golden(t, name, strings.Split(strings.ReplaceAll(content, "\x1b", "^["), "\n"))
			})
		}
	}
}

// TestPairLoading checks that the progress of both images is shown while they are read.
func TestPairLoading(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {40, 10}, {20, 5}} {
		name := fmt.Sprintf("pair-loading-%dx%d", size[0], size[1])
		t.Run(name, func(t *testing.T) {
			m := newModel(t.Context(), Options{Environ: []string{"LANG=C.UTF-8"}, Compare: &bothSides, Open: twoImages(t).open, Sources: someImages()})
			m.timer = nothingLater
			m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			m.pair.loading[then].report(Progress{What: "docker://app:1", Bytes: 100e6, TotalBytes: 200e6, Layers: 3, TotalLayer: 4})
			m.pair.loading[now].report(Progress{What: "docker://app:2", Bytes: 10e6})
			m.Update(tickMsg{})
			intact(t, m)
			golden(t, name, screen(m))
			m.pair.read.Store(true)
			intact(t, m)
			if all := strings.Join(screen(m), "\n"); !m.areas.tooSmall && !strings.Contains(all, "Comparing") {
				t.Errorf("the screen doesn't say that they are being compared:\n%s", all)
			}
		})
	}
}

// TestPairShowsWhatDiffers checks that the tree has the paths of the text form, with the right
// sums.
func TestPairShowsWhatDiffers(t *testing.T) {
	s := twoImages(t)
	m := comparing(t, s, bothSides, 120, 40)
	d := differencesOf(t, m)
	want, err := analyze.Compare(t.Context(), analyze.Final(s.images["docker://app:1"]), analyze.Final(s.images["docker://app:2"]), 0)
	if err != nil {
		t.Fatal(err)
	}
	press(m, "E")
	listed := map[string]bool{}
	for _, r := range d.rows.rows {
		for at := int(r.node); ; at = d.c.tree.Parent(at) {
			if d.c.tree.Change(at) != analyze.Identical {
				listed[d.c.tree.Path(at)] = true
			}
			if at == int(r.head) {
				break
			}
		}
	}
	for _, p := range want.Paths {
		if !listed[p.Path] && p.Path != "/" {
			t.Errorf("%s isn't shown", p.Path)
		}
	}
	if sum := d.rows.sizes(0); sum.before != want.Before.Visible || sum.after != want.After.Visible {
		t.Errorf("%+v, want %+v and %+v", sum, want.Before, want.After)
	}
	if len(d.c.diff.Layers) != len(want.Layers) {
		t.Errorf("%d layers, want %d", len(d.c.diff.Layers), len(want.Layers))
	}
}

// TestPairKeys checks the keys of a comparison, at both sizes.
func TestPairKeys(t *testing.T) {
	tests := []struct {
		name, keys string
		want       []string // on the screen
		not        string
	}{
		{"the largest difference first", "g", []string{"srv/", "+13.3 MB"}, ""},
		{"a file compared", "/ a p p . c o n f enter enter", []string{"now, layer 2 ← then, layer 2", "- workers 4", "+ workers 8"}, ""},
		{"its later version", "/ a p p . c o n f enter v", []string{"now: layer 2", "level debug"}, ""},
		{"its earlier version", "/ a p p . c o n f enter V", []string{"then: layer 2", "workers 4"}, "level debug"},
		{"what was added, viewed", "/ l a r g e . b i n enter V", []string{"now: layer 3"}, ""},
		{"what was removed, viewed", "/ d a e m o n enter v", []string{"then: layer 1"}, ""},
		{"what was removed, compared", "/ d a e m o n enter d", []string{"is removed: nothing to compare it with"}, ""},
		{"a filter on changes", "f c h a n g e : m e t a d a t a enter", []string{"logo.png", "1 of"}, "large.bin"},
		{"a filter that excludes", "f ! c h a n g e : a d d e d enter", []string{"server", "8 of 15"}, "large.bin"},
		{"a filter on names", "f * . b i n enter", []string{"large.bin", "pkgcache.bin"}, "logo.png"},
		{"a filter on sizes", "f > 3 M B enter", []string{"large.bin"}, "logo.png"},
		{"F drops the filter", "f > 3 M B enter F", []string{"large.bin", "Differences"}, "filter:"},
		{"esc drops it too", "f > 3 M B enter X", []string{"Differences"}, "filter:"},
		{"nothing matches", "f z z z enter", []string{"no difference matches the filter"}, "large.bin"},
		{"a wrong filter", "f l a y e r : x enter", []string{"not a layer"}, "filter:"},
		{"a search wraps round", "/ l a r g e enter n n", []string{"large.bin"}, ""},
		{"nothing found", "/ q q q enter n", []string{"no changed path contains qqq"}, ""},
		{"layers have their own cursor", "tab G", []string{"rm -rf", "gone:"}, ""},
		{"a layer that only one image has", "] ]", []string{"new: only the later"}, ""},
		{"the summary", "2 G", []string{"TOKEN", "env MODE", "1:2.47 ← 1:2.39"}, ""},
		{"and back", "2 1", []string{"Differences"}, ""},
		{"esc doesn't leave the comparison", "esc esc esc", []string{"Differences"}, ""},
		{"the views of one image aren't available", "3", []string{"3 does nothing here"}, ""},
		{"a number doesn't select a layer", ": 5 enter", []string{"a number selects a layer of one image"}, ""},
		{"by name", "s s s s enter g", []string{"by name ▾"}, ""},
		{"reverse the order", "S", []string{"by growth ▴"}, ""},
		{"a path copied", "/ l o g o enter y", []string{"path copied"}, ""},
	}
	s := twoImages(t)
	for _, tt := range tests {
		for _, size := range [][2]int{{80, 24}, {120, 40}} {
			t.Run(fmt.Sprintf("%s %d", tt.name, size[0]), func(t *testing.T) {
				m := comparing(t, s, bothSides, size[0], size[1])
				press(m, tt.keys)
				intact(t, m)
				all := strings.Join(screen(m), "\n")
				for _, want := range tt.want {
					if !strings.Contains(all, want) {
						t.Errorf("no %q on\n%s", want, all)
					}
				}
				if tt.not != "" && strings.Contains(all, tt.not) {
					t.Errorf("the screen contains %q:\n%s", tt.not, all)
				}
			})
		}
	}
}

// TestPairOfOneImage checks that two unions of one image can be compared, and that the image is
// read once.
func TestPairOfOneImage(t *testing.T) {
	s := twoImages(t)
	m := comparing(t, s, [2]Side{{Ref: "docker://app:1", Name: "app:1", At: 1}, {Ref: "docker://app:1", Name: "app:1", At: -1}}, 120, 40)
	intact(t, m)
	rowWith(t, m, "app:1 after layer 1 → app:1")
	if len(s.opened) != 1 {
		t.Errorf("opened %v", s.opened)
	}
	press(m, "E")
	rowWith(t, m, "app.conf")
}

// TestPickerCompares checks that in the list of images, you can mark one and press enter on
// another to compare them. The way back leads to the image that was open, and to your place in
// it.
func TestPickerCompares(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		s := twoImages(t)
		m := picking(t, s, size[0], size[1])
		press(m, "G space")
		intact(t, m)
		rowWith(t, m, "◆ app:1")
		rowWith(t, m, "compares with app:1")
		press(m, "enter")
		rowWith(t, m, "this is the marked image")
		press(m, "k enter")
		intact(t, m)
		rowWith(t, m, "app:1 → app:2")
		press(m, "/ l o g o enter ctrl+p")
		intact(t, m)
		press(m, "esc")
		rowWith(t, m, "app:1 → app:2")
		press(m, "ctrl+p G enter")
		rowWith(t, m, "Files after layer 3")
		press(m, "backspace")
		intact(t, m)
		rowWith(t, m, "app:1 → app:2")
		if got := differencesOf(t, m).path(); got != "/srv/app/static/logo.png" {
			t.Errorf("back at %s", got)
		}
	}
}

// TestPickerUnmarks checks that the same key or esc removes a mark.
func TestPickerUnmarks(t *testing.T) {
	for _, key := range []string{"space", "esc"} {
		s := twoImages(t)
		m := picking(t, s, 80, 24)
		press(m, "G space "+key+" enter")
		if m.pair != nil || m.a == nil {
			t.Errorf("%s doesn't remove the mark", key)
		}
	}
}

// TestPairFails checks that if one of the two images can't be read, the error names it, and the
// image that was open returns.
func TestPairFails(t *testing.T) {
	for _, keys := range []string{"g space j enter", "j space g enter"} {
		s := twoImages(t)
		m := picking(t, s, 120, 40)
		press(m, "G enter 2 ctrl+p "+keys)
		intact(t, m)
		rowWith(t, m, "cannot open docker://broken")
		press(m, "esc")
		intact(t, m)
		rowWith(t, m, "app:1 · "+views[1].title)
		if m.pair != nil {
			t.Error("still a comparison")
		}
	}
	t.Run("from the start", func(t *testing.T) {
		m := newModel(t.Context(), Options{
			Environ: []string{"LANG=C.UTF-8"}, Open: twoImages(t).open,
			Compare: &[2]Side{{Ref: "docker://app:1", Name: "app:1", At: -1}, {Ref: "docker://broken", Name: "broken", At: -1}},
		})
		m.timer = nothingLater
		if quit := settle(m, m.Init()); !quit || m.err == nil || !strings.Contains(m.err.Error(), "cannot open docker://broken") {
			t.Errorf("the program ends: %v, with error %v", quit, m.err)
		}
	})
}

// TestPairCloses checks that each image is closed once when it's left, even if the comparison
// is cancelled while an image is being read.
func TestPairCloses(t *testing.T) {
	s := twoImages(t)
	closed := map[*analyze.Analysis]int{}
	begin := func() *model {
		clear(closed)
		m := newModel(t.Context(), Options{
			Environ: []string{"LANG=C.UTF-8"}, Open: s.open, Sources: s.sources, Compare: &bothSides,
			Close: func(a *analyze.Analysis) { closed[a]++ },
		})
		m.timer = nothingLater
		return m
	}
	m := begin()
	settle(m, m.Init())
	send(m, tea.WindowSizeMsg{Width: 80, Height: 24})
	press(m, "ctrl+p G enter")
	if m.pair != nil || closed[s.images["docker://app:2"]] != 1 || closed[s.images["docker://app:1"]] != 1 {
		t.Errorf("closed %v", closed)
	}
	m = begin()
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	cmd := m.Init()
	press(m, "esc")
	settle(m, cmd)
	if closed[s.images["docker://app:2"]] != 1 || closed[s.images["docker://app:1"]] != 1 {
		t.Errorf("cancelled: closed %v", closed)
	}
	rowWith(t, m, "Images")
}

// TestPairCancels checks that cancelling one read ends the other too.
func TestPairCancels(t *testing.T) {
	failure := errors.New("no such image")
	m := newModel(t.Context(), Options{
		Environ: []string{"LANG=C.UTF-8"}, Compare: &bothSides,
		Open: func(ref string) Loader {
			return func(ctx context.Context, _ func(Progress), _ func(*analyze.Analysis)) (*analyze.Analysis, error) {
				if ref == "docker://app:2" {
					return nil, failure
				}
				<-ctx.Done()
				return nil, ctx.Err()
			}
		},
	})
	m.timer = nothingLater
	if settle(m, m.Init()); !errors.Is(m.err, failure) {
		t.Errorf("the program ended with %v, want %v", m.err, failure)
	}
}

// FuzzPairKeys presses any keys and clicks anywhere in a comparison. The program must never
// panic, and every frame must be intact.
func FuzzPairKeys(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"))
	f.Add([]byte("\xc0\x30\x12\x0b\x0b\x0b\x00\x00\xf0\x20\x08\x10\x10\x10\x0d\x06\x07"))
	f.Add([]byte("\xd0\x05\x05\x0d\xd0\xff\xff\xe0\x10\x10\xe1\x40\x08\xe2\x50\x06"))
	s := twoImages(f)
	s.images["docker://odd"] = open(f, "odd")
	s.images["docker://none"] = open(f, "no-layers")
	refs := []string{"docker://app:1", "docker://app:2", "docker://odd", "docker://none"}
	keys := append([]string{"V", "c", "h", "d"}, fuzzKeys...)
	f.Fuzz(func(t *testing.T, typed []byte) {
		if len(typed) < 2 || len(typed) > 120 {
			return
		}
		before, after := refs[int(typed[0])%len(refs)], refs[int(typed[0]/4)%len(refs)]
		m := comparing(t, s, [2]Side{{Ref: before, Name: before, At: int(typed[1]%4) - 1}, {Ref: after, Name: after, At: -1}}, 80, 24)
		intact(t, m)
		hammer(t, m, typed[2:], keys)
	})
}
