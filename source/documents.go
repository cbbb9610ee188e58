package source

import (
	"bytes"
	"context"
	_ "crypto/sha512" // digest algorithms other than SHA-256
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// documents reads the JSON files of a bundle: indexes, manifests, configs. One may have
// maxDocument bytes (8 MiB), all together maxDocuments.
type documents struct {
	b    bundle
	read int64 // bytes so far
}

// document reads a document whole.
func (d *documents) document(ctx context.Context, name string) ([]byte, error) {
	if name == "" {
		return nil, fmt.Errorf("a file without a name: %w", fs.ErrNotExist)
	}
	file, err := d.b.file(ctx, name)
	if err != nil {
		return nil, err
	}
	if r, ok := d.b.(releaser); ok {
		defer r.release(file)
	}
	if d.read += file.size(); d.read > maxDocuments {
		return nil, errDocuments
	}
	return file.all(maxDocument)
}

// A releaser is a bundle that can close files before the bundle itself is closed.
type releaser interface{ release(blob) }

var errDocuments = fmt.Errorf("more than %d bytes of indexes, manifests and configs", int64(maxDocuments))

// blob reads a document that is stored under its digest or embedded in the descriptor, and
// verifies the digest.
func (d *documents) blob(ctx context.Context, of ocispec.Descriptor) ([]byte, error) {
	name, err := blobName(of.Digest)
	if err != nil {
		return nil, err
	}
	text := of.Data // Source: OCI image-spec, descriptor.md, "Embedded Content"
	if len(text) == 0 {
		if text, err = d.document(ctx, name); err != nil {
			return nil, err
		}
	}
	if got := of.Digest.Algorithm().FromBytes(text); got != of.Digest {
		return nil, fmt.Errorf("%s: its digest is %s", name, got)
	}
	return text, nil
}

// blobName returns the path of a blob in a layout. It fails for an unknown
// algorithm. Source: OCI image-spec, image-layout.md, "Blobs", and
// descriptor.md, "Digests".
func blobName(of digest.Digest) (string, error) {
	switch err := of.Validate(); {
	case errors.Is(err, digest.ErrDigestUnsupported):
		return "", fmt.Errorf("digest %q: unknown algorithm %q; peel knows sha256, sha384 and sha512", of, of.Algorithm())
	case err != nil:
		return "", fmt.Errorf("malformed digest %q", of)
	}
	return "blobs/" + string(of.Algorithm()) + "/" + of.Encoded(), nil
}

// digestNamed returns the digest in the name of a file of a layout; "" for any other file.
func digestNamed(name string) string {
	algorithm, hex, _ := strings.Cut(strings.TrimPrefix(name, "blobs/"), "/")
	d := digest.NewDigestFromEncoded(digest.Algorithm(algorithm), hex)
	if !strings.HasPrefix(name, "blobs/") || d.Validate() != nil {
		return ""
	}
	return d.String()
}

// decodeList decodes a JSON array of at most limit elements and stops reading there: a small file
// can hold millions of empty elements.
func decodeList[T any](text []byte, limit int, what string) ([]T, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	switch start, err := d.Token(); {
	case err != nil:
		return nil, err
	case start == nil: // null
		return nil, nil
	case start != json.Delim('['):
		return nil, fmt.Errorf("%s: not a list", what)
	}
	list := []T{}
	for d.More() {
		if len(list) == limit {
			return nil, fmt.Errorf("more than %d %s", limit, what)
		}
		var element T
		if err := d.Decode(&element); err != nil {
			return nil, err
		}
		list = append(list, element)
	}
	_, err := d.Token()
	return list, err
}
