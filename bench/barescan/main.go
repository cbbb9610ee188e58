//go:build dev

// Command barescan is the yardstick for archives with plain layers: it only runs archive/tar
// over the layers of an archive, and seeks over their contents.
package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "barescan:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: barescan ARCHIVE")
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	layers, entries := 0, 0
	for archive := tar.NewReader(f); ; {
		member, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		layer := io.NewSectionReader(f, at, member.Size)
		var magic [5]byte
		if n, _ := layer.ReadAt(magic[:], 257); n < len(magic) || string(magic[:]) != "ustar" {
			continue
		}
		n, err := scan(layer)
		if err != nil {
			return fmt.Errorf("%s: %w", member.Name, err)
		}
		layers++
		entries += n
	}
	if layers == 0 {
		return errors.New("no plain layer in it")
	}
	fmt.Println(layers, "layers,", entries, "entries")
	return nil
}

// scan counts the entries of a layer. archive/tar uses Seek to skip contents.
func scan(layer io.ReadSeeker) (entries int, err error) {
	for r := tar.NewReader(layer); ; entries++ {
		if _, err := r.Next(); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return entries, err
		}
	}
}
