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

// layer finds the blob of a layer, or says why there is none to be read.
func (w *ociWalk) layer(ctx context.Context, l *Layer, d ocispec.Descriptor) error {
	name, err := blobName(d.Digest)
	if err != nil {
		return err
	}
	err = l.from(w.b.file(ctx, name))
	switch {
	case errors.Is(err, fs.ErrNotExist) && foreign(d):
		l.Err, l.CompressedBytes = errForeign(d), d.Size
	case err != nil:
		return err
	case l.size != d.Size:
		return fmt.Errorf("%s: %d bytes, the manifest says %d", name, l.size, d.Size)
	case strings.HasSuffix(d.MediaType, "+encrypted"):
		l.Err, l.CompressedBytes = layer.UnsupportedError{Form: "encrypted"}, d.Size
	}
	return nil
}

// foreign reports whether a layer may be absent: one that must be fetched from
// elsewhere (Windows base layers). Source: OCI image-spec, layer.md,
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

// maxLayers bounds the layers of an image; Docker's own limit is 127.
const maxLayers = 10_000

// whole reports whether an image was opened, and its layers are here, but for
// those that are kept elsewhere on purpose.
func (im *Image) whole() bool { return im != nil && im.lacks() == nil }

// lacks says which layer of the image is not here; nil if all are.
func (im *Image) lacks() error {
	for _, l := range im.Layers {
		if errors.Is(l.Err, fs.ErrNotExist) {
			return l.wrap(l.Err)
		}
	}
	return nil
}

func (im *Image) checkLayers(n int) error {
	if n > maxLayers {
		return fmt.Errorf("an image of %d layers, more than %d", n, maxLayers)
	}
	return nil
}
