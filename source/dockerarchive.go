package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// dockerManifest is one image of manifest.json, which `docker save` writes since Docker 1.10.
// Podman, skopeo, kaniko and bazel write it too.
type dockerManifest struct {
	Config       string
	RepoTags     tagList
	Layers       memberList                    // members of the archive, lowest first
	LayerSources map[string]ocispec.Descriptor // by diffID, for layers that are not in the archive
}

// tagList and memberList are bounded lists of names.
type (
	tagList    []string
	memberList []string
)

// maxTags is the maximum number of names of one image.
const maxTags = 10_000

func (l *tagList) UnmarshalJSON(b []byte) (err error) {
	*l, err = decodeList[string](b, maxTags, "names of one image")
	return err
}

func (l *memberList) UnmarshalJSON(b []byte) (err error) {
	*l, err = decodeList[string](b, maxLayers, "layers in an image")
	return err
}

const dockerManifestName = "manifest.json"

// dockerCandidates lists the images in manifest.json.
func dockerCandidates(ctx context.Context, b bundle) ([]candidate, error) {
	docs := &documents{b: b}
	text, err := docs.document(ctx, dockerManifestName)
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
	for i, m := range manifests {
		c := candidate{names: m.RepoTags, digest: m.Config, line: i}
		if hex := hexName(m.Config); hex != "" {
			c.digest = "sha256:" + hex
		}
		c.open = func(ctx context.Context) (*Image, error) {
			im, err := docs.openDockerImage(ctx, m)
			if err == nil {
				im.manifest = text
			}
			return im, err
		}
		c.look = func(ctx context.Context) ([]candidate, error) {
			c.look = nil
			config, id, err := docs.dockerConfig(ctx, m)
			if err != nil {
				c.broken = err
			} else {
				c.digest, c.config, c.platform = id, id, config.platform()
			}
			return []candidate{c}, nil
		}
		out = append(out, c)
	}
	return out, nil
}

// dockerTags returns the names from manifest.json by config digest. It returns nothing if the
// archive has no manifest.json.
func dockerTags(ctx context.Context, b bundle) map[string][]string {
	text, err := (&documents{b: b}).document(ctx, dockerManifestName)
	if err != nil || isManifest(text) {
		return nil
	}
	manifests, err := parseDockerManifests(text)
	if err != nil {
		return nil // the index is enough
	}
	tags := map[string][]string{}
	for _, m := range manifests {
		if hex := hexName(m.Config); hex != "" && len(m.RepoTags) > 0 {
			tags["sha256:"+hex] = append(tags["sha256:"+hex], m.RepoTags...)
		}
	}
	return tags
}

func parseDockerManifests(text []byte) ([]dockerManifest, error) {
	manifests, err := decodeList[dockerManifest](text, maxManifests, "images")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dockerManifestName, err)
	}
	return manifests, nil
}

// dockerConfig reads the config of an image; id is its digest.
func (d *documents) dockerConfig(ctx context.Context, m dockerManifest) (config *configFile, id string, err error) {
	text, err := d.document(ctx, m.Config)
	if err != nil {
		return nil, "", fmt.Errorf("the image's config: %w", err)
	}
	id = digestOfBytes(text)
	if hex := hexName(m.Config); hex != "" && id != "sha256:"+hex && strings.HasPrefix(memberName(m.Config), "blobs/") {
		return nil, "", fmt.Errorf("the image's config: %s: its digest is %s", m.Config, id)
	}
	if config, err = parseConfig(text); err != nil {
		return nil, "", fmt.Errorf("%s: %w", m.Config, err)
	}
	return config, id, nil
}

// openDockerImage finds an image's config and layers. It reads no layer.
func (d *documents) openDockerImage(ctx context.Context, m dockerManifest) (*Image, error) {
	config, id, err := d.dockerConfig(ctx, m)
	if err != nil {
		return nil, err
	}
	if err := config.checkLayers(len(m.Layers)); err != nil {
		return nil, err
	}
	im := &Image{ID: id}
	// Engines derive the ID from the content, whatever the name of the file is.
	if hex := hexName(m.Config); hex != "" && id != "sha256:"+hex {
		im.flaw("the config is called %s, but its digest is %s", m.Config, id)
	}
	if len(m.RepoTags) > 0 {
		im.Name = m.RepoTags[0]
	}
	for i, name := range m.Layers {
		l := &Layer{Index: i, CompressedBytes: -1}
		im.Layers = append(im.Layers, l)
		err = l.from(d.b.file(ctx, name))
		if err == nil {
			continue
		}
		var source ocispec.Descriptor
		if i < len(config.RootFS.DiffIDs) {
			source = m.LayerSources[config.RootFS.DiffIDs[i]]
		}
		if !errors.Is(err, fs.ErrNotExist) || !foreign(source) {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		l.Digest, l.MediaType, l.CompressedBytes = source.Digest.String(), source.MediaType, source.Size
		l.Err = errForeign(source)
	}
	config.describe(im)
	im.setPlatform(config.platform())
	return im, nil
}

// hexName returns the digest in a member's name of the form "HEX.json", "sha256:HEX" or
// "blobs/sha256/HEX", else "".
func hexName(name string) string {
	hex := strings.TrimPrefix(strings.TrimSuffix(path.Base(name), ".json"), "sha256:")
	if len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return ""
	}
	return hex
}
