//go:build dev

// Command sample writes testdata/sample.tar: the image "shop:1.4", a small web
// application with the faults that real images have. It holds every kind of
// waste that peel knows but one (no engine makes, or takes, a layer that holds a
// path twice), so that there is something to look at on a machine that has
// neither an engine nor an image.
//
//	go run -tags dev ./internal/sample > testdata/sample.tar
//
// The same bytes come out every time: nothing in it depends on the clock, the
// machine or the version of Go. A test compares them with the file.
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
