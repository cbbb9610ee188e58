package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// dockerManifest is one image of manifest.json, which `docker save` has written
// since Docker 1.10, and podman, skopeo, kaniko and bazel do after it.
type dockerManifest struct {
	Config       string
	RepoTags     []string
	Layers       []string                 // members of the archive, lowest first
	LayerSources map[string]v1.Descriptor // by diffID, of layers that are not in the archive
}

const dockerManifestName = "manifest.json"

// dockerCandidates lists what manifest.json lists.
func dockerCandidates(ctx context.Context, b bundle) ([]candidate, error) {
	text, err := document(ctx, b, dockerManifestName)
	if err != nil {
		return nil, err
	}
	if isManifest(text) {
		return dirCandidates(ctx, b, text)
	}
	manifests, err := parseDockerManifests(text)
	if err != nil {
		return nil, err
	}
	var out []candidate
	for _, m := range manifests {
		im, config, err := openDockerImage(ctx, b, m)
		c := candidate{names: m.RepoTags, digest: m.Config, missing: err}
		if err == nil {
			c.digest, c.platform = im.ID, config.platform()
			c.open = func(ctx context.Context) (*Image, error) { return im, nil }
		}
		out = append(out, c)
	}
	return out, nil
}

func dockerManifests(ctx context.Context, b bundle) ([]dockerManifest, error) {
	text, err := document(ctx, b, dockerManifestName)
	if err != nil {
		return nil, err
	}
	return parseDockerManifests(text)
}

func parseDockerManifests(text []byte) ([]dockerManifest, error) {
	var manifests []dockerManifest
	if err := json.Unmarshal(text, &manifests); err != nil {
		return nil, fmt.Errorf("%s: %w", dockerManifestName, err)
	}
	return manifests, nil
}

// openDockerImage finds an image's config and layers; no layer is read.
func openDockerImage(ctx context.Context, b bundle, m dockerManifest) (*Image, *configFile, error) {
	text, err := document(ctx, b, m.Config)
	if err != nil {
		return nil, nil, fmt.Errorf("the image's config: %w", err)
	}
	id := digestOfBytes(text)
	if hex := hexName(m.Config); hex != "" && id != "sha256:"+hex {
		return nil, nil, fmt.Errorf("the image's config: %s: its digest is %s", m.Config, id)
	}
	config, err := parseConfig(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", m.Config, err)
	}
	im := &Image{ID: id}
	if len(m.RepoTags) > 0 {
		im.Name = m.RepoTags[0]
	}
	if err := im.checkLayers(len(m.Layers)); err != nil {
		return nil, nil, err
	}
	for i, name := range m.Layers {
		layer := &Layer{Index: i, CompressedBytes: -1}
		im.Layers = append(im.Layers, layer)
		layer.blob, err = b.file(ctx, name)
		if err == nil {
			continue
		}
		var d v1.Descriptor
		if i < len(config.RootFS.DiffIDs) {
			d = m.LayerSources[config.RootFS.DiffIDs[i]]
		}
		if !errors.Is(err, fs.ErrNotExist) || !foreign(d) {
			return nil, nil, fmt.Errorf("layer %d: %w", i, err)
		}
		layer.Digest, layer.MediaType, layer.CompressedBytes = d.Digest.String(), string(d.MediaType), d.Size
		layer.Err = errForeign(d)
	}
	config.describe(im)
	return im, config, nil
}

// hexName returns the digest that a member is named after: of "HEX.json",
// "sha256:HEX" and "blobs/sha256/HEX"; "" if there is none.
func hexName(name string) string {
	hex := strings.TrimPrefix(strings.TrimSuffix(path.Base(name), ".json"), "sha256:")
	if len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return ""
	}
	return hex
}

// document reads a JSON file of a bundle whole.
func document(ctx context.Context, b bundle, name string) ([]byte, error) {
	if name == "" {
		return nil, fmt.Errorf("a file without a name: %w", fs.ErrNotExist)
	}
	file, err := b.file(ctx, name)
	if err != nil {
		return nil, err
	}
	return file.all(maxDocument)
}
