package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const ociIndexName = "index.json"

// maxIndexDepth bounds how deep an index may nest.
const maxIndexDepth = 8

// maxManifests bounds how many manifests an index may list, nested ones included.
const maxManifests = 10_000

// Annotations that give an image in an index its name.
// Sources: OCI image-spec, annotations.md; containerd, images/annotations.go.
const (
	refNameAnnotation   = "org.opencontainers.image.ref.name"
	imageNameAnnotation = "io.containerd.image.name"
	attestationKind     = "vnd.docker.reference.type"
)

var errIndexDepth = fmt.Errorf("indexes nested more than %d deep", maxIndexDepth)

// ociWalk collects the images of an OCI layout.
type ociWalk struct {
	b     bundle
	tags  map[string][]string // names by config digest, from a manifest.json beside the index
	count int
	found []candidate
	about map[string][]v1.Descriptor // attestations, by the digest of the manifest that they are about
	gone  error                      // why an index that is listed cannot be read, if its blob is absent
}

// ociCandidates lists the images that index.json leads to: through nested
// indexes, and without what only looks like one (attestations, signatures,
// caches).
func ociCandidates(ctx context.Context, b bundle) ([]candidate, error) {
	text, err := document(ctx, b, ociIndexName)
	if err != nil {
		return nil, err
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", ociIndexName, err)
	}
	w := &ociWalk{b: b, tags: map[string][]string{}}
	if manifests, err := dockerManifests(ctx, b); err == nil {
		for _, m := range manifests {
			if hex := hexName(m.Config); hex != "" {
				w.tags["sha256:"+hex] = append(w.tags["sha256:"+hex], m.RepoTags...)
			}
		}
	}
	if err := w.index(ctx, index.Manifests, "", 1); err != nil {
		return nil, err
	}
	if len(w.found) == 0 && w.gone != nil {
		// Not wrapped: it is the index's blob that does not exist, not the index.
		return nil, fmt.Errorf("an index it lists is absent: %v", w.gone) //nolint:errorlint // see above
	}
	return w.found, nil
}

func (w *ociWalk) index(ctx context.Context, manifests []v1.Descriptor, name string, depth int) error {
	if depth > maxIndexDepth {
		return errIndexDepth
	}
	for _, d := range manifests {
		if w.count++; w.count > maxManifests {
			return fmt.Errorf("more than %d manifests", maxManifests)
		}
		if err := w.descriptor(ctx, d, nameOf(d, name), depth); err != nil {
			return err
		}
	}
	return nil
}

func nameOf(d v1.Descriptor, inherited string) string {
	if name := d.Annotations[imageNameAnnotation]; name != "" {
		return shortName(name)
	}
	if name := d.Annotations[refNameAnnotation]; name != "" {
		return name
	}
	return inherited
}

// descriptor follows one line of an index, whatever it turns out to name.
func (w *ociWalk) descriptor(ctx context.Context, d v1.Descriptor, name string, depth int) error {
	if d.Annotations[attestationKind] == attestationManifest {
		if w.about == nil {
			w.about = map[string][]v1.Descriptor{}
		}
		of := d.Annotations[attestedDigest]
		w.about[of] = append(w.about[of], d)
	}
	if d.Annotations[attestationKind] != "" || (d.Platform != nil && d.Platform.OS == "unknown") {
		return nil
	}
	text, err := w.blob(ctx, d)
	if errors.Is(err, fs.ErrNotExist) {
		if d.MediaType.IsIndex() { // it has nothing to choose from
			w.gone = err
			return nil
		}
		w.add(candidate{digest: d.Digest.String(), missing: err}, d, name)
		return nil
	}
	if err != nil {
		return err
	}
	// Media types may be left out, or wrong: what the document holds decides.
	var both struct {
		Manifests []v1.Descriptor `json:"manifests"`
		v1.Manifest
	}
	if err := json.Unmarshal(text, &both); err != nil {
		return fmt.Errorf("%s: reading it as a manifest: %w", d.Digest, err)
	}
	if both.Manifests != nil {
		return w.index(ctx, both.Manifests, name, depth+1)
	}
	if !isImage(both.Manifest) {
		return nil
	}
	im, config, err := openOCIImage(ctx, w.b, both.Manifest)
	c := candidate{digest: d.Digest.String(), missing: err}
	if err == nil {
		im.Digest, im.Name = c.digest, name
		c.platform, c.names = config.platform(), w.tags[im.ID]
		if len(c.names) > 0 {
			im.Name = c.names[0]
		}
		c.open = func(ctx context.Context) (*Image, error) {
			im.Provenance = provenanceOf(ctx, w.b, im, w.about[im.Digest])
			return im, nil
		}
	}
	w.add(c, d, name)
	return nil
}

func (w *ociWalk) add(c candidate, d v1.Descriptor, name string) {
	if d.Platform != nil && !c.platform.known() {
		c.platform = platform{d.Platform.OS, d.Platform.Architecture, d.Platform.Variant}
	}
	if name != "" && len(c.names) == 0 {
		c.names = []string{name}
	}
	w.found = append(w.found, c)
}

// isImage tells an image's manifest from that of any other artifact.
func isImage(m v1.Manifest) bool {
	switch m.Config.MediaType {
	case types.OCIConfigJSON, types.DockerConfigJSON, "":
	default:
		return false
	}
	for _, l := range m.Layers {
		if strings.Contains(string(l.MediaType), "in-toto") {
			return false
		}
	}
	return m.ArtifactType == "" && m.Config.Digest.Hex != ""
}

func (w *ociWalk) blob(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	return blobDocument(ctx, w.b, d)
}

// blobDocument reads a JSON blob and checks that it is what its digest says.
func blobDocument(ctx context.Context, b bundle, d v1.Descriptor) ([]byte, error) {
	text, err := document(ctx, b, blobName(d.Digest))
	if err != nil {
		return nil, err
	}
	if got := digestOfBytes(text); got != d.Digest.String() {
		return nil, fmt.Errorf("%s: its digest is %s", blobName(d.Digest), got)
	}
	return text, nil
}

func blobName(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// openOCIImage finds an image's config and layers; no layer is read.
func openOCIImage(ctx context.Context, b bundle, m v1.Manifest) (*Image, *configFile, error) {
	text, err := blobDocument(ctx, b, m.Config)
	if err != nil {
		return nil, nil, fmt.Errorf("the image's config: %w", err)
	}
	config, err := parseConfig(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", blobName(m.Config.Digest), err)
	}
	im := &Image{ID: m.Config.Digest.String(), Annotations: m.Annotations}
	if err := im.checkLayers(len(m.Layers)); err != nil {
		return nil, nil, err
	}
	for i, d := range m.Layers {
		layer := &Layer{Index: i, Digest: d.Digest.String(), MediaType: string(d.MediaType), CompressedBytes: -1}
		im.Layers = append(im.Layers, layer)
		layer.blob, err = b.file(ctx, blobName(d.Digest))
		switch {
		case errors.Is(err, fs.ErrNotExist) && foreign(d):
			layer.Err, layer.CompressedBytes = errForeign(d), d.Size
		case err != nil:
			return nil, nil, fmt.Errorf("layer %d: %w", i, err)
		case layer.blob.size != d.Size:
			return nil, nil, fmt.Errorf("layer %d: %s: %d bytes, the manifest says %d", i, blobName(d.Digest), layer.blob.size, d.Size)
		case strings.HasSuffix(string(d.MediaType), "+encrypted"):
			layer.Err, layer.CompressedBytes = errUnsupported{"encrypted"}, d.Size
		}
	}
	config.describe(im)
	return im, config, nil
}

// foreign reports whether a layer may be absent: one that must be fetched from
// elsewhere (Windows base layers). Source: OCI image-spec, layer.md,
// "Non-Distributable Layers".
func foreign(d v1.Descriptor) bool {
	return len(d.URLs) > 0 || !d.MediaType.IsDistributable()
}

func errForeign(d v1.Descriptor) error {
	if len(d.URLs) > 0 {
		return fmt.Errorf("a foreign layer, not included: it is to be had from %s", d.URLs[0])
	}
	return errors.New("a foreign layer, not included")
}

// maxLayers bounds the layers of an image; Docker's own limit is 127.
const maxLayers = 10_000

func (im *Image) checkLayers(n int) error {
	if n > maxLayers {
		return fmt.Errorf("an image of %d layers, more than %d", n, maxLayers)
	}
	return nil
}
