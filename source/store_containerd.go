package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/peelhq/peel/source/engine"
)

// contentFolders are the folders in which a Docker engine's containerd keeps
// blobs: relative to the engine's root folder, or absolute for the system's
// containerd. The blobs' digests show whether a folder is the right one.
var contentFolders = []string{
	"containerd/daemon/io.containerd.content.v1.content",
	"/var/lib/containerd/io.containerd.content.v1.content",
}

// contentStore is containerd's content store as a bundle: blobs by digest and an index of the
// wanted image.
type contentStore struct {
	*folder
	index []byte
}

func (c *contentStore) file(ctx context.Context, name string) (blob, error) {
	if name == ociIndexName {
		return newDocument(name, c.index), nil
	}
	if !strings.HasPrefix(name, "blobs/sha256/") {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return c.folder.file(ctx, filepath.FromSlash(name))
}

// containerdImage opens an image in containerd's content store. root is the
// engine's root folder.
func (o *opener) containerdImage(ctx context.Context, root, ref string, info engine.Image) (*Image, error) {
	id, err := digest.Parse(info.ID)
	if err != nil {
		return nil, fmt.Errorf("the image's ID is %q", info.ID)
	}
	d := ocispec.Descriptor{Digest: id}
	name := info.ArchiveName(ref)
	if name != "" {
		d.Annotations = map[string]string{imageNameAnnotation: name}
	}
	index, err := json.Marshal(ocispec.Index{Manifests: []ocispec.Descriptor{d}})
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, at := range contentFolders {
		if !filepath.IsAbs(at) {
			at = filepath.Join(root, at)
		}
		f, err := openFolder(at)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		im, err := o.image(ctx, &contentStore{f, index}, "", ociForm)
		if err == nil && !im.whole() {
			err = im.lacks() // the engine itself may have more
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", at, errors.Join(err, f.close())))
			continue
		}
		if im.Name == "" {
			im.Name = ref
		}
		return im, nil
	}
	return nil, errors.Join(failed...)
}
