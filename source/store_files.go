package source

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/zeebo/xxh3"
)

// storeFiles are one layer as an engine has unpacked it: its tar-split, and a
// folder with its files.
type storeFiles struct {
	image     *storeImage
	split     string // name of the tar-split, below the store
	splitSize int64  // in bytes
	tarSize   int64  // of the layer's tar, as the store says; -1 if it does not
	dir       string // of the files, below the store; "" if they are not understood
}

// storeImage is the bundle of an image that is read from a store.
type storeImage struct {
	root *os.Root // of the store
	log  *slog.Logger

	again *again // the image by the engine's API; nil: there is no other way
}

var _ bundle = (*storeImage)(nil)

func (s *storeImage) file(_ context.Context, name string) (*blob, error) {
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (s *storeImage) close() error {
	return errors.Join(s.root.Close(), s.again.close())
}

// layer finds a layer's tar-split and makes it one of the image's.
func (s *storeImage) layer(split, dir string, tarSize int64) (*storeFiles, error) {
	info, err := s.root.Lstat(filepath.FromSlash(split))
	if err != nil {
		return nil, err
	}
	return &storeFiles{image: s, split: split, splitSize: info.Size(), tarSize: tarSize, dir: dir}, nil
}

// scan reads the layer's entries from its tar-split.
func (f *storeFiles) scan(ctx context.Context, m *meter) *scanned {
	e, err := f.entries(ctx, m)
	return &scanned{entries: e, err: err}
}

func (f *storeFiles) entries(ctx context.Context, m *meter) (*Entries, error) {
	packed, _, err := openStored(f.image.root, f.split)
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	z, err := decompress(gzipped, meteredReader{ctx, packed, m})
	if err != nil {
		return nil, err
	}
	defer z.Close()
	e, size, err := scanSplit(ctx, z)
	if err == nil && f.tarSize >= 0 && size != f.tarSize {
		err = fmt.Errorf("the tar-split is of %d bytes, the layer has %d", size, f.tarSize)
	}
	return e, err
}

// open returns the content of entry i of layer l, from the engine's folder; what
// is not there as it should be, from the engine itself.
func (f *storeFiles) open(ctx context.Context, l *Layer, i int) (io.ReadCloser, error) {
	folder, err := f.folder()
	if err != nil {
		return f.image.elsewhere(ctx, l, i, err)
	}
	defer folder.Close()
	return f.openIn(ctx, folder, l, i)
}

// folder opens the folder of the layer's files.
func (f *storeFiles) folder() (*os.Root, error) {
	if f.dir == "" {
		return nil, fmt.Errorf("where the store keeps files is not known")
	}
	return f.image.root.OpenRoot(filepath.FromSlash(f.dir))
}

func (f *storeFiles) openIn(ctx context.Context, folder *os.Root, l *Layer, i int) (io.ReadCloser, error) {
	e := l.Entries.At(i)
	name := memberName(e.Name)
	if e.Type != File {
		return nil, l.wrap(fmt.Errorf("%q is a %s, not a file", name, e.Type))
	}
	if e.Size == 0 {
		return io.NopCloser(eofReader{}), nil
	}
	file, err := openSized(folder, name, e.Size)
	if err != nil {
		return f.image.elsewhere(ctx, l, i, err)
	}
	c := &storedContent{ctx: ctx, file: file, left: e.Size}
	if crc, ok := l.Entries.crc(i); ok {
		c.sum, c.want = crc64.New(crcTable), crc
	}
	c.wrap = func(err error) error { return l.wrap(fmt.Errorf("%q: %w", name, err)) }
	return c, nil
}

// openSized opens a file of a store that must have size bytes.
func openSized(folder *os.Root, name string, size int64) (*os.File, error) {
	file, is, err := openStored(folder, name)
	if err == nil && is != size {
		err = errors.Join(fmt.Errorf("%q has %d bytes in the store, %d in the layer", name, is, size), file.Close())
	}
	if err != nil {
		return nil, err
	}
	return file, nil
}

// each calls fn with the contents of entries, which are in no order.
func (f *storeFiles) each(ctx context.Context, l *Layer, entries []int, fn func(entry int, r io.Reader) error) error {
	folder, folderErr := f.folder()
	if folderErr == nil {
		defer folder.Close()
	}
	entries = slices.Clone(entries)
	slices.Sort(entries)
	for _, i := range slices.Compact(entries) {
		if l.Entries.Type(i) != File {
			continue
		}
		var r io.ReadCloser
		var err error
		if folderErr != nil {
			r, err = f.image.elsewhere(ctx, l, i, folderErr)
		} else {
			r, err = f.openIn(ctx, folder, l, i)
		}
		if err != nil {
			return err
		}
		if err := errors.Join(fn(i, r), r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// sum computes the checksums of entries as those of any other layer are.
func (f *storeFiles) sum(ctx context.Context, l *Layer, entries []int) error {
	return f.each(ctx, l, entries, func(i int, content io.Reader) error {
		x := xxh3.New()
		if _, err := io.Copy(x, content); err != nil {
			return err
		}
		l.Entries.late.set(i, x.Sum64())
		return nil
	})
}

// elsewhere opens entry i of layer l by the engine's API, since the store cannot
// be used because of reason.
func (s *storeImage) elsewhere(ctx context.Context, l *Layer, i int, reason error) (io.ReadCloser, error) {
	same, err := s.again.twin(ctx, l, storeReason(reason))
	if err != nil {
		return nil, err
	}
	return same.Open(ctx, i)
}

func storeReason(err error) error { return fmt.Errorf("reading the engine's store: %w", err) }

var crcTable = crc64.MakeTable(crc64.ISO)

// storedContent reads a file of a store, and says so if it is not what the layer
// was made of.
type storedContent struct {
	ctx  context.Context
	file *os.File
	left int64
	sum  hash.Hash64 // of what has been read; nil if there is nothing to compare with
	want uint64
	wrap func(error) error
}

var errStoreContent = errors.New("the file in the engine's store has been changed")

func (c *storedContent) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	if c.left == 0 {
		if c.sum != nil && c.sum.Sum64() != c.want {
			return 0, c.wrap(errStoreContent)
		}
		return 0, io.EOF
	}
	n, err := c.file.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if c.sum != nil {
		c.sum.Write(p[:n])
	}
	switch {
	case errors.Is(err, io.EOF) && c.left > 0:
		return n, c.wrap(io.ErrUnexpectedEOF)
	case errors.Is(err, io.EOF):
		err = nil // the end comes with the next call
	case err != nil:
		err = c.wrap(err)
	}
	return n, err
}

func (c *storedContent) Close() error { return c.file.Close() }

// eofReader reads an empty file.
type eofReader struct{}

func (eofReader) Read([]byte) (int, error) { return 0, io.EOF }
