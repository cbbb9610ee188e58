package ui

import (
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// TestFindingShowsItsFiles checks that enter on a finding shows its files, as many as the
// finding counts, through a filter that a key drops.
func TestFindingShowsItsFiles(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "2")
	p := m.views[1].(*fix)
	for i := range p.work.findings {
		f := &p.work.findings[i]
		if f.Rule != analyze.RuleWaste || f.Path == "" {
			continue
		}
		settle(m, showFiles(m, f))
		intact(t, m)
		if n, _ := m.explorer.files.view.Matched(); n != f.Versions {
			t.Errorf("%s: %d paths, want %d:\n%s", f.ID, n, f.Versions, strings.Join(screen(m), "\n"))
		}
		press(m, "F")
		if !m.explorer.files.request.filter.Empty() {
			t.Error("F doesn't drop the filter")
		}
		press(m, "backspace")
	}
}

// TestFilterText checks that a path written as a filter term matches exactly that path.
func TestFilterText(t *testing.T) {
	for _, path := range []string{"/a", "/a b", `/a"b`, `/a\b`, "/a*b", "/[a]", "/{a,b}", "/a:b"} {
		f, err := analyze.ParseFilter(filterText(path))
		if err != nil || f.Empty() {
			t.Errorf("%s: %v", path, err)
		}
	}
}
