//go:build dev

package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"time"
)

// step is one line of the image's Dockerfile.
type step struct {
	command string   // in a builder's notation
	entries []*entry // entries of its layer, in stored order; nil for a step without a layer
}

// entry is one member of a layer.
type entry struct {
	name     string // relative, without a slash at the end
	kind     byte   // tar.TypeReg, TypeDir, TypeSymlink or TypeLink
	mode     int64
	uid, gid int
	link     string
	body     []byte
	time     time.Time // modification time; zero for the time of the step
}

// started is when the first step ran; the others follow at intervals of ten minutes.
var started = time.Date(2025, time.March, 3, 9, 30, 0, 0, time.UTC)

// layer returns the step's changeset as a tar. It adds entries for directories that s doesn't
// name, before their contents, as engines do.
func (s step) layer(began time.Time) ([]byte, error) {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, e := range withParents(s.entries) {
		modified := e.time
		if modified.IsZero() {
			modified = began
		}
		h := &tar.Header{
			Typeflag: e.kind, Name: e.name, Linkname: e.link, Mode: e.mode,
			Uid: e.uid, Gid: e.gid, Size: int64(len(e.body)),
			ModTime: modified, Format: tar.FormatUSTAR,
		}
		if e.kind == tar.TypeDir {
			h.Name += "/"
		}
		if err := tw.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("writing %s: %w", e.name, err)
		}
		if _, err := tw.Write(e.body); err != nil {
			return nil, fmt.Errorf("writing %s: %w", e.name, err)
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func withParents(entries []*entry) []*entry {
	var all []*entry
	named := map[string]bool{".": true}
	var add func(e *entry)
	add = func(e *entry) {
		if parent := path.Dir(e.name); !named[parent] {
			add(dir(parent))
		}
		named[e.name] = true
		all = append(all, e)
	}
	for _, e := range entries {
		add(e)
	}
	return all
}

// The parts of the image format that the archive needs. Field names are those of the OCI image
// specification and, in saved, of docker save.
type (
	descriptor struct {
		MediaType   string            `json:"mediaType"`
		Digest      string            `json:"digest"`
		Size        int               `json:"size"`
		Annotations map[string]string `json:"annotations,omitempty"`
		Platform    *platform         `json:"platform,omitempty"`
	}
	platform struct {
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
	}
	manifest struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Config        *descriptor  `json:"config,omitempty"`
		Layers        []descriptor `json:"layers,omitempty"`
		Manifests     []descriptor `json:"manifests,omitempty"`
	}
	history struct {
		Created    time.Time `json:"created"`
		CreatedBy  string    `json:"created_by"`
		Comment    string    `json:"comment,omitempty"`
		EmptyLayer bool      `json:"empty_layer,omitempty"`
	}
	rootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	}
	saved struct {
		Config   string   `json:"Config"`
		RepoTags []string `json:"RepoTags"`
		Layers   []string `json:"Layers"`
	}
)

const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

// blobs collects the archive's blobs in the order in which they are made.
type blobs struct {
	names []string
	data  map[string][]byte
}

func (b *blobs) add(mediaType string, data []byte) descriptor {
	sum := sha256.Sum256(data)
	name := "blobs/sha256/" + hex.EncodeToString(sum[:])
	if _, ok := b.data[name]; !ok {
		b.names = append(b.names, name)
		b.data[name] = data
	}
	return descriptor{MediaType: mediaType, Digest: "sha256:" + path.Base(name), Size: len(data)}
}

func (b *blobs) addJSON(mediaType string, v any) (descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	return b.add(mediaType, data), nil
}

// writeArchive writes the image as docker save does since Docker 25: an OCI layout with plain
// layers, and the manifest.json of older versions.
func writeArchive(w io.Writer, name string, im image) error {
	b := blobs{data: map[string][]byte{}}
	old := saved{RepoTags: []string{name}}
	m := manifest{SchemaVersion: 2, MediaType: manifestType}
	root := rootFS{Type: "layers"}
	var steps []history
	began := started
	for _, s := range im.steps {
		steps = append(steps, history{Created: began, CreatedBy: s.command, EmptyLayer: s.entries == nil})
		if s.entries != nil {
			data, err := s.layer(began)
			if err != nil {
				return fmt.Errorf("layer of %q: %w", s.command, err)
			}
			d := b.add(layerType, data)
			m.Layers = append(m.Layers, d)
			root.DiffIDs = append(root.DiffIDs, d.Digest)
			old.Layers = append(old.Layers, blobPath(d))
		}
		began = began.Add(10 * time.Minute)
	}
	config, err := b.addJSON(configType, map[string]any{
		"architecture": "amd64", "os": "linux", "created": steps[len(steps)-1].Created,
		"config": im.config, "history": steps, "rootfs": root,
	})
	if err != nil {
		return err
	}
	m.Config = &config
	old.Config = blobPath(config)
	main, err := b.addJSON(manifestType, m)
	if err != nil {
		return err
	}
	main.Platform = &platform{Architecture: "amd64", OS: "linux"}
	main.Annotations = map[string]string{
		"io.containerd.image.name":          "docker.io/library/" + name,
		"org.opencontainers.image.ref.name": name[len("shop:"):],
	}
	return b.write(w, manifest{SchemaVersion: 2, MediaType: indexType, Manifests: []descriptor{main}}, old)
}

func blobPath(d descriptor) string { return "blobs/sha256/" + d.Digest[len("sha256:"):] }

func (b *blobs) write(w io.Writer, index manifest, old saved) error {
	tw := tar.NewWriter(w)
	put := func(name string, data []byte) error {
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data)),
			ModTime: time.Unix(0, 0).UTC(), Format: tar.FormatUSTAR,
		}
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		_, err := tw.Write(data)
		return err
	}
	for _, name := range b.names {
		if err := put(name, b.data[name]); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name string
		v    any
	}{
		{"index.json", index},
		{"manifest.json", []saved{old}},
		{"oci-layout", map[string]string{"imageLayoutVersion": "1.0.0"}},
	} {
		data, err := json.Marshal(f.v)
		if err != nil {
			return err
		}
		if err := put(f.name, data); err != nil {
			return err
		}
	}
	return tw.Close()
}
