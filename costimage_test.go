//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// costImage is a hostile image, and files beside it.
type costImage struct {
	layers  []func(*costLayer)     // lowest first
	order   []int                  // the image's layers, as indices in layers; nil for each once
	history []string               // commands, one per layer; nil for made-up ones
	empty   int                    // steps without a layer, after all others
	config  map[string]any         // the OCI config's settings for the runtime
	files   map[string]string      // by name, in the image's folder
	folder  func(dir string) error // fills DIR/tree; nil for no such folder
	before  []string               // commands to run first, in the form of a cost's
}

// costLayer writes a layer.
type costLayer struct{ w *tar.Writer }

// add writes an entry, with as many bytes of content as its header states.
func (l *costLayer) add(h tar.Header) {
	if h.Mode == 0 {
		h.Mode = 0o644
	}
	h.ModTime, h.Format = time.Unix(1_600_000_000, 0), tar.FormatPAX
	if err := l.w.WriteHeader(&h); err != nil {
		panic(err)
	}
	if _, err := io.CopyN(l.w, xs{}, h.Size); err != nil {
		panic(err)
	}
}

func (l *costLayer) file(name string, size int64) { l.add(tar.Header{Name: name, Size: size}) }
func (l *costLayer) link(name, target string) {
	l.add(tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeLink})
}

// xs is an endless stream of the letter x.
type xs struct{}

func (xs) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

// summed computes the digest and size of what is written.
type summed struct {
	io.Writer
	hash.Hash
}

func (s summed) Write(b []byte) (int, error) {
	s.Hash.Write(b)
	return s.Writer.Write(b)
}

func (s summed) digest() string { return "sha256:" + hex.EncodeToString(s.Sum(nil)) }

// writeCost writes an image as an OCI archive, DIR/image.tar, and the files beside it.
func writeCost(t *testing.T, dir string, im costImage) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(dir, 0o755))
	for name, text := range im.files {
		must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	if im.folder != nil {
		tree := filepath.Join(dir, "tree")
		must(os.Mkdir(tree, 0o755))
		must(im.folder(tree))
	}
	f, err := os.Create(filepath.Join(dir, "image.tar"))
	must(err)
	defer f.Close()
	out := tar.NewWriter(f)
	blob := func(name string, data []byte) {
		must(out.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o644}))
		_, err := out.Write(data)
		must(err)
	}
	type object = map[string]any
	described := func(mediaType string, data []byte) object {
		sum := sha256.Sum256(data)
		blob("blobs/sha256/"+hex.EncodeToString(sum[:]), data)
		return object{"mediaType": mediaType, "digest": "sha256:" + hex.EncodeToString(sum[:]), "size": len(data)}
	}
	asJSON := func(v any) []byte {
		data, err := json.Marshal(v)
		must(err)
		return data
	}
	descriptors, ids := make([]object, len(im.layers)), make([]string, len(im.layers))
	for i, write := range im.layers {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		raw := summed{z, sha256.New()}
		w := tar.NewWriter(raw)
		write(&costLayer{w})
		must(w.Close())
		must(z.Close())
		descriptors[i], ids[i] = described("application/vnd.oci.image.layer.v1.tar+gzip", packed.Bytes()), raw.digest()
	}
	if im.config == nil {
		im.config = object{}
	}
	if im.order == nil {
		for i := range im.layers {
			im.order = append(im.order, i)
		}
	}
	var layers, history []object
	var diffIDs []string
	for k, i := range im.order {
		layers, diffIDs = append(layers, descriptors[i]), append(diffIDs, ids[i])
		command := fmt.Sprintf("RUN step %d", k)
		if im.history != nil {
			command = im.history[k]
		}
		history = append(history, object{"created": "2020-01-01T00:00:00Z", "created_by": command})
	}
	for range im.empty {
		history = append(history, object{"empty_layer": true})
	}
	config := described("application/vnd.oci.image.config.v1+json", asJSON(object{
		"architecture": "amd64", "os": "linux", "config": im.config, "rootfs": object{"type": "layers", "diff_ids": diffIDs}, "history": history,
	}))
	manifest := described("application/vnd.oci.image.manifest.v1+json", asJSON(object{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers,
	}))
	blob("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	blob("index.json", asJSON(object{"schemaVersion": 2, "manifests": []object{manifest}}))
	must(out.Close())
}
