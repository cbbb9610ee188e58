package ui

import (
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// TestHide checks that keys hide the paths that the layer added, changed, removed or left
// unchanged, and show them again. Chips show what is hidden, and directories stay open or
// closed.
func TestHide(t *testing.T) {
	for _, size := range mapSizes {
		m := start(t, open(t, "app"), size[0], size[1])
		f := &m.explorer.files
		listed := func() []string {
			var out []string
			for r := range f.rows.all() {
				v, ok := f.view.Version(r.node)
				if filtered := !f.request.filter.Empty(); ok && v.Kind() != analyze.TypeDir && (!filtered || f.view.Matches(r.node)) {
					out = append(out, v.Change().String()+" "+m.a.Tree.Path(r.node))
				}
			}
			slices.Sort(out)
			return out
		}
		without := func(all []string, words ...string) []string {
			return slices.DeleteFunc(slices.Clone(all), func(s string) bool {
				word, _, _ := strings.Cut(s, " ")
				return slices.Contains(words, word)
			})
		}
		press(m, "E [ [ [ m") // only layer 4
		all := listed()
		tests := []struct {
			key   string
			hides []string
			chips []string
		}{
			{"A", []string{"added"}, []string{"no added"}},
			{"c", []string{"added", "modified", "metadata"}, []string{"no added", "no changed"}},
			{"A", []string{"modified", "metadata"}, []string{"no changed"}},
			{"R", []string{"modified", "metadata", "removed"}, []string{"no changed", "no removed"}},
			{"c", []string{"removed"}, []string{"no removed"}},
			{"R", nil, nil},
			{"U", []string{"identical"}, []string{"no unmodified"}},
			{"U", nil, nil},
		}
		for i, tt := range tests {
			press(m, tt.key)
			intact(t, m)
			if got, want := listed(), without(all, tt.hides...); !slices.Equal(got, want) {
				t.Errorf("%v: step %d: %q, want %q", size, i, got, want)
			}
			var chips []string
			for _, c := range m.explorer.filterChips() {
				chips = append(chips, c.text)
			}
			if !slices.Equal(chips, tt.chips) {
				t.Errorf("%v: step %d: got chips %q, want %q", size, i, chips, tt.chips)
			}
		}
		press(m, "M U") // in the union, only the changes of this layer
		for _, p := range listed() {
			n, _ := m.a.Tree.Lookup(p[strings.IndexByte(p, ' ')+1:])
			if v, _ := f.view.Version(n); v.Layer() != f.spec.At {
				t.Errorf("%v: %s has the version of layer %d, want %d", size, p, v.Layer(), f.spec.At)
			}
		}
		intact(t, m)
	}
}

// TestHideBesideFilter checks that a filter stays when something is hidden, that each can be
// dropped by its chip, and that F drops all.
func TestHideBesideFilter(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "C f m o d e l enter")
	opened := m.explorer.files.request.open().clone()
	press(m, "U A")
	if got := m.explorer.files.request.filter.String(); got != "model !here:added,unmodified" {
		t.Errorf("got filter %q", got)
	}
	if now := m.explorer.files.request.open(); now.all != opened.all {
		t.Error("directories were opened or closed")
	}
	settle(m, m.explorer.filterChips()[0].drop())
	if got := m.explorer.files.request.filter.String(); got != "!here:added,unmodified" {
		t.Errorf("without the filter: %q", got)
	}
	rowWith(t, m, "[no added ×] [no unmodified ×]")
	press(m, "F")
	if got := m.explorer.files.request.filter; !got.Empty() {
		t.Errorf("after F: %q", got)
	}
}
