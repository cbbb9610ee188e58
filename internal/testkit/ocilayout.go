package testkit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
)

// layout collects the blobs of an OCI image layout.
type layout struct {
	members []Member

	// Options for unusual layouts; the zero value is what tools write.
	digests   func([]byte) string // SHA-256 if nil
	inlined   bool                // put manifests and configs into the descriptors' "data"
	config    string              // media type of configs; the specification's for ""
	manifests object              // additional fields of manifests
}

// add stores a blob and returns its descriptor.
func (l *layout) add(mediaType string, data []byte) object {
	d := digest(data)
	if l.digests != nil {
		d = l.digests(data)
	}
	l.members = append(l.members, Member{Name: "blobs/" + strings.ReplaceAll(d, ":", "/"), Data: data})
	return object{"mediaType": mediaType, "digest": d, "size": len(data)}
}

// document stores a config or a manifest, and returns its descriptor.
func (l *layout) document(mediaType string, data []byte) object {
	keep := l.members
	d := l.add(mediaType, data)
	if l.inlined {
		l.members = keep
		d["data"] = data // encoding/json writes it as base64
	}
	return d
}

// manifest stores the image and returns its manifest's descriptor, with the platform.
func (l *layout) manifest(b *built) object {
	keep := l.members
	config := l.document(cmp.Or(l.config, configType), b.config)
	layers := []object{}
	for i := range b.layers {
		d := b.layers[i].descriptor()
		if !b.layers[i].absent {
			d["digest"] = l.add("", b.layers[i].data)["digest"]
		}
		layers = append(layers, d)
	}
	if b.Absent != "" {
		l.members = keep
	}
	manifest := object{
		"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": layers,
		"annotations": object{"org.example.tag": b.Tag},
	}
	maps.Copy(manifest, l.manifests)
	d := l.document(manifest["mediaType"].(string), toJSON(manifest))
	if b.Absent == "gone" {
		l.members = keep
	}
	d["platform"] = b.platform()
	return d
}

// attestation stores BuildKit's statement about how the image was made, in the form of an
// image, and returns its descriptor.
func (l *layout) attestation(of object, statement []byte) object {
	blob := l.add("application/vnd.in-toto+json", statement)
	config := l.add(configType, toJSON(object{
		"os": "unknown", "architecture": "unknown", "config": object{},
		"rootfs": object{"type": "layers", "diff_ids": []any{blob["digest"]}},
	}))
	d := l.add(manifestType, toJSON(object{
		"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": []any{blob},
	}))
	d["platform"] = object{"os": "unknown", "architecture": "unknown"}
	d["annotations"] = object{
		"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of["digest"],
	}
	return d
}

// noStatement is an empty in-toto statement.
var noStatement = []byte(`{"_type":"https://in-toto.io/Statement/v0.1"}`)

// provenance returns an in-toto statement about how the image was made, as BuildKit writes it
// in mode "max". The steps that made the layers are in lines 2, 3 and so on of a Dockerfile,
// one line each; FROM is step 0, in line 1.
func provenance(of object, b *built) []byte {
	locations, layers := object{}, object{}
	place := func(step string, line int) {
		at := object{"line": line}
		locations[step] = object{"locations": []any{object{"ranges": []any{object{"start": at, "end": at}}}}}
	}
	place("step0", 1)
	var chain []any
	for i := range b.layers {
		d := b.layers[i].descriptor()
		chain = append(chain, object{"mediaType": d["mediaType"], "digest": d["digest"], "size": d["size"]})
		step := fmt.Sprintf("step%d", i+1)
		place(step, i+2)
		layers[step+":0"] = []any{slices.Clip(chain)}
	}
	return toJSON(object{
		"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1",
		"subject": []any{object{"name": "pkg:docker/" + b.Tag, "digest": object{"sha256": bare(of["digest"].(string))}}},
		"predicate": object{
			"buildDefinition": object{"buildType": "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"},
			"runDetails": object{"metadata": object{"buildkit_metadata": object{
				"source": object{"locations": locations, "infos": []any{object{"filename": "Dockerfile", "language": "Dockerfile", "data": []byte("FROM scratch\n")}}},
				"layers": layers,
			}}},
		},
	})
}

// index stores an index and returns its descriptor.
func (l *layout) index(manifests ...object) object {
	return l.add(indexType, toJSON(object{"schemaVersion": 2, "mediaType": indexType, "manifests": manifests}))
}

// done returns the folders and the blobs, followed by index.json and oci-layout.
func (l *layout) done(manifests []object) []Member {
	if manifests == nil {
		manifests = []object{}
	}
	members := append([]Member{{Name: "blobs/", Dir: true}, {Name: "blobs/sha256/", Dir: true}}, unique(l.members)...)
	return append(members,
		Member{Name: "index.json", Data: toJSON(object{"schemaVersion": 2, "mediaType": indexType, "manifests": manifests})},
		Member{Name: "oci-layout", Data: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
	)
}

// refName names a manifest of index.json as skopeo and buildah do.
func refName(d object, name string) object {
	d["annotations"] = object{"org.opencontainers.image.ref.name": name}
	return d
}

// oci is a layout as skopeo, buildah and umoci write it: index.json lists every image directly,
// with platforms only if there are several.
func oci(images []*built) []Member {
	var l layout
	var manifests []object
	for _, b := range images {
		d := refName(l.manifest(b), b.Tag)
		if len(images) == 1 {
			delete(d, "platform")
		}
		manifests = append(manifests, d)
	}
	return l.done(manifests)
}

// ociNested is a layout whose images are two indexes deep: one index for each tag, which
// contains one for each platform.
func ociNested(images []*built) []Member {
	var l layout
	var manifests []object
	for _, group := range byTag(images) {
		var deep []object
		for _, b := range group {
			deep = append(deep, l.index(l.manifest(b)))
		}
		manifests = append(manifests, refName(l.index(deep...), group[0].Tag))
	}
	return l.done(manifests)
}

// artifact stores an artifact with an image's manifest, such as a signature, and returns its
// descriptor.
func (l *layout) artifact() object {
	payload := l.add("application/vnd.dev.cosign.simplesigning.v1+json", []byte(`{"critical":{}}`))
	return l.add(manifestType, toJSON(object{
		"schemaVersion": 2, "mediaType": manifestType, "artifactType": "application/vnd.example.signature",
		"config": l.add("application/vnd.oci.empty.v1+json", []byte(`{}`)), "layers": []any{payload},
	}))
}

// ociAttested is the output of `docker buildx build --output type=oci`: one index per tag, with
// an attestation for each image, and a signature beside them all.
func ociAttested(images []*built) []Member {
	var l layout
	var manifests []object
	for _, group := range byTag(images) {
		var both []object
		for _, b := range group {
			d := l.manifest(b)
			both = append(both, l.attestation(d, provenance(d, b)), d)
		}
		manifests = append(manifests, refName(l.index(both...), group[0].Tag))
	}
	return l.done(append(manifests, l.artifact()))
}

// ociMislabelled is a layout in which every layer's media type is wrong, since media types are
// only hints.
func ociMislabelled(images []*built) []Member {
	for _, b := range images {
		for i := range b.layers {
			if l := &b.layers[i]; !l.absent && !strings.HasSuffix(l.mediaType, "encrypted") {
				l.mediaType = []string{layerType + "+zstd", layerType, layerType + "+gzip"}[i%3]
			}
		}
	}
	return oci(images)
}

// docker25 is `docker save` since Docker 25 (overlay2): a layout with plain layers, and a
// manifest.json with the same information.
func docker25(images []*built) []Member {
	var l layout
	var manifests []object
	for _, b := range images {
		d := refName(l.manifest(b), b.version())
		delete(d, "platform")
		d["annotations"].(object)["io.containerd.image.name"] = b.fullName()
		manifests = append(manifests, d)
	}
	list := layoutManifestJSON(images, func(b *built) object {
		sources := object{}
		for i := range b.layers {
			sources[b.layers[i].diffID] = b.layers[i].descriptor()
		}
		return sources
	})
	return sorted(append(l.done(manifests), list, repositories(images)))
}

// containerd is `docker save` with the containerd image store: gzip layers, one index per tag
// with attestations, without the blobs of other platforms.
func containerd(images []*built) []Member {
	var l layout
	var manifests []object
	var there []*built
	for _, group := range byTag(images) {
		var both []object
		for _, b := range group {
			d := l.manifest(b)
			both = append(both, d, l.attestation(d, noStatement))
			if b.Absent == "" {
				there = append(there, b)
			}
		}
		d := refName(l.index(both...), group[0].version())
		d["annotations"].(object)["io.containerd.image.name"] = group[0].fullName()
		manifests = append(manifests, d)
	}
	return sorted(append(l.done(manifests), layoutManifestJSON(there, nil)))
}

// layoutManifestJSON returns a manifest.json that refers to the layout's blobs; sources, if not
// nil, returns each image's LayerSources.
func layoutManifestJSON(images []*built, sources func(*built) object) Member {
	blobName := func(b []byte) string { return "blobs/sha256/" + bare(digest(b)) }
	list := manifestList(images,
		func(b *built) string { return blobName(b.config) },
		func(b *built, i int) string { return blobName(b.layers[i].data) })
	for i, b := range images {
		if sources != nil {
			list[i]["LayerSources"] = sources(b)
		}
	}
	return Member{Name: "manifest.json", Data: toJSON(list)}
}

// byTag groups images by tag, in the order of each tag's first image.
func byTag(images []*built) [][]*built {
	var groups [][]*built
	at := map[string]int{}
	for _, b := range images {
		i, ok := at[b.Tag]
		if !ok {
			i = len(groups)
			at[b.Tag] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], b)
	}
	return groups
}

// Nest puts the content of index.json into an index, that into another one, and so on, depth
// times.
func Nest(members []Member, depth int) []Member {
	var l layout
	var outer Member
	for _, m := range members {
		if m.Name == "index.json" {
			outer = m
		} else {
			l.members = append(l.members, m)
		}
	}
	for range depth {
		d := l.add(indexType, outer.Data)
		outer.Data = toJSON(object{"schemaVersion": 2, "mediaType": indexType, "manifests": []object{d}})
	}
	return append(l.members, outer)
}
