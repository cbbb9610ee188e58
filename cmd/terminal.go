package cmd

import (
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
