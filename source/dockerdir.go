package source

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// hexNamed is a folder as skopeo's "dir:" and podman's docker-dir write it: one
// manifest under the name manifest.json, and blobs that are named by their
// digest's hex digits alone.
type hexNamed struct {
	bundle
	manifest digest.Digest // of manifest.json
}

func (h hexNamed) file(ctx context.Context, name string) (blob, error) {
	algorithm, hex, _ := strings.Cut(strings.TrimPrefix(name, "blobs/"), "/")
	switch {
	case !strings.HasPrefix(name, "blobs/"):
		return h.bundle.file(ctx, name)
	case digest.NewDigestFromEncoded(digest.Algorithm(algorithm), hex) == h.manifest:
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

func (h hexNamed) release(b blob) {
	if r, ok := h.bundle.(releaser); ok {
		r.release(b)
	}
}

// isManifest tells a manifest.json that is an image's own manifest from the list
// of images that it is in a docker archive.
func isManifest(text []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) }

// dirCandidates lists the image, or the platforms of the one image, that a
// manifest of such a folder leads to.
func dirCandidates(ctx context.Context, b bundle, text []byte) ([]candidate, error) {
	d := digest.FromBytes(text)
	w := &ociWalk{documents: documents{b: hexNamed{b, d}}}
	return w.entry(ctx, entry{Descriptor: ocispec.Descriptor{Digest: d, Size: int64(len(text))}})
}
