package cmd

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/charmbracelet/x/term"

	"github.com/peelhq/peel/report"
)

// terminal returns stream as a file if it is a terminal.
func terminal(stream any) (*os.File, bool) {
	f, ok := stream.(*os.File)
	if !ok || f == nil || !term.IsTerminal(f.Fd()) {
		return nil, false
	}
	return f, true
}

// terminalWidth returns a terminal's columns, or 80 if it doesn't say.
func terminalWidth(f *os.File) int {
	w, _, err := term.GetSize(f.Fd())
	if err != nil || w <= 0 {
		return 80
	}
	return w
}

// layout returns the layout of text for its destination: on a terminal, lines end at its edge;
// elsewhere, nothing is cut off, and prose is wrapped at COLUMNS or 80.
func (a *app) layout(to output) report.Layout {
	wide, _ := strconv.Atoi(os.Getenv("COLUMNS"))
	wide = min(max(wide, 0), maxColumns)
	tty, ok := terminal(a.stdout)
	if to.file != standardOutput || !ok {
		return report.Layout{Columns: wide}
	}
	return report.Layout{Columns: cmp.Or(wide, min(terminalWidth(tty), maxColumns)), Cut: true}
}

// maxColumns bounds the width of text: longer lines are hard to read.
const maxColumns = 1000

// A restorer restores a terminal, for a program that ends without waiting for the screen on it.
type restorer struct {
	mu  sync.Mutex
	act func() // nil if nothing is on a terminal
}

// set says how to restore the terminal; nil once it is restored.
func (r *restorer) set(act func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.act = act
}

func (r *restorer) restore() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.act != nil {
		r.act()
	}
	r.act = nil
}

// leaveScreen disables everything that the screen enables: bracketed paste, the
// mouse, focus reports, key disambiguation, the alternate screen, the hidden
// cursor, colours.
const leaveScreen = "\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2026l\x1b[<u\x1b[>4;0m\x1b[?1049l\x1b[?25h\x1b[0m"

// screenRestorer returns a function that restores a terminal, which a screen is about to use.
func screenRestorer(tty *os.File, out io.Writer) func() {
	state, err := term.GetState(tty.Fd())
	return func() {
		_, _ = io.WriteString(out, leaveScreen) // nobody is left to tell
		if err == nil {
			_ = term.Restore(tty.Fd(), state)
		}
	}
}

var errTerminalLost = errors.New("the terminal is gone")

// whileTerminal returns a context that ends when the terminal goes away; stop
// ends it, too.
func whileTerminal(ctx context.Context, tty *os.File) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		if waitLost(ctx, tty) {
			cancel(errTerminalLost)
		}
	}()
	return ctx, func() { cancel(nil) }
}
