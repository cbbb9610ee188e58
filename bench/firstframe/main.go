//go:build dev

// Command firstframe runs a command on a terminal of 120 columns and 40 rows until the screen
// shows a text, and then ends it. The time that it takes is how long a user waits for the
// screen.
//
//	go run -tags dev ./bench/firstframe -shows '? help' -- peel app.tar
//
// It is an error if the command ends before it has shown the text.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"
)

// patience is how long to wait for the text.
const patience = 2 * time.Minute

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "firstframe:", err)
		os.Exit(1)
	}
}

func run() error {
	text := flag.String("shows", "? help", "the `text` to wait for: what the screen draws last")
	flag.Parse()
	if flag.NArg() == 0 || *text == "" {
		return errors.New("usage: firstframe [-shows TEXT] -- COMMAND [ARG...]")
	}
	c := exec.Command(flag.Arg(0), flag.Args()[1:]...)
	c.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	tty, err := pty.StartWithSize(c, &pty.Winsize{Cols: 120, Rows: 40})
	if err != nil {
		return err
	}
	defer tty.Close()
	late := time.AfterFunc(patience, func() { _ = c.Process.Kill() }) // ends the read
	shown, err := waitFor(tty, *text)
	late.Stop()
	_ = c.Process.Kill() // it may have ended by itself
	_ = c.Wait()         // it was killed
	if err != nil {
		return fmt.Errorf("%s: %w, without having shown %q:\n%s", strings.Join(flag.Args(), " "), err, *text, shown)
	}
	return nil
}

// waitFor reads a terminal's output until it contains text, and returns it without escape
// sequences.
func waitFor(tty *os.File, text string) (shown string, err error) {
	var all []byte
	b := make([]byte, 1<<16)
	for {
		n, err := tty.Read(b)
		all = append(all, b[:n]...)
		if shown = ansi.Strip(string(all)); strings.Contains(shown, text) {
			return shown, nil
		}
		if err != nil {
			return shown, err
		}
	}
}
