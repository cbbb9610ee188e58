package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const ociIndexName = "index.json"

// maxIndexDepth is the maximum nesting depth of indexes.
const maxIndexDepth = 8

// maxManifests is the maximum number of manifests in an index, including nested ones.
const maxManifests = 10_000

// Annotations that name an image in an index. Sources: OCI image-spec, annotations.md;
// containerd, images/annotations.go.
const (
	refNameAnnotation   = "org.opencontainers.image.ref.name"
	imageNameAnnotation = "io.containerd.image.name"
	attestationKind     = "vnd.docker.reference.type"
)

// dockerManifestType is the media type of Docker's own manifests.
// Source: distribution's manifest schema 2.
const dockerManifestType = "application/vnd.docker.distribution.manifest.v2+json"

var errIndexDepth = fmt.Errorf("indexes nested more than %d deep", maxIndexDepth)

// ociWalk lists the images of an OCI layout. It reads indexes at once. An entry
// that is an image for a platform according to its descriptor is read only when
// it is chosen; an unclear descriptor is read at once. In a registry, each read
// is a request.
type ociWalk struct {
	documents

	tags    map[string][]string             // names by config digest, from a manifest.json next to the index
	indexes map[digest.Digest]*manifest     // indexes read so far: one may be listed many times
	about   map[string][]ocispec.Descriptor // attestations, by the digest of the manifest that they describe
	lines   map[string]int                  // lines of index.json, by the name that they give
	count   int
}

// entry is one line of an index, plus data from the lines that lead to it.
type entry struct {
	ocispec.Descriptor
	name  string // "" if unnamed
	line  int    // line of index.json: everything that one line leads to is one image
	depth int    // depth of the index that holds the entry
}

// ociCandidates lists what index.json leads to, through nested indexes, except entries whose
// descriptors mark them as attestations.
func ociCandidates(ctx context.Context, b bundle) ([]candidate, error) {
	w := &ociWalk{documents: documents{b: b}}
	text, err := w.document(ctx, ociIndexName)
	if err != nil {
		return nil, err
	}
	index, err := parseManifest(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ociIndexName, err)
	}
	w.tags = dockerTags(ctx, b)
	return w.list(ctx, index.Manifests, entry{line: -1, depth: 1})
}

// list lists what an index leads to. at is the line that leads to the index, or -1 in index.json
// itself.
func (w *ociWalk) list(ctx context.Context, manifests []ocispec.Descriptor, at entry) ([]candidate, error) {
	if at.depth > maxIndexDepth {
		return nil, errIndexDepth
	}
	var found []candidate
	for _, d := range manifests {
		if w.count++; w.count > maxManifests {
			return nil, fmt.Errorf("more than %d manifests", maxManifests)
		}
		e := entry{Descriptor: d, name: nameOf(d, at.name), line: at.line, depth: at.depth}
		if at.line < 0 {
			e.line = w.line(e.name)
		}
		more, err := w.entry(ctx, e)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// line numbers the lines of index.json. Lines with the same name belong to one image.
func (w *ociWalk) line(name string) int {
	if n, ok := w.lines[name]; ok && name != "" {
		return n
	}
	if w.lines == nil {
		w.lines = map[string]int{}
	}
	w.lines[name] = w.count
	return w.count
}

func nameOf(d ocispec.Descriptor, inherited string) string {
	if name := d.Annotations[imageNameAnnotation]; name != "" {
		return shortName(name)
	}
	if name := d.Annotations[refNameAnnotation]; name != "" {
		return name
	}
	return inherited
}

// entry lists what one line of an index leads to.
func (w *ociWalk) entry(ctx context.Context, e entry) ([]candidate, error) {
	if e.Annotations[attestationKind] == attestationManifest {
		if w.about == nil {
			w.about = map[string][]ocispec.Descriptor{}
		}
		of := e.Annotations[attestedDigest]
		w.about[of] = append(w.about[of], e.Descriptor)
	}
	if e.Annotations[attestationKind] != "" || e.Platform != nil && e.Platform.OS == "unknown" {
		return nil, nil
	}
	switch bareType(e.MediaType) {
	case ocispec.MediaTypeImageManifest, dockerManifestType:
		return []candidate{w.candidate(e)}, nil
	}
	m, err := w.manifest(ctx, e.Descriptor)
	switch {
	case errors.Is(err, fs.ErrNotExist): // reported when it is chosen
		return []candidate{w.candidate(e)}, nil
	case err != nil:
		return nil, err
	}
	return w.holding(ctx, m, e)
}

// manifest reads the document of a descriptor. It keeps indexes, because every line that leads to
// an index walks its list.
func (w *ociWalk) manifest(ctx context.Context, d ocispec.Descriptor) (*manifest, error) {
	if m, ok := w.indexes[d.Digest]; ok {
		return m, nil
	}
	text, err := w.blob(ctx, d)
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Digest, err)
	}
	if m.Manifests != nil {
		if w.indexes == nil {
			w.indexes = map[digest.Digest]*manifest{}
		}
		w.indexes[d.Digest] = m
	}
	return m, nil
}

// holding lists the images in a document that has been read.
func (w *ociWalk) holding(ctx context.Context, m *manifest, e entry) ([]candidate, error) {
	if m.Manifests != nil {
		e.depth++
		return w.list(ctx, m.Manifests, e)
	}
	return []candidate{w.candidate(e)}, nil
}

// candidate returns the candidate for a line of an index.
func (w *ociWalk) candidate(e entry) candidate {
	c := candidate{digest: e.Digest.String(), line: e.line, platform: described(e.Platform)}
	if e.name != "" {
		c.names = []string{e.name}
	}
	c.doubt = e.ArtifactType != "" || len(w.tags) > 0
	c.look = func(ctx context.Context) ([]candidate, error) { return w.look(ctx, c, e) }
	c.open = func(ctx context.Context) (*Image, error) { return w.open(ctx, c, e) }
	return c
}

// look reads the candidate's manifest and config.
func (w *ociWalk) look(ctx context.Context, c candidate, e entry) ([]candidate, error) {
	c.look = nil
	m, err := w.manifest(ctx, e.Descriptor)
	if err == nil && m.Manifests != nil {
		return w.holding(ctx, m, e)
	}
	var config *configFile
	if err == nil {
		config, err = w.config(ctx, m)
	}
	var artifact *artifactError
	switch {
	case errors.As(err, &artifact):
		c.artifact = artifact.what
		return []candidate{c}, nil
	case err != nil:
		c.broken = err
		return []candidate{c}, nil //nolint:nilerr // the candidate says it
	}
	c.config = m.Config.Digest.String()
	c.platform = c.platform.or(config.platform())
	if names := w.tags[c.config]; len(names) > 0 {
		c.names = names
	}
	return []candidate{c}, nil
}

// config reads the config of an image. If the manifest describes something else, the error is an
// artifactError.
func (w *ociWalk) config(ctx context.Context, m *manifest) (*configFile, error) {
	switch {
	case m.FSLayers != nil || m.SchemaVersion == 1:
		return nil, &artifactError{"an image with a manifest of schema 1, which Docker dropped in 2019; pull it with an older engine and push or save it again"}
	case m.Config.Digest == "":
		return nil, &artifactError{m.what()}
	}
	config, err := w.readConfig(ctx, m.Config)
	if what := m.artifact(config); what != "" {
		return nil, &artifactError{what}
	}
	return config, err
}

func (d *documents) readConfig(ctx context.Context, of ocispec.Descriptor) (*configFile, error) {
	text, err := d.blob(ctx, of)
	if err != nil {
		return nil, fmt.Errorf("the image's config: %w", err)
	}
	config, err := parseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", of.Digest, err)
	}
	return config, nil
}

// open finds an image's config and layers. It reads no layer.
func (w *ociWalk) open(ctx context.Context, c candidate, e entry) (*Image, error) {
	m, err := w.manifest(ctx, e.Descriptor)
	if err != nil {
		return nil, err
	}
	if m.Manifests != nil {
		return nil, errIndexInDisguise
	}
	config, err := w.config(ctx, m)
	if err != nil {
		return nil, err
	}
	if err := config.checkLayers(len(m.Layers)); err != nil {
		return nil, err
	}
	im := &Image{ID: m.Config.Digest.String(), Digest: c.digest, Annotations: m.Annotations, manifest: m.text}
	if len(c.names) > 0 {
		im.Name = c.names[0]
	}
	if names := w.tags[im.ID]; len(names) > 0 {
		im.Name = names[0]
	}
	for i, d := range m.Layers {
		l := &Layer{Index: i, Digest: d.Digest.String(), MediaType: d.MediaType, CompressedBytes: -1}
		im.Layers = append(im.Layers, l)
		if err := w.layer(ctx, l, d); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
	}
	config.describe(im)
	im.setPlatform(c.platform.or(config.platform()))
	im.Provenance = provenanceOf(ctx, w.b, im, slices.Clip(w.about[im.Digest]))
	return im, nil
}

// errIndexInDisguise says that an entry listed as a manifest is an index.
var errIndexInDisguise = errors.New("an index, though it is listed as a manifest")
