package ui

import (
	"strings"
	"testing"
)

// TestFilterHints checks that a filter without matches in the shown rows says how many paths
// match in other layers, and that the error of an invalid filter isn't cut short while there's
// room.
func TestFilterHints(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "f")
	typed(m, "layer:5 change:removed")
	if got := footerOf(m); !strings.HasSuffix(got, "none here; in other layers: 2") {
		t.Errorf("got footer %q", got)
	}
	press(m, "enter")
	rowWith(t, m, "nothing matches here; m shows 2 paths in other layers")
	press(m, "m")
	rowWith(t, m, "2 of ")

	press(m, "F f")
	typed(m, "mode:x")
	if got := footerOf(m); !strings.Contains(got, "writable or executable") {
		t.Errorf("got footer %q", got)
	}
}
