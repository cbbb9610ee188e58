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

// A Via is how an image of an engine is read.
type Via string

// The ways to read an image of an engine.
const (
	// ViaAny is the engine's store if that can be read, else its API.
	ViaAny Via = ""
	// ViaAPI has the engine save the image.
	ViaAPI Via = "api"
	// ViaStore reads the engine's own files, on this machine. If it cannot, that
	// is an error.
	ViaStore Via = "store"
)

// An engine keeps of every layer what is needed to put its tar together again,
// or the layer's blob itself. Where these files can be read, an image need not be
// saved: reading headers takes a few percent of that.
//
// The files are internal to the engine, and their form may change with any
// version. So everything that can be checked is checked: digests of configs and
// manifests, diffIDs and chain IDs, that what is listed is there, and that
// tar-splits agree with the headers in them from first to last. Where anything is
// not as expected, the image is read by the engine's API instead, which gives the
// same. Nothing is written or locked.

// Bounds on a store's own files, in bytes, and on the rows of its lists.
const (
	maxStoreText = 4 << 10  // a digest, the name of a folder
	maxStoreList = 64 << 20 // podman's images.json and layers.json: 100,000 layers
	maxStoreRows = 200_000
	maxRowNames  = 10_000 // of one image
)

// plainName is the form of the names that a store's own folders have. It leaves
// out everything that could lead out of the folder.
var plainName = lazy.New(`^[0-9A-Za-z][0-9A-Za-z._-]*$`)

// scanStore opens an image and reads the entries of all its layers, so that
// every error comes while the image can still be read by the API.
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

// describeStored makes an image from its config and its layers' files; layers[i]
// reads layer i.
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

// chainIDs returns the chain ID of each layer, lowest first: a name for the layer
// together with all below it. Source: OCI image-spec, config.md, "Layer ChainID".
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

// digestHex returns the hex of a SHA-256 digest, "" if s is not one.
func digestHex(s string) string {
	hex, ok := strings.CutPrefix(s, "sha256:")
	if !ok || hexName(hex) != hex {
		return ""
	}
	return hex
}

// storedConfig reads a config that must be the one with that digest.
func storedConfig(root *os.Root, id, name string) ([]byte, error) {
	text, err := readStored(root, name, maxDocument)
	if err != nil {
		return nil, err
	}
	return text, verifyConfig(id, name, text)
}

// verifyConfig says what is wrong with the text of a file if it is not the config
// with that digest.
func verifyConfig(id, name string, text []byte) error {
	if got := digestOfBytes(text); got != id {
		return fmt.Errorf("%s: the config of image %s has the digest %s", name, id, got)
	}
	return nil
}

// readStored reads a file of a store that has at most limit bytes.
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

// A boundedFile is a file that is read up to the size that it had when it was
// opened.
type boundedFile struct {
	io.LimitedReader
	io.Closer
}

// openBounded opens a file of a store that has at most limit bytes.
func openBounded(root *os.Root, name string, limit int64) (*boundedFile, error) {
	f, size, err := openStored(root, name)
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, errors.Join(fmt.Errorf("%s: %d bytes, more than the %d that are read of such a file", name, size, limit), f.Close())
	}
	return &boundedFile{io.LimitedReader{R: f, N: size}, f}, nil
}

// eachStored calls fn with each row of a list in JSON that a store keeps. The
// list is not held in memory.
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

// eachElement calls fn with each element of a list in JSON, which has at most
// limit elements.
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

// openStored opens a regular file below root, and returns its size. Links that
// lead out of root are not followed.
func openStored(root *os.Root, name string) (*os.File, int64, error) {
	name = filepath.FromSlash(name)
	// Looked at first: opening a pipe would wait for somebody to write to it.
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

// isThere reports whether there is a file or folder of that name below root.
func isThere(root *os.Root, name string) (bool, error) {
	_, err := root.Lstat(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
