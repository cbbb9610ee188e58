package cmd

import (
	"io"
	"os"
	"path/filepath"

	"github.com/peelhq/peel/analyze/dockerfile"
)

// readDockerfile reads the Dockerfile that findings are to name the lines of;
// nil if none is named.
func readDockerfile(name string) (*dockerfile.File, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usage("", "cannot read the Dockerfile: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, dockerfile.MaxSize+1)) // of one byte more, Parse says that it is too large
	if err != nil {
		return nil, usage("", "cannot read the Dockerfile: %w", err)
	}
	d, err := dockerfile.Parse(filepath.ToSlash(name), text)
	if err != nil {
		return nil, usage("", "cannot read the Dockerfile: %w", err)
	}
	return d, nil
}
