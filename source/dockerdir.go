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

// hexNamed is a folder written by skopeo's "dir:" or podman's docker-dir: one
// manifest named manifest.json, and blobs named by the hex digits of their
// digests.
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
	if errors.Is(err, fs.ErrNotExist) { // with several platforms, each has its own manifest
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

// isManifest distinguishes a manifest.json that is an image's own manifest from a docker
// archive's list of images.
func isManifest(text []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) }

// dirCandidates lists the image, or its platforms, that the manifest of such a folder leads to.
func dirCandidates(ctx context.Context, b bundle, text []byte) ([]candidate, error) {
	d := digest.FromBytes(text)
	w := &ociWalk{documents: documents{b: hexNamed{b, d}}}
	return w.entry(ctx, entry{Descriptor: ocispec.Descriptor{Digest: d, Size: int64(len(text))}})
}
