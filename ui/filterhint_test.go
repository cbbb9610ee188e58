package ui

import (
	"strings"
	"testing"
)

// A filter that finds nothing in what is shown says how many paths match in other
// layers, and what is wrong with a filter is not cut while there is room.
func TestFilterHints(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "f")
	typed(m, "layer:5 change:removed")
	if got := footerOf(m); !strings.HasSuffix(got, "none here; in other layers: 2") {
		t.Errorf("the footer says %q", got)
	}
	press(m, "enter")
	rowWith(t, m, "nothing matches here; in other layers 2 paths (m shows all)")
	press(m, "m m m")
	rowWith(t, m, "2 of ")

	press(m, "F f")
	typed(m, "mode:x")
	if got := footerOf(m); !strings.Contains(got, "writable or executable") {
		t.Errorf("the footer says %q", got)
	}
}
