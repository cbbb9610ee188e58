package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/peelhq/peel/source/layer"
)

// A plain root filesystem (a folder, or a tar without a list of images) is opened as an image of
// one layer. It has no config, history, digest or platform.

// rootfs makes an image of one layer. close closes its source.
func (o *opener) rootfs(what, name string, size int64, r layer.Reader, closes ...io.Closer) *Image {
	im := &Image{Source: what, Layers: []*Layer{{CompressedBytes: -1, Step: Step{Command: rootfsStep(what)}, name: name, size: size, reader: r}}}
	im.origin = origin{bundle: &rootfsBundle{closes: closes}, scan: o.scanOptions(), meter: o.meter, log: o.Log, cache: o.cache, opened: o.Options}
	return im
}

// rootfsStep returns the substitute for the step that made the layer: "folder /srv", "tar
// root.tar".
func rootfsStep(what string) string {
	if dir, ok := strings.CutPrefix(what, dirPrefix); ok {
		return "folder " + dir
	}
	return "tar " + strings.TrimPrefix(what, "rootfs:")
}

// rootfsBundle is the bundle of a root filesystem. It has no files; it only closes the source of
// the layer.
type rootfsBundle struct {
	noFiles
	closes []io.Closer
}

func (b *rootfsBundle) close() error {
	var errs []error
	for _, c := range b.closes {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// dirPrefix is the prefix of a reference to a folder that is a root filesystem.
const dirPrefix = "dir:"

// directoryTransport starts the file "version" in a folder written by skopeo's "dir:". Such a
// folder is an image with layers. Source: containers/image, directory/directory_dest.go.
const directoryTransport = "Directory Transport Version"

// openDir opens a folder as a root filesystem, or as an image written by skopeo.
func openDir(ctx context.Context, o *opener, dir string) (*Image, error) {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return nil, asNotFound(err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s: not a folder; open a tar of a root filesystem with rootfs:%s", dir, dir)
	case isDirectoryTransport(dir):
		return o.path(ctx, dir, anyForm)
	}
	f, err := layer.OpenFolder(dir, layer.FolderOptions{CrossMounts: o.CrossMounts})
	if err != nil {
		return nil, err
	}
	return o.rootfs(dirPrefix+dir, dir, 0, f, f), nil
}

// isDirectoryTransport reports whether skopeo has written an image to a folder.
func isDirectoryTransport(dir string) bool {
	name := filepath.Join(dir, "version")
	// Check first: opening a pipe would block until something writes to it.
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(directoryTransport))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == directoryTransport
}

// openRootfs opens the tar of a root filesystem, written by docker export or debootstrap, for
// example, plain or compressed. "-" is standard input.
func openRootfs(ctx context.Context, o *opener, name string) (*Image, error) {
	if name == "-" {
		return o.fromStdin(ctx, func() (*Image, error) { return o.passingRootfs(ctx, o.Stdin, 0, "standard input", "rootfs:-") })
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, asNotFound(err)
	case info.IsDir():
		return nil, fmt.Errorf("%s: a folder; open it with dir:%s", name, name)
	}
	im, err := o.rootfsFile(ctx, name, info)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, cutOff(err))
	}
	return im, nil
}

// rootfsFile opens a file as the tar of a root filesystem.
func (o *opener) rootfsFile(ctx context.Context, name string, info fs.FileInfo) (_ *Image, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	what := "rootfs:" + name
	if !info.Mode().IsRegular() { // a pipe, for example
		o.KeepContent = o.KeepContent || o.ContentOnDemand // it can be read only once
		im, err := o.passingRootfs(ctx, f, 0, name, what)
		return im, errors.Join(err, f.Close())
	}
	head := make([]byte, min(whatLen, info.Size()))
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, errors.Join(shorter(err), f.Close())
	}
	form, err := sniffRootfs(head)
	switch {
	case err != nil:
		return nil, errors.Join(err, f.Close())
	case form.name == "": // layers may have this format
		shelf := layer.NewShelf()
		return o.rootfs(what, name, info.Size(), layer.Open(f, info.Size(), name, shelf), shelf, f), nil
	}
	im, err := o.passingRootfs(ctx, f, info.Size(), name, what)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	o.rereadable(im, func(ctx context.Context, o *opener) (*Image, error) { return openRootfs(ctx, o, name) })
	return im, nil
}

// sniffRootfs is sniffWhole with error messages about root filesystems instead of images.
func sniffRootfs(head []byte) (wholeForm, error) {
	form, err := sniffWhole(head)
	if err != nil {
		if rest, ok := strings.CutPrefix(err.Error(), "not an image: "); ok {
			err = errors.New("not the tar of a root filesystem: " + rest)
		}
	}
	return form, err
}

// passingRootfs opens a root filesystem from a tar that can be read only once, of size bytes, 0
// if unknown. It scans the tar on the way, and spools it if contents are wanted.
func (o *opener) passingRootfs(ctx context.Context, r io.Reader, size int64, name, what string) (_ *Image, err error) {
	if o.meter != nil {
		o.meter.expect(size, 1)
	}
	packed := &counter{r: layer.Watched(ctx, r, o.meter.add)}
	buffered := bufio.NewReaderSize(packed, memberBuffer)
	head, err := buffered.Peek(whatLen)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	whole, err := sniffRootfs(head)
	if err != nil {
		return nil, err
	}
	form, tar := whole.form, io.Reader(buffered)
	if whole.name != "" { // the layer is the unpacked data
		z, err := whole.unpack(buffered)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		form, tar = layer.Plain, z
	}
	var spool *layer.Spool
	if o.KeepContent {
		if spool, err = layer.NewSpool(); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, spool.Close())
			}
		}()
		tar = io.TeeReader(tar, spool)
	}
	passes := &counter{r: tar}
	raw := bufio.NewReaderSize(passes, memberBuffer)
	passed, err := layer.Pass(ctx, form, raw, o.streamScan())
	if err != nil {
		return nil, err
	}
	// Read on so that a program writing into a pipe is not cut off.
	if _, err := io.CopyN(io.Discard, raw, maxPastEnd); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	o.meter.layerDone()
	shelf := layer.NewShelf()
	im := o.rootfs(what, name, passes.n, passed, shelf)
	if spool != nil {
		passed.Kept(spool, passes.n, name, shelf)
		im.bundle = &rootfsBundle{closes: []io.Closer{shelf, spool}}
	}
	l := im.Layers[0]
	if err := l.take(passed.Scan(ctx, im.scan)); err != nil {
		return nil, err
	}
	if whole.name != "" {
		l.CompressedBytes = packed.n
	}
	return im, nil
}

// streamScan returns the options for scanning a layer from a stream. The result is not cached,
// because its origin is unknown.
func (o *opener) streamScan() layer.ScanOptions {
	scan := o.scanOptions()
	scan.Cache = nil
	scan.Progress = nil // bytes are counted on arrival
	return scan
}
