//go:build dev

// Command ansisvg draws a terminal's screen as an SVG picture. It reads what
// `tmux capture-pane -e -p` prints, lines of text with escape sequences for the
// colours, and writes the picture to standard output:
//
//	tmux capture-pane -e -p | go run -tags dev ./internal/ansisvg > screen.svg
//
// Called with several screens in files, each after the seconds for which it is shown,
// it makes one picture that moves:
//
//	go run -tags dev ./internal/ansisvg 1.5:first 0.5:second > film.svg
//
// Every piece of text has its place and its length, so that columns stay
// aligned whatever font the reader has, and the signs that a screen is drawn
// with (borders, blocks, circles) are shapes, which need no font at all.
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
