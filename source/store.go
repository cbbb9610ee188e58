package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/peelhq/peel/internal/lazy"
)

// A Via is a way to read an image of an engine.
type Via string

// The ways to read an engine's image.
const (
	// ViaAny uses the engine's store if possible, else its API.
	ViaAny Via = ""
	// ViaAPI uses the engine's save.
	ViaAPI Via = "api"
	// ViaStore reads the engine's own files on this machine. It fails if that is not possible.
	ViaStore Via = "store"
)

// For every layer, an engine keeps the layer's blob or the data needed to
// reassemble its tar. If these files can be read, the image need not be saved:
// reading headers takes a few percent of the time.
//
// The files are internal to the engine, and their format may change with any
// version. So everything possible is verified: digests of configs and
// manifests, diffIDs and chain IDs, the presence of listed files, and that
// tar-splits agree with all headers in them. If anything is unexpected, the
// image is read by the engine's API instead, with the same result. Nothing is
// written or locked.

// Limits on a store's files, in bytes, and on rows of its lists.
const (
	maxStoreText = 4 << 10  // a digest or the name of a folder
	maxStoreList = 64 << 20 // podman's images.json and layers.json: 100,000 layers
	maxStoreRows = 200_000
	maxRowNames  = 10_000 // for one image
)

// plainName matches the names of a store's folders. It excludes anything that could lead out of
// the folder.
var plainName = lazy.New(`^[0-9A-Za-z][0-9A-Za-z._-]*$`)

// scanStore opens an image and reads the entries of all layers, so that every error occurs while
// the API can still be used instead.
func (o *opener) scanStore(ctx context.Context, what string, open func() (*Image, error)) (*Image, error) {
	im, err := open()
	if err != nil {
		return nil, err
	}
	im.meter, im.log, im.scan.Collect = o.meter, o.Log, o.Collect
	if err := im.Scan(ctx); err != nil {
		o.meter.restart()
		return nil, errors.Join(err, im.Close())
	}
	im.Source = what
	return im, nil
}

// describeStored makes an image from its config and its layers' files; layers[i] reads layer i.
func describeStored(id string, text []byte, layers []*storeFiles) (*Image, error) {
	config, err := parseConfig(text)
	if err != nil {
		return nil, err
	}
	if len(layers) != len(config.RootFS.DiffIDs) {
		return nil, fmt.Errorf("the config names %d layers, the store has %d", len(config.RootFS.DiffIDs), len(layers))
	}
	im := &Image{ID: id}
	for i, files := range layers {
		files.index, files.diffID = i, config.RootFS.DiffIDs[i]
		im.Layers = append(im.Layers, &Layer{
			Index: i, CompressedBytes: -1,
			name: files.split, size: files.splitSize, reader: files,
		})
	}
	config.describe(im)
	im.setPlatform(config.platform())
	return im, nil
}

// chainIDs returns the chain ID of each layer, lowest first. It identifies a layer together with
// all layers below it. Source: OCI image-spec, config.md, "Layer ChainID".
func chainIDs(diffIDs []string) []string {
	var out []string
	for i, id := range diffIDs {
		if i > 0 {
			id = digestOfBytes([]byte(out[i-1] + " " + id))
		}
		out = append(out, id)
	}
	return out
}

// digestHex returns the hex digits of a SHA-256 digest, or "" if s is not one.
func digestHex(s string) string {
	hex, ok := strings.CutPrefix(s, "sha256:")
	if !ok || hexName(hex) != hex {
		return ""
	}
	return hex
}

// storedConfig reads a config and verifies its digest.
func storedConfig(root *os.Root, id, name string) ([]byte, error) {
	text, err := readStored(root, name, maxDocument)
	if err != nil {
		return nil, err
	}
	return text, verifyConfig(id, name, text)
}

// verifyConfig returns an error if the text of a file is not the config with that digest.
func verifyConfig(id, name string, text []byte) error {
	if got := digestOfBytes(text); got != id {
		return fmt.Errorf("%s: the config of image %s has the digest %s", name, id, got)
	}
	return nil
}

// readStored reads a file of a store of at most limit bytes.
func readStored(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := openBounded(root, name, limit)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size := f.N
	text, err := io.ReadAll(f)
	if err == nil && int64(len(text)) != size {
		err = fmt.Errorf("%s: it changes while it is read", name)
	}
	return text, err
}

// A boundedFile reads a file up to the size that it had when opened.
type boundedFile struct {
	io.LimitedReader
	io.Closer
}

// openBounded opens a file of a store of at most limit bytes.
func openBounded(root *os.Root, name string, limit int64) (*boundedFile, error) {
	f, size, err := openStored(root, name)
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, errors.Join(fmt.Errorf("%s: %d bytes, more than the %d allowed for such a file", name, size, limit), f.Close())
	}
	return &boundedFile{io.LimitedReader{R: f, N: size}, f}, nil
}

// eachStored calls fn with each row of a JSON list in a store. It does not hold the list in
// memory.
func eachStored[T any](ctx context.Context, root *os.Root, name string, fn func(row *T)) error {
	f, err := openBounded(root, name, maxStoreList)
	if err != nil {
		return err
	}
	defer f.Close()
	err = eachElement(f, maxStoreRows, func(row *T) error {
		fn(row)
		return ctx.Err()
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// eachElement calls fn with each element of a JSON list of at most limit elements.
func eachElement[T any](r io.Reader, limit int, fn func(*T) error) error {
	list := json.NewDecoder(r)
	begin, err := list.Token()
	switch {
	case err != nil:
		return err
	case begin != json.Delim('['):
		return errors.New("not a list")
	}
	for n := 0; list.More(); n++ {
		if n == limit {
			return fmt.Errorf("a list of more than %d", limit)
		}
		var element T
		if err := list.Decode(&element); err != nil {
			return err
		}
		if err := fn(&element); err != nil {
			return err
		}
	}
	_, err = list.Token()
	return err
}

// openStored opens a regular file below root and returns its size. It does not follow links out
// of root.
func openStored(root *os.Root, name string) (*os.File, int64, error) {
	name = filepath.FromSlash(name)
	// Check first: opening a pipe would block until something writes to it.
	info, err := root.Lstat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s: %w", name, errNotRegular)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", name, errNotRegular)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// isThere reports whether that file or folder exists below root.
func isThere(root *os.Root, name string) (bool, error) {
	_, err := root.Lstat(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
