//go:build dev

// Command generate writes a made-up image for benchmarks. The same flags give the same bytes.
//
//	go run -tags dev ./bench/generate -entries 1000000 -layers 10 -holes -o large.tar
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/peelhq/peel/bench/madeup"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	var im madeup.Image
	flag.IntVar(&im.Entries, "entries", 10_000, "how many `entries`, of all layers")
	flag.IntVar(&im.Layers, "layers", 10, "how many `layers`")
	flag.Int64Var(&im.Mean, "mean", 4096, "the average size of a file, in `bytes`")
	flag.IntVar(&im.Again, "again", 10, "`percent` of entries above layer 0 at paths of lower layers")
	flag.BoolVar(&im.Holes, "holes", false, "leave contents as holes (docker only)")
	form := flag.String("form", "docker", "docker (an archive of plain layers), gzip or zstd (an OCI layout in a folder)")
	out := flag.String("o", "", "the `file` or folder to write")
	flag.Parse()
	switch {
	case *out == "" || flag.NArg() > 0:
		return errors.New("usage: generate [flags] -o FILE")
	case im.Entries < 0 || im.Layers < 1 || im.Mean < 0:
		return errors.New("at least one layer, and nothing less than 0")
	case *form != "docker":
		return im.WriteOCI(*out, *form)
	}
	f, err := os.Create(*out)
	if err != nil {
		return err
	}
	return errors.Join(im.WriteDocker(f), f.Close())
}
