package ui

import (
	"strings"
	"testing"
)

// TestHelpIsWhole checks that no line of the help is cut off: what doesn't fit goes on below.
func TestHelpIsWhole(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {100, 30}, {120, 40}} {
		for _, view := range []string{"1", "2", "3", "4", "5"} {
			for _, text := range []string{"", "/"} {
				m := start(t, open(t, "app"), size[0], size[1])
				press(m, view+" ?")
				if text != "" {
					press(m, text)
					typed(m, "the")
					press(m, "enter")
				}
				before := ""
				for now := strings.Join(screen(m), "\n"); now != before; now = strings.Join(screen(m), "\n") {
					if strings.Contains(now, "…") {
						t.Fatalf("%v, view %s: a line is cut off:\n%s", size, view, now)
					}
					before = now
					press(m, "pgdown")
				}
				intact(t, m)
			}
		}
	}
}
