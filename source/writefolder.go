package source

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/peelhq/peel/internal/draft"
)

// A folderWriter writes blobs as files.
type folderWriter struct{ root *os.Root }

var _ blobWriter = (*folderWriter)(nil)

func (f *folderWriter) blob(name func(string) string, write func(io.Writer) error) (_ string, _ int64, err error) {
	d, err := draft.New(f.root, 0o666)
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, d.Discard()) }()
	sum := sha256.New()
	out := bufio.NewWriterSize(d, memberBuffer)
	if err := write(io.MultiWriter(out, sum)); err != nil {
		return "", 0, err
	}
	if err := out.Flush(); err != nil {
		return "", 0, err
	}
	size, err := d.Seek(0, io.SeekCurrent)
	if err != nil {
		return "", 0, err
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	err = d.Create(filepath.FromSlash(name(digest)))
	if errors.Is(err, fs.ErrExist) {
		err = nil // the same layer twice
	}
	return digest, size, err
}

// WriteOCIFolder writes the image as an OCI layout into an empty folder. Kept layers keep their
// compression.
func (n *NewImage) WriteOCIFolder(ctx context.Context, dir string) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := root.MkdirAll(filepath.Join("blobs", "sha256"), 0o777); err != nil {
		return err
	}
	f := &folderWriter{root}
	return n.writeLayout(ctx, f, func(name string, text []byte) error {
		return root.WriteFile(filepath.FromSlash(name), text, 0o666)
	})
}
