package ui

import (
	"strings"
	"testing"
)

// TestNarrow checks that the help, the image and the waste can be narrowed to a text as you
// type. esc shows everything again, and typed letters don't act as commands.
func TestNarrow(t *testing.T) {
	tests := []struct {
		name, keys, text string
		shows, hides     string
	}{
		{"packages", "5 /", "git", "git 1:2", "left-pad"},
		{"packages that are removed", "5 f", "removed", "git 1:2", "left-pad"},
		{"what no package owns", "5 /", "owned by", "owned by no package", "left-pad"},
		{"no package", "5 /", "qqq", "no package contains qqq", "numpy"},
		{"the help", "? /", "the value", "copy the path, the value", "a page down"},
		{"the help, nothing", "? /", "qqq", "no line of the help contains qqq", "a page down"},
		{"the image", "3 /", "digest", "Layers' digests", "How it is run"},
		{"the waste", "2 s s s enter f", "model", "/srv/app/model.bin", "main.gz"},
		{"the waste by a step", "2 s s s enter /", "apt/lists/*", "main.gz", "model"},
		{"findings", "2 /", "model", "model.bin", "package lists"},
		{"nothing wasted", "2 s s s enter /", "qq", "no wasted path contains qq", "main.gz"},
	}
	for _, tt := range tests {
		for _, size := range [][2]int{{80, 24}, {120, 40}} {
			t.Run(tt.name, func(t *testing.T) {
				fixture := "app"
				if tt.keys[0] == '5' {
					fixture = "packages"
				}
				m := start(t, open(t, fixture), size[0], size[1])
				press(m, tt.keys)
				typed(m, tt.text)
				intact(t, m)
				rowWith(t, m, tt.shows)
				press(m, "enter")
				if all := strings.Join(screen(m), "\n"); strings.Contains(all, tt.hides) {
					t.Errorf("%q is there:\n%s", tt.hides, all)
				}
				press(m, "esc")
				if all := strings.Join(screen(m), "\n"); strings.Contains(all, " with "+tt.text) {
					t.Errorf("still narrowed:\n%s", all)
				}
			})
		}
	}
}
