package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// archive is a bundle in a plain tar that can be read at any place.
type archive struct {
	*members
	source *os.File
}

// openArchive lists the members of a plain tar by its headers alone.
func openArchive(ctx context.Context, f *os.File, size int64) (*archive, error) {
	a := &archive{members: newMembers(), source: f}
	s := &scanner{in: newSeekInput(f, size)}
	var h header
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		switch err := s.next(&h); {
		case err == io.EOF: //nolint:errorlint // only a bare EOF is the end
			return a, nil
		case err != nil:
			return nil, fmt.Errorf("reading the archive: %w", err)
		}
		b := &blob{name: memberName(string(h.name)), size: h.size, at: io.NewSectionReader(f, h.content, h.size)}
		if h.sparse {
			return nil, fmt.Errorf("%s: %w", b.name, errors.New("a sparse file in an archive of images"))
		}
		if err := a.add(&h, b); err != nil {
			return nil, err
		}
	}
}

func (a *archive) close() error { return a.source.Close() }
