// Command generate rewrites an image with layers that have a table of contents, using the
// libraries with which such images are built. It is a separate module, so that peel doesn't
// depend on them.
//
//	go run . LAYOUT FORM OUT
//
// LAYOUT is an OCI layout of one image. FORM is estargz, zstd-chunked, nerdctl (zstd:chunked by
// eStargz's library, annotated as both) or estargz-external. OUT is the layout to write. The
// tables of estargz-external go into OUT-toc, which is also a layout.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/stargz-snapshotter/estargz"
	"github.com/containerd/stargz-snapshotter/estargz/externaltoc"
	"github.com/containerd/stargz-snapshotter/estargz/zstdchunked"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"go.podman.io/storage/pkg/chunked/compressor"
)

type object = map[string]any

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: generate LAYOUT estargz|zstd-chunked|nerdctl|estargz-external OUT")
		os.Exit(2)
	}
	err := convert(os.Args[1], os.Args[2], os.Args[3])
	if err == nil && len(outside) > 0 {
		err = writeTables(os.Args[3] + "-toc")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func blobPath(dir, sum string) string {
	algorithm, hex, _ := strings.Cut(sum, ":")
	return filepath.Join(dir, "blobs", algorithm, hex)
}

func readJSON(file string, to *object) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}

// put writes a blob and returns its digest.
func put(dir string, text []byte) (string, error) {
	sum := digest.FromBytes(text).String()
	return sum, os.WriteFile(blobPath(dir, sum), text, 0o644)
}

func convert(from, form, to string) error {
	if err := os.MkdirAll(filepath.Join(to, "blobs", "sha256"), 0o755); err != nil {
		return err
	}
	var index, manifest, config object
	if err := readJSON(filepath.Join(from, "index.json"), &index); err != nil {
		return err
	}
	top := index["manifests"].([]any)[0].(object)
	if err := readJSON(blobPath(from, top["digest"].(string)), &manifest); err != nil {
		return err
	}
	of := manifest["config"].(object)
	if err := readJSON(blobPath(from, of["digest"].(string)), &config); err != nil {
		return err
	}
	var diffIDs []any
	for _, l := range manifest["layers"].([]any) {
		l := l.(object)
		tarball, err := unpack(blobPath(from, l["digest"].(string)))
		if err != nil {
			return err
		}
		blob, diffID, mediaType, annotations, err := compress(tarball, form)
		if err != nil {
			return err
		}
		sum, err := put(to, blob)
		if err != nil {
			return err
		}
		l["digest"], l["size"], l["mediaType"], l["annotations"] = sum, len(blob), mediaType, annotations
		diffIDs = append(diffIDs, diffID)
	}
	config["rootfs"].(object)["diff_ids"] = diffIDs
	for _, document := range []struct{ of, in object }{{config, of}, {manifest, top}} {
		text, err := json.Marshal(document.of)
		if err != nil {
			return err
		}
		sum, err := put(to, text)
		if err != nil {
			return err
		}
		document.in["digest"], document.in["size"] = sum, len(text)
	}
	text, err := json.Marshal(index)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, "index.json"), text, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
}

// outside are the tables stored outside their layers.
var outside []outsideTable

type outsideTable struct {
	of    string // the layer's digest
	table []byte
}

// writeTables writes the image whose layers are tables, which nerdctl pushes to the image's tag
// with the suffix "-esgztoc".
func writeTables(to string) error {
	if err := os.MkdirAll(filepath.Join(to, "blobs", "sha256"), 0o755); err != nil {
		return err
	}
	config, err := put(to, []byte("{}"))
	if err != nil {
		return err
	}
	var layers []object
	for _, t := range outside {
		sum, err := put(to, t.table)
		if err != nil {
			return err
		}
		layers = append(layers, object{
			"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": sum, "size": len(t.table),
			"annotations": object{"containerd.io/snapshot/stargz/layer.digest": t.of},
		})
	}
	manifest, err := json.Marshal(object{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": object{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
		"layers": layers,
	})
	if err != nil {
		return err
	}
	sum, err := put(to, manifest)
	if err != nil {
		return err
	}
	index, err := json.Marshal(object{"schemaVersion": 2, "manifests": []object{{
		"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": sum, "size": len(manifest),
	}}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, "index.json"), index, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
}

func unpack(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil || !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
		return text, err
	}
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func compress(tarball []byte, form string) (blob []byte, diffID, mediaType string, annotations map[string]string, err error) {
	annotations = map[string]string{}
	if form != "zstd-chunked" {
		mediaType = "application/vnd.oci.image.layer.v1.tar+gzip"
		options := []estargz.Option{estargz.WithChunkSize(chunkSize())}
		external := externaltoc.NewGzipCompressionWithLevel(nil, gzip.BestCompression).(*externaltoc.GzipCompression)
		if form == "estargz-external" {
			options = append(options, estargz.WithCompression(external))
		}
		if form == "nerdctl" {
			mediaType = "application/vnd.oci.image.layer.v1.tar+zstd"
			options = append(options, estargz.WithCompression(&zstdCompression{zstdchunked.Compressor{CompressionLevel: zstd.SpeedDefault, Metadata: annotations}, zstdchunked.Decompressor{}}))
		}
		b, err := estargz.Build(io.NewSectionReader(bytes.NewReader(tarball), 0, int64(len(tarball))), options...)
		if err != nil {
			return nil, "", "", nil, err
		}
		defer b.Close()
		blob, err = io.ReadAll(b)
		annotations[estargz.TOCJSONDigestAnnotation] = b.TOCDigest().String()
		if err == nil && form == "estargz-external" {
			var table bytes.Buffer
			_, err = external.WriteTOCTo(&table)
			outside = append(outside, outsideTable{digest.FromBytes(blob).String(), table.Bytes()})
		}
		return blob, b.DiffID().String(), mediaType, annotations, err
	}
	var out bytes.Buffer
	w, err := compressor.ZstdCompressor(&out, annotations, nil)
	if err != nil {
		return nil, "", "", nil, err
	}
	if _, err := w.Write(tarball); err != nil {
		return nil, "", "", nil, err
	}
	if err := w.Close(); err != nil {
		return nil, "", "", nil, err
	}
	return out.Bytes(), digest.FromBytes(tarball).String(), "application/vnd.oci.image.layer.v1.tar+zstd", annotations, nil
}

// zstdCompression is the compression that nerdctl sets in eStargz's library.
type zstdCompression struct {
	zstdchunked.Compressor
	zstdchunked.Decompressor
}

// chunkSize returns eStargz's default for large images, and a small size for the fixtures, so
// that small files have several chunks.
func chunkSize() int {
	if os.Getenv("CHUNKS") == "default" {
		return 0
	}
	return 4096
}
