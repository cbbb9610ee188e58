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

	"github.com/peelhq/peel/source/layer"
)

// storeFiles are the files of an unpacked layer: its tar-split and a folder with its content.
type storeFiles struct {
	image     *storeImage
	split     string // path of the tar-split in the store
	splitSize int64  // in bytes
	tarSize   int64  // size of the layer's tar according to the store; -1 if unknown
	dir       string // content folder in the store; "" if not understood

	// These identify the layer in the image from the engine's API.
	index  int
	diffID string
}

var _ layer.Reader = (*storeFiles)(nil)

// storeImage is the bundle of an image that is read from a store.
type storeImage struct {
	root *os.Root // of the store
	log  *slog.Logger

	viaAPI *reopener // the image by the engine's API; nil: not available
}

var _ bundle = (*storeImage)(nil)

func (s *storeImage) file(_ context.Context, name string) (blob, error) {
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (s *storeImage) close() error {
	return errors.Join(s.root.Close(), s.viaAPI.close())
}

// layer returns the files of a layer that has a tar-split.
func (s *storeImage) layer(split, dir string, tarSize int64) (*storeFiles, error) {
	info, err := s.root.Lstat(filepath.FromSlash(split))
	if err != nil {
		return nil, err
	}
	return &storeFiles{image: s, split: split, splitSize: info.Size(), tarSize: tarSize, dir: dir}, nil
}

// Scan reads the layer's entries from its tar-split.
func (f *storeFiles) Scan(ctx context.Context, o layer.ScanOptions) (*layer.Scanned, error) {
	e, err := f.entries(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &layer.Scanned{Entries: e}
	return s, layer.Gather(ctx, f, s, o.Collect)
}

func (f *storeFiles) entries(ctx context.Context, o layer.ScanOptions) (*Entries, error) {
	packed, _, err := openStored(f.image.root, f.split)
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	z, err := layer.Unpack(layer.Gzip, layer.Watched(ctx, packed, o.Progress))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.split, err)
	}
	defer z.Close()
	e, size, err := layer.ScanSplit(ctx, z, o.Budget)
	if err == nil && f.tarSize >= 0 && size != f.tarSize {
		err = fmt.Errorf("the tar-split is of %d bytes, the layer has %d", size, f.tarSize)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.split, err)
	}
	return e, nil
}

// Open returns the content of entry i from the engine's folder. If the file is missing or
// changed, it comes from the engine's API.
func (f *storeFiles) Open(ctx context.Context, e *Entries, i int) (io.ReadCloser, error) {
	folder, err := f.folder()
	if err != nil {
		return f.readViaAPI(err).Open(ctx, e, i)
	}
	defer folder.Close()
	return f.openIn(ctx, folder, e, i)
}

// Each opens the files one after the other.
func (f *storeFiles) Each(ctx context.Context, e *Entries, entries []int, fn func(i int, r io.Reader) error) error {
	folder, err := f.folder()
	if err != nil {
		return f.readViaAPI(err).Each(ctx, e, entries, fn)
	}
	defer folder.Close()
	return layer.EachOpened(ctx, e, entries, func(i int) (io.ReadCloser, error) { return f.openIn(ctx, folder, e, i) }, fn)
}

// Body returns the content of entry i, like Open but unverified.
func (f *storeFiles) Body(ctx context.Context, e *Entries, i int) (*Body, error) {
	if err := e.NotFile(i); err != nil {
		return nil, err
	}
	size := e.Size(i)
	if size == 0 {
		return layer.NewBody(0, nil, nil), nil
	}
	folder, err := f.folder()
	if err != nil {
		return f.readViaAPI(err).Body(ctx, e, i)
	}
	defer folder.Close()
	name := memberName(e.At(i).Name)
	file, err := openSized(folder, name, size)
	if err != nil {
		return f.readViaAPI(err).Body(ctx, e, i)
	}
	return layer.NewBody(size, func(_ context.Context, p []byte, off int64) (int, error) {
		n, err := file.ReadAt(p, off)
		if n > 0 {
			return n, nil
		}
		return 0, fmt.Errorf("%q: %w", name, shorter(err))
	}, file.Close), nil
}

// readViaAPI reads the layer by the engine's API; reason is why the store can't be used.
func (f *storeFiles) readViaAPI(reason error) layer.Reader {
	return &reopened{f.image.viaAPI, f.index, f.diffID, fmt.Errorf("reading the engine's store: %w", reason)}
}

// folder opens the folder of the layer's files.
func (f *storeFiles) folder() (*os.Root, error) {
	if f.dir == "" {
		return nil, errors.New("the folder with the store's files is unknown")
	}
	return f.image.root.OpenRoot(filepath.FromSlash(f.dir))
}

func (f *storeFiles) openIn(ctx context.Context, folder *os.Root, e *Entries, i int) (io.ReadCloser, error) {
	if err := e.NotFile(i); err != nil {
		return nil, err
	}
	name, size := memberName(e.At(i).Name), e.Size(i)
	if size == 0 {
		return io.NopCloser(eofReader{}), nil
	}
	file, err := openSized(folder, name, size)
	if err != nil {
		return f.readViaAPI(err).Open(ctx, e, i)
	}
	c := &storedContent{ctx: ctx, file: file, left: size}
	if crc, ok := e.CRC(i); ok {
		c.sum, c.want = crc64.New(crcTable), crc
	}
	c.wrap = func(err error) error { return fmt.Errorf("%q: %w", name, err) }
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

var crcTable = crc64.MakeTable(crc64.ISO)

// storedContent reads a file of a store. Reading fails at the end if the file has changed since
// the layer was made.
type storedContent struct {
	ctx  context.Context
	file *os.File
	left int64
	sum  hash.Hash64 // of the bytes read so far; nil without a checksum to compare
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
		err = nil // the next call returns io.EOF
	case err != nil:
		err = c.wrap(err)
	}
	return n, err
}

// Skip skips n bytes. The rest of the file is then not compared with its checksum.
func (c *storedContent) Skip(n int64) error {
	if n > c.left {
		return c.wrap(io.ErrUnexpectedEOF)
	}
	if _, err := c.file.Seek(n, io.SeekCurrent); err != nil {
		return c.wrap(err)
	}
	c.left -= n
	c.sum = nil
	return nil
}

func (c *storedContent) Close() error { return c.file.Close() }

// eofReader reads an empty file.
type eofReader struct{}

func (eofReader) Read([]byte) (int, error) { return 0, io.EOF }
