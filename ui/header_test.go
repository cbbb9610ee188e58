package ui

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// TestHead checks that the head names the view at every size, and shows the image's efficiency
// if it fits.
func TestHead(t *testing.T) {
	tests := []struct {
		w, h int
		keys string
		has  []string
		not  string
	}{
		{40, 10, "", []string{"app:1 · Files"}, "efficient"},
		{80, 24, "", []string{"app:1 · Files", "241 kB wasted (26.1 %)"}, "efficient"},
		{80, 24, "3", []string{"app:1 · Image"}, "efficient"},
		{120, 40, "3", []string{"app:1 · Image", "wasted (26.1 %)   73.9 % efficient"}, "zz"},
		{200, 60, "", []string{"app:1 · Files", "73.9 % efficient"}, "zz"},
	}
	a := open(t, "app")
	for _, tt := range tests {
		m := start(t, a, tt.w, tt.h)
		press(m, tt.keys)
		head := screen(m)[0]
		for _, s := range tt.has {
			if !strings.Contains(head, s) {
				t.Errorf("%dx%d: no %q in %q", tt.w, tt.h, s, head)
			}
		}
		if strings.Contains(head, tt.not) {
			t.Errorf("%dx%d: %q in %q", tt.w, tt.h, tt.not, head)
		}
	}
}

// TestHeadClicks checks that a click on a figure in the head opens the view that explains it.
func TestHeadClicks(t *testing.T) {
	for _, tt := range []struct {
		text string
		want viewID
	}{{"wasted", fixView}, {"efficient", imageView}, {"Files", 1}} {
		m := start(t, open(t, "app"), 120, 40)
		clickOn(t, m, 0, tt.text)
		if m.view != tt.want || len(m.over) > 0 {
			t.Errorf("%s: got view %d, want %d", tt.text, m.view, tt.want)
		}
	}
	m := start(t, open(t, "app"), 120, 40)
	clickOn(t, m, 0, "app:1")
	rowWith(t, m, "no list of images to pick from")
}

// TestNetOfLayers checks that a layer's stored bytes minus the bytes it hides are the image's
// growth.
func TestNetOfLayers(t *testing.T) {
	all, err := filepath.Glob(filepath.Join("..", "testdata", "*.image"))
	if err != nil || len(all) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, path := range append(all, filepath.Join("testdata", "app.image")) {
		name := filepath.Base(path)
		if slices.ContainsFunc([]string{"platform", "several-images", "unreadable", "windows-versions"}, func(s string) bool { return strings.HasPrefix(name, s) }) {
			continue // it needs options, or has another form
		}
		t.Run(name, func(t *testing.T) {
			a := openFixture(t, path)
			before := int64(0)
			for i, l := range a.Layers {
				after := a.Tree.View(analyze.Spec{Mode: analyze.Union, At: i}).Bytes(analyze.Root)
				if net := l.Stored - l.Hides; after-before != net {
					t.Errorf("layer %d: grew from %d to %d bytes, but the net is %d", i, before, after, net)
				}
				before = after
			}
		})
	}
}

// TestLayerColumns checks that the layers pane shows net change and counts if it's wide enough.
func TestLayerColumns(t *testing.T) {
	a := open(t, "app")
	m := start(t, a, 200, 60)
	rowWith(t, m, "hides      net")
	rowWith(t, m, "-97.0 kB")
	if strings.Contains(strings.Join(screen(m), "\n"), "changes") {
		t.Error("counts are shown")
	}
	m = start(t, a, 260, 60)
	rowWith(t, m, "net  changes")
	rowWith(t, m, "  +1 −1")
	intact(t, m)
}

// TestChangeCounts checks that a count is shown completely or not at all.
func TestChangeCounts(t *testing.T) {
	p := layers{lk: &look{sg: unicodeSigns}}
	for _, tt := range []struct {
		n    analyze.Counts
		want string
	}{
		{analyze.Counts{}, "                  "},
		{analyze.Counts{Added: 12345, Removed: 1}, "+12,345 −1        "},
		{analyze.Counts{Added: 123456, Modified: 1234, Removed: 12}, "+123,456 ~1,234 … "},
		{analyze.Counts{Added: 1234567, Modified: 12345678}, "+1,234,567 …      "},
		{analyze.Counts{Added: 1234567, Modified: 123}, "+1,234,567 ~123   "},
	} {
		var b strings.Builder
		l := line{b: &b, left: changesWidth}
		p.counts(&l, tt.n, func(s style) style { return s })
		l.fill()
		if b.String() != tt.want {
			t.Errorf("%+v: %q, want %q", tt.n, b.String(), tt.want)
		}
	}
}
