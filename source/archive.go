package source

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/peelhq/peel/source/layer"
)

// An archive is a bundle in a plain tar that supports random access.
type archive struct {
	*members
	source io.Closer
	shelf  *layer.Shelf
}

// An archiveFile is an open file, or what reads like one.
type archiveFile interface {
	io.ReaderAt
	io.Closer
}

// openArchive lists the members of a plain tar. It reads only their headers.
func openArchive(ctx context.Context, f archiveFile, size int64) (*archive, error) {
	a := &archive{members: newMembers(), source: f, shelf: layer.NewShelf()}
	s := layer.NewTar(f, size)
	var h layer.Header
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		switch err := s.Next(&h); {
		case err == io.EOF: //nolint:errorlint // only a bare EOF is the end
			return a, nil
		case err != nil:
			return nil, fmt.Errorf("reading the archive: %w", err)
		}
		if err := a.admit(&h); err != nil {
			return nil, err
		}
		a.add(&h, &storedBlob{label: label{memberName(string(h.Name)), h.Size}, at: h.At(f), shelf: a.shelf})
	}
}

func (a *archive) close() error { return errors.Join(a.shelf.Close(), a.source.Close()) }
