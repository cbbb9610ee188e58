package cmd

import (
	"io"
	"os"
	"path/filepath"

	"github.com/peelhq/peel/analyze"
)

// maxDockerfile bounds what is read of a Dockerfile, in bytes.
const maxDockerfile = 4 << 20

// readDockerfile reads the Dockerfile that findings are to name the lines of;
// nil if none is named.
func readDockerfile(name string) (*analyze.Dockerfile, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usage("", "cannot read the Dockerfile: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxDockerfile+1)) // one byte more is an error to who parses it
	if err != nil {
		return nil, usage("", "cannot read the Dockerfile: %w", err)
	}
	d, err := analyze.ParseDockerfile(filepath.ToSlash(name), text)
	if err != nil {
		return nil, usage("", "cannot read the Dockerfile: %w", err)
	}
	return d, nil
}

// advise adds to an outcome what is to be mended in the build. Waste that is
// ignored is left out of that, too.
func advise(an *analyze.Analysis, o *analyze.Outcome, d *analyze.Dockerfile) {
	counted := *an
	counted.Waste = o.Waste
	o.Add(analyze.Advise(&counted, analyze.AdviceOptions{Dockerfile: d})...)
}
