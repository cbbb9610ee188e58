package source

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// manifest is a document that an index lists: the manifest of an image or of
// something else, or another index. Media types may be missing or wrong, so its
// fields decide.
type manifest struct {
	SchemaVersion int                `json:"schemaVersion"`
	MediaType     string             `json:"mediaType"`
	ArtifactType  string             `json:"artifactType"`
	Config        ocispec.Descriptor `json:"config"`
	Layers        layerList          `json:"layers"`
	Manifests     manifestList       `json:"manifests"` // of an index; otherwise nil
	FSLayers      json.RawMessage    `json:"fsLayers"`  // set in manifests of Docker's schema 1
	Annotations   map[string]string  `json:"annotations"`

	text []byte // the source text, except for an index
}

// layerList and manifestList are bounded lists of descriptors.
type (
	layerList    []ocispec.Descriptor
	manifestList []ocispec.Descriptor
)

func (l *layerList) UnmarshalJSON(b []byte) (err error) {
	*l, err = decodeList[ocispec.Descriptor](b, maxLayers, "layers in an image")
	return err
}

func (l *manifestList) UnmarshalJSON(b []byte) (err error) {
	*l, err = decodeList[ocispec.Descriptor](b, maxManifests, "manifests")
	return err
}

func parseManifest(text []byte) (*manifest, error) {
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("reading it as a manifest: %w", err)
	}
	if m.Manifests == nil {
		m.text = text
	}
	return &m, nil
}

// An artifactError says what a manifest describes if it is not an image.
type artifactError struct{ what string }

func (e *artifactError) Error() string { return "it is " + e.what + ", not an image" }

// artifactKinds names kinds of artifacts that are not images, by a part of their media types.
var artifactKinds = []struct{ part, what string }{
	{"vnd.cncf.helm.", "a Helm chart"},
	{"vnd.cncf.notary.", "a Notary signature"},
	{"vnd.dev.cosign.simplesigning", "a cosign signature"},
	{"vnd.dev.cosign.artifact.sig", "a cosign signature"},
	{"vnd.dev.cosign.artifact.sbom", "an SBOM"},
	{"vnd.dev.sigstore.bundle", "a Sigstore bundle (a signature or an attestation)"},
	{"spdx", "an SBOM"},
	{"cyclonedx", "an SBOM"},
	{"vnd.syft", "an SBOM"},
	{"in-toto", "an attestation"},
	{"vnd.dsse.envelope", "an attestation"},
	{"vnd.dev.cosign", "an attachment of cosign"},
	{"vnd.amazon.soci.", "a SOCI index"},
	{"wasm", "a WebAssembly module"},
	{"sylabs.sif", "a Singularity image (SIF)"},
	{"vnd.buildkit.cacheconfig", "a build cache of BuildKit"},
	{"vnd.docker.plugin.", "a Docker plugin"},
	{"vnd.docker.compose.", "a Compose application"},
	{"vnd.docker.ai.", "an AI model"},
	{"vnd.cncf.model.", "an AI model"},
	{"vnd.kitops.modelkit", "an AI model"},
	{"vnd.ollama.", "an AI model"},
	{"vnd.cncf.flux.", "a Flux bundle"},
	{"openpolicyagent", "an Open Policy Agent bundle"},
	{"vnd.aquasec.trivy.", "a Trivy database"},
	{"vnd.cnab.", "a CNAB bundle"},
	{"devcontainers", "a dev container's feature or template"},
	{"vnd.cirruslabs.tart.", "a virtual machine (Tart)"},
}

// Prefixes of the media types of image layers. A suffix gives the compression,
// or says that the layer is stored elsewhere. Sources: OCI image-spec,
// media-types.md; distribution's manifest schema 2, and the types that Docker
// 1.10 wrote before that schema was final.
var layerTypes = []string{
	"application/vnd.oci.image.layer.",
	"application/vnd.docker.image.rootfs.",
	"application/vnd.docker.container.image.rootfs.",
}

// Types that say nothing: any layer, config or other blob may have them.
var plainTypes = []string{
	"", "application/octet-stream", "application/json", "text/html", "text/plain",
	"application/tar", "application/x-tar", "application/tar+gzip", "application/x-gtar",
	"application/gzip", "application/x-gzip", "application/zstd",
}

// configTypes are the media types of image configs.
var configTypes = []string{
	"application/vnd.oci.image.config.v1+json",
	"application/vnd.docker.container.image.v1+json",
	"application/vnd.docker.container.image.rootfs.v1+json",
}

// bareType is a media type in lower case, without parameters ("; charset=utf-8").
func bareType(s string) string {
	s, _, _ = strings.Cut(s, ";")
	return strings.ToLower(strings.TrimSpace(s))
}

func isLayerType(s string) bool {
	s = bareType(s)
	return slices.ContainsFunc(layerTypes, func(t string) bool { return strings.HasPrefix(s, t) })
}

// artifact returns the kind of artifact that a manifest describes if its media
// types show that it is not an image, else "". config is the text of the
// config.
//
// An image has an image config and layers of image types. The other fields
// (artifactType, the media type of the config) are only hints: images have been
// pushed with a config of type octet-stream and text/html (moby#48361,
// containerd#4756).
func (m *manifest) artifact(config *configFile) string {
	called := bareType(m.Config.MediaType)
	isConfig, saysNothing := slices.Contains(configTypes, called), slices.Contains(plainTypes, called)
	layers, unknown := 0, 0
	for i := range m.Layers {
		switch t := m.Layers[i].MediaType; {
		case isLayerType(t):
			layers++
		case !slices.Contains(plainTypes, bareType(t)):
			unknown++
		}
	}
	switch {
	case layers == 0 && unknown > 0: // no layer has a layer type
	case !isConfig && !saysNothing && m.knownKind(called) != "":
	case isConfig:
		return ""
	case layers == 0 && !saysNothing: // nothing says that this is an image
	case config != nil && config.ofImage():
		return ""
	}
	return m.what()
}

// knownKind returns the kind of artifact that a media type stands for, "" if unknown.
func (m *manifest) knownKind(mediaType string) string {
	for _, k := range artifactKinds {
		if strings.Contains(mediaType, k.part) {
			return k.what
		}
	}
	return ""
}

// what names the kind of artifact by its own type, else its config's type, else its layers'
// types.
func (m *manifest) what() string {
	types := []string{m.ArtifactType, m.Config.MediaType}
	for i := range m.Layers {
		types = append(types, m.Layers[i].MediaType)
	}
	var unknown string
	for _, t := range types {
		bare := bareType(t)
		if kind := m.knownKind(bare); kind != "" {
			return kind
		}
		says := !slices.Contains(plainTypes, bare) && !slices.Contains(configTypes, bare) && !isLayerType(bare) && bare != ocispec.MediaTypeEmptyJSON
		if unknown == "" && says {
			unknown = t
		}
	}
	if unknown == "" {
		return "an artifact without a type"
	}
	return fmt.Sprintf("an artifact of type %q", unknown)
}
