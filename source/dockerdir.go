package source

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// hexNamed is a folder as skopeo's "dir:" and podman's docker-dir write it: one
// manifest under the name manifest.json, and blobs that are named by their
// digest's hex digits alone.
type hexNamed struct {
	bundle
	manifest string // digest of manifest.json
}

func (h hexNamed) file(ctx context.Context, name string) (*blob, error) {
	hex, ok := strings.CutPrefix(name, "blobs/sha256/")
	switch {
	case !ok:
		return h.bundle.file(ctx, name)
	case "sha256:"+hex == h.manifest:
		return h.bundle.file(ctx, dockerManifestName)
	}
	b, err := h.bundle.file(ctx, hex)
	if errors.Is(err, fs.ErrNotExist) { // of several platforms, each has its manifest
		if m, err := h.bundle.file(ctx, hex+".manifest.json"); err == nil {
			return m, nil
		}
	}
	return b, err
}

// isManifest tells a manifest.json that is an image's own manifest from the list
// of images that it is in a docker archive.
func isManifest(text []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) }

// dirCandidates lists the image, or the platforms of the one image, that a
// manifest of such a folder leads to.
func dirCandidates(ctx context.Context, b bundle, text []byte) ([]candidate, error) {
	digest := digestOfBytes(text)
	hash, err := v1.NewHash(digest)
	if err != nil {
		return nil, err
	}
	w := &ociWalk{b: hexNamed{b, digest}}
	if err := w.descriptor(ctx, v1.Descriptor{Digest: hash, Size: int64(len(text))}, "", 0); err != nil {
		return nil, err
	}
	return w.found, nil
}
