//go:build unix

package main

import (
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestTerminalWrites checks that the program writes little to the terminal for a key, since the
// connection may be slow.
func TestTerminalWrites(t *testing.T) {
	testkit.Long(t, "it opens a screen for each key")
	program := build(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("COLORTERM", "") // 256 colours, as over SSH
	term := testkit.Start(t, exec.Command(program, filepath.Join("testdata", "sample.tar")), 120, 40)
	term.WaitFor("srv")
	before := term.WaitIdle()
	t.Logf("the first frame: %d bytes", term.Written()) // for comparison: no key may write this much
	for _, c := range []struct {
		name, prepare, key string
		most               int64
	}{
		{"a directory opened", "C\x1b[H", "l", 3000},
		{"all opened", "C\x1b[H", "E", 6000},
		{"a row down, to another file", "jj", "j", 700},
		{"a row up, to another file", "", "k", 700},
		{"a row up, to a directory", "", "k", 1500},
		{"a page down", "", "\x1b[6~", 6000},
		{"a page up", "", "\x1b[5~", 6000},
		{"another layer", "\x1b[H", "[", 8000},
		{"and back", "", "]", 8000},
		{"the menu of orders", "", "s", 6000},
		{"its next row", "", "j", 1500},
		{"another order", "", "\r", 8000},
		{"the next pane", "", "\t", 2000},
	} {
		// A busy machine may also count late output of the previous key, so the minimum of
		// several tries is what the key itself takes.
		n := int64(math.MaxInt64)
		for try := 0; try < 3 && n > c.most; try++ {
			if c.prepare != "" {
				term.Send(c.prepare)
				before = term.WaitIdle()
			}
			from := term.Written()
			term.Send(c.key)
			before = term.WaitChange(before)
			n = min(n, term.Written()-from)
		}
		t.Logf("%s: %d bytes", c.name, n)
		if n > c.most {
			t.Errorf("%s writes %d bytes, want at most %d", c.name, n, c.most)
		}
	}
	if !strings.Contains(before, "Files") {
		t.Errorf("the screen differs by now:\n%s", before)
	}
}
