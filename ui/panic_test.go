package ui

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// TestPanicRestoresTheTerminal checks that a defect in the program doesn't leave the terminal
// in the screen's modes.
func TestPanicRestoresTheTerminal(t *testing.T) {
	a := open(t, "app")
	in, keys := io.Pipe()
	defer keys.Close()
	out := newScreenUp("app:1") // the title once the image is loaded: its name
	out.types(keys, "x\r")
	err := Run(t.Context(), Options{
		Name: "app", Input: in, Output: out, Environ: []string{"TERM=xterm-256color", "LANG=C.UTF-8"},
		Load: func(context.Context, func(Progress), func(*analyze.Analysis)) (*analyze.Analysis, error) {
			return a, nil
		},
		Actions: Actions{Extract: func(context.Context, *analyze.Analysis, Extraction, func(done, total int64)) (string, error) {
			panic("a defect")
		}},
	})
	if !errors.Is(err, tea.ErrProgramPanic) && !strings.Contains(err.Error(), "panic") {
		t.Errorf("the program ended with %v, want a panic", err)
	}
	const altScreen, mouse, cursor = "\x1b[?1049", "\x1b[?1002", "\x1b[?25"
	for _, mode := range []string{altScreen, mouse, cursor} {
		last := out.String()[strings.LastIndex(out.String(), mode):]
		on := byte('h')
		if mode == cursor {
			on = 'l'
		}
		if last[len(mode)] == on {
			t.Errorf("%q was not reset", mode)
		}
	}
}
