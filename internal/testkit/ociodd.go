package testkit

import (
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"
)

// Unusual layouts that tools and registries have produced. A fixture that tests the rule names
// the shape.

// layoutOf stores the images directly in index.json.
func layoutOf(l *layout, images []*built) []Member {
	var manifests []object
	for _, b := range images {
		manifests = append(manifests, refName(l.manifest(b), b.Tag))
	}
	return l.done(manifests)
}

// ociSHA512 is a layout whose blobs are named by their SHA-512 (umoci#323).
func ociSHA512(images []*built) []Member {
	return layoutOf(&layout{digests: func(b []byte) string {
		sum := sha512.Sum512(b)
		return "sha512:" + hex.EncodeToString(sum[:])
	}}, images)
}

// ociInlined is a layout whose manifests and configs are in the descriptors.
func ociInlined(images []*built) []Member { return layoutOf(&layout{inlined: true}, images) }

// ociOctetStream is what Docker 1.10 pushed: configs with the media type octet-stream, beside
// an artifactType, which means nothing either.
func ociOctetStream(images []*built) []Member {
	for _, b := range images {
		for i := range b.layers {
			if strings.HasPrefix(b.layers[i].mediaType, layerType) {
				b.layers[i].mediaType = "application/vnd.docker.image.rootfs.diff.tar.gzip"
			}
		}
	}
	return layoutOf(&layout{config: "application/octet-stream", manifests: object{
		"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "artifactType": "application/vnd.example.app",
	}}, images)
}

// ociAnnotated is a layout after `docker manifest annotate`: the index and the configs disagree
// about the images' platforms.
func ociAnnotated(images []*built) []Member {
	for _, b := range images {
		b.config = toJSON(object{
			"os": "plan9", "architecture": "mips", "created": "2024-01-02T03:04:05Z",
			"rootfs": object{"type": "layers", "diff_ids": b.diffIDs()}, "history": b.history(),
		})
	}
	var l layout
	return l.done([]object{refName(l.index(l.all(images)...), images[0].Tag)})
}

// ociSilent is a layout in which only the configs state the images' platforms.
func ociSilent(images []*built) []Member {
	var l layout
	all := l.all(images)
	for _, d := range all {
		delete(d, "platform")
	}
	return l.done([]object{refName(l.index(all...), images[0].Tag)})
}

func (l *layout) all(images []*built) []object {
	var all []object
	for _, b := range images {
		all = append(all, l.manifest(b))
	}
	return all
}

// ociTwice is a layout with each image twice in one index: the right one, and another for the
// same platform that must not be used.
func ociTwice(images []*built) []Member {
	var l layout
	all := l.all(images)
	for _, b := range images {
		other := *b.Image
		other.Layers = append([]*Layer{{Entries: []Entry{{Type: '0', Name: "second", Size: 7, Mode: 0o644, Time: DefaultTime}}}}, other.Layers...)
		other.Steps = nil
		all = append(all, l.manifest(build(&other, "zstd")))
	}
	return l.done([]object{refName(l.index(all...), images[0].Tag)})
}

// ociArtifacts is a layout as `cosign save` writes it, and more: beside the images are
// signatures, attestations and other things with manifests, none of them with a platform.
func ociArtifacts(images []*built) []Member {
	var l layout
	manifests := l.all(images)
	if len(images) > 1 {
		manifests = []object{l.index(manifests...)}
	}
	for _, d := range manifests {
		d["annotations"] = object{"kind": "dev.cosignproject.cosign/image"}
	}
	for i, a := range Artifacts {
		d := l.artifactOf(a, fmt.Sprintf("payload %d", i))
		d["annotations"] = object{"kind": "dev.cosignproject.cosign/sigs"}
		manifests = append(manifests[:i:i], append([]object{d}, manifests[i:]...)...)
	}
	return l.done(manifests)
}

// An Artifact has a manifest but isn't an image.
type Artifact struct {
	Type, Config, Layer string // media types; "" stands for no type, the empty config's type, and no layer
	Is                  string // description for people
}

// Artifacts lists kinds of artifacts that are stored beside images.
var Artifacts = []Artifact{
	{"", configType, "application/vnd.dev.cosign.simplesigning.v1+json", "a cosign signature"},
	{"", configType, "application/vnd.dsse.envelope.v1+json", "an attestation"},
	{"", configType, "application/vnd.in-toto+json", "an attestation"},
	{"application/vnd.dev.sigstore.bundle.v0.3+json", "", "application/vnd.dev.sigstore.bundle.v0.3+json", "a Sigstore bundle"},
	{"application/vnd.cncf.notary.signature", "", "application/jose+json", "a Notary signature"},
	{"application/spdx+json", "", "application/spdx+json", "an SBOM"},
	{"", configType, "application/vnd.cyclonedx+json", "an SBOM"},
	{"", "application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "a Helm chart"},
	{"", "application/vnd.wasm.config.v1+json", "application/vnd.wasm.content.layer.v1+wasm", "a WebAssembly module"},
	{"application/vnd.amazon.soci.index.v1+json", "application/vnd.amazon.soci.index.v1+json", "application/octet-stream", "a SOCI index"},
	{"", "application/vnd.sylabs.sif.config.v1+json", "application/vnd.sylabs.sif.layer.v1.sif", "a Singularity image (SIF)"},
	{"", "application/vnd.buildkit.cacheconfig.v0", layerType + "+gzip", "a build cache of BuildKit"},
	{"", "application/vnd.docker.plugin.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip", "a Docker plugin"},
	{"application/vnd.example.data", "", "text/csv", `an artifact of type "application/vnd.example.data"`},
	{"application/vnd.example.data", "", "", `an artifact of type "application/vnd.example.data"`},
}

// artifactOf stores an artifact and returns its manifest's descriptor.
func (l *layout) artifactOf(a Artifact, payload string) object {
	config := l.add("application/vnd.oci.empty.v1+json", []byte("{}"))
	if a.Config != "" {
		config = l.add(a.Config, toJSON(object{
			"architecture": "", "os": "", "config": object{}, "rootfs": object{"type": "layers", "diff_ids": []string{digest([]byte(payload))}},
		}))
	}
	layers := []object{}
	if a.Layer != "" {
		layers = append(layers, l.add(a.Layer, []byte(payload)))
	}
	m := object{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": layers}
	if a.Type != "" {
		m["artifactType"] = a.Type
	}
	return l.add(manifestType, toJSON(m))
}

// ArtifactLayout returns a layout with only an artifact, which is named if name isn't "".
func ArtifactLayout(a Artifact, name string) []Member {
	var l layout
	d := l.artifactOf(a, "payload")
	if name != "" {
		refName(d, name)
	}
	return l.done([]object{d})
}

// LayoutWith returns a layout with only a manifest of any content.
func LayoutWith(manifest []byte) []Member {
	var l layout
	return l.done([]object{l.add(manifestType, manifest)})
}

// dockerRenamed is docker20 with edited configs that keep the names from their original digests
// (from go-containerregistry's test data).
func dockerRenamed(images []*built) []Member {
	members := docker20(images)
	for i, b := range images {
		old, other := bare(digest(b.config))+".json", strings.Repeat(fmt.Sprintf("%x", i+10), 64)+".json"
		for k := range members {
			if members[k].Name == old {
				members[k].Name = other
			}
			if members[k].Name == "manifest.json" {
				members[k].Data = []byte(strings.ReplaceAll(string(members[k].Data), old, other))
			}
		}
	}
	return members
}
