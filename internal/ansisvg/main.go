//go:build dev

// Command ansisvg draws a terminal's screen as an SVG picture. It reads the output of `tmux
// capture-pane -e -p`, which is text with escape sequences for colours, and writes the picture
// to standard output:
//
//	tmux capture-pane -e -p | go run -tags dev ./internal/ansisvg > screen.svg
//
// With several screens in files, each preceded by the number of seconds to show it, it writes
// one animated picture:
//
//	go run -tags dev ./internal/ansisvg 1.5:first 0.5:second > film.svg
//
// Every piece of text has a fixed position and length, so columns stay aligned in any font. The
// symbols that draw the screen (borders, blocks, circles) are shapes, which need no font.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

func main() {
	var err error
	if len(os.Args) > 1 {
		err = film(os.Args[1:], os.Stdout)
	} else {
		err = run(os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ansisvg:", err)
		os.Exit(1)
	}
}

func run(r io.Reader, w io.Writer) error {
	in, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("reading the screen: %w", err)
	}
	out := bufio.NewWriter(w)
	draw(out, parse(string(in)))
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the picture: %w", err)
	}
	return nil
}
