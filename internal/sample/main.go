//go:build dev

// Command sample writes testdata/sample.tar: the image "shop:1.4", a small web application with
// the faults of real images. It has every kind of waste that peel knows except one (no engine
// makes or accepts a layer with the same path twice), so that you can try peel on a machine
// without an engine or an image.
//
//	go run -tags dev ./internal/sample > testdata/sample.tar
//
// The output is always the same: nothing in it depends on the clock, the machine or the version
// of Go. A test compares it with the file.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sample:", err)
		os.Exit(1)
	}
}

// run writes the archive to w.
func run(w io.Writer) error {
	out := bufio.NewWriter(w)
	if err := writeArchive(out, "shop:1.4", shop()); err != nil {
		return err
	}
	return out.Flush()
}
