package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/peelhq/peel/source/layer"
)

// layer finds the blob of a layer, or the reason why it can't be read.
func (w *ociWalk) layer(ctx context.Context, l *Layer, d ocispec.Descriptor) error {
	name, err := blobName(d.Digest)
	if err != nil {
		return err
	}
	err = l.from(w.b.file(ctx, name))
	switch {
	case errors.Is(err, fs.ErrNotExist) && foreign(d):
		l.Err, l.CompressedBytes = errForeign(d), d.Size
	case errors.Is(err, fs.ErrNotExist):
		// Source: OCI image-spec, image-layout.md: blobs may be missing.
		l.Err = fmt.Errorf("not included: %w", err)
		if packedType(d.MediaType) {
			l.CompressedBytes = d.Size
		}
	case err != nil:
		return err
	case l.size != d.Size:
		return fmt.Errorf("%s: %d bytes, the manifest says %d", name, l.size, d.Size)
	}
	if form := unreadableType(d); form != "" && l.Err == nil {
		l.Err, l.CompressedBytes = layer.UnsupportedError{Form: form}, d.Size
	}
	if f, ok := w.b.(*folder); ok && l.Err == nil {
		l.linkedOut = f.leadsOut(name)
	}
	return nil
}

// packedType reports whether a layer's media type indicates compression.
func packedType(mediaType string) bool {
	return strings.HasSuffix(mediaType, "gzip") || strings.HasSuffix(mediaType, "zstd")
}

// unreadableType returns the format of a layer that can't be read according to
// its descriptor, else "". Sources: ocicrypt, spec.go; nydus-snapshotter,
// pkg/converter/constant.go.
func unreadableType(d ocispec.Descriptor) string {
	_, bootstrap := d.Annotations["containerd.io/snapshot/nydus-bootstrap"]
	_, blob := d.Annotations["containerd.io/snapshot/nydus-blob"]
	switch {
	case strings.HasSuffix(d.MediaType, "+encrypted"):
		return "encrypted"
	case bootstrap, blob, strings.Contains(d.MediaType, ".nydus."):
		return "Nydus"
	}
	return ""
}

// foreign reports whether a layer may be missing because it must be fetched
// from elsewhere (Windows base layers). Source: OCI image-spec, layer.md,
// "Non-Distributable Layers".
func foreign(d ocispec.Descriptor) bool {
	return len(d.URLs) > 0 || strings.Contains(d.MediaType, "nondistributable") || strings.Contains(d.MediaType, ".foreign.")
}

func errForeign(d ocispec.Descriptor) error {
	if len(d.URLs) > 0 {
		return fmt.Errorf("a foreign layer, not included; it can be fetched from %s", d.URLs[0])
	}
	return errors.New("a foreign layer, not included")
}

// maxLayers is the maximum number of layers of an image; Docker's own limit is 127.
const maxLayers = 10_000

// whole reports whether an image was opened and all its layers are present, except those stored
// elsewhere on purpose.
func (im *Image) whole() bool { return im != nil && im.lacks() == nil }

// lacks returns an error that names a missing layer of the image, or nil.
func (im *Image) lacks() error {
	for _, l := range im.Layers {
		if errors.Is(l.Err, fs.ErrNotExist) {
			return l.wrap(l.Err)
		}
	}
	return nil
}

func checkLayers(n int) error {
	if n > maxLayers {
		return fmt.Errorf("an image of %d layers, more than %d", n, maxLayers)
	}
	return nil
}
