package cmd

import (
	"context"
	"errors"
	"os"

	"github.com/charmbracelet/x/term"
)

// terminal returns stream as a file if it is a terminal.
func terminal(stream any) (*os.File, bool) {
	f, ok := stream.(*os.File)
	if !ok || f == nil || !term.IsTerminal(f.Fd()) {
		return nil, false
	}
	return f, true
}

// terminalWidth returns a terminal's columns, 80 if it does not say.
func terminalWidth(f *os.File) int {
	w, _, err := term.GetSize(f.Fd())
	if err != nil || w <= 0 {
		return 80
	}
	return w
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
