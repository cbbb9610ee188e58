package madeup

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// WriteOCI writes the image as an OCI layout into the folder dir, which must not exist. It
// compresses layers with "gzip" or "zstd".
func (im Image) WriteOCI(dir, packing string) error {
	blobs := filepath.Join(dir, "blobs", "sha256")
	if _, err := os.Stat(dir); err == nil {
		return fmt.Errorf("%s: there is something already", dir)
	}
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	var layers []any
	var diffIDs []string
	for k := range im.Layers {
		d, diffID, err := im.writeBlob(k, blobs, packing)
		if err != nil {
			return fmt.Errorf("layer %d: %w", k, err)
		}
		layers, diffIDs = append(layers, d), append(diffIDs, diffID)
	}
	const vendor = "application/vnd.oci.image."
	put := func(mediaType string, body []byte) (map[string]any, error) {
		sum := digestOf(body)
		d := map[string]any{"mediaType": vendor + mediaType, "digest": "sha256:" + sum, "size": len(body)}
		return d, os.WriteFile(filepath.Join(blobs, sum), body, 0o644)
	}
	config, err := put("config.v1+json", im.config(diffIDs))
	if err != nil {
		return err
	}
	manifest, err := put("manifest.v1+json", toJSON(map[string]any{
		"schemaVersion": 2, "mediaType": vendor + "manifest.v1+json", "config": config, "layers": layers,
	}))
	if err != nil {
		return err
	}
	manifest["annotations"] = map[string]string{"org.opencontainers.image.ref.name": im.name()}
	index := toJSON(map[string]any{"schemaVersion": 2, "manifests": []any{manifest}})
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "index.json"), index, 0o644),
		os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644),
	)
}

// writeBlob writes layer k, compressed, and returns its descriptor and diffID.
func (im Image) writeBlob(k int, blobs, packing string) (descriptor map[string]any, diffID string, err error) {
	f, err := os.CreateTemp(blobs, "layer-")
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	packed, unpacked := sha256.New(), sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(f, packed), 1<<20)
	var z io.WriteCloser
	switch packing {
	case "gzip":
		z = gzip.NewWriter(out)
	case "zstd":
		z, err = zstd.NewWriter(out)
	default:
		err = fmt.Errorf("%q: gzip or zstd", packing)
	}
	if err != nil {
		return nil, "", err
	}
	layer := bufio.NewWriterSize(io.MultiWriter(z, unpacked), 1<<20)
	if err := im.writeLayer(k, &fileSink{w: layer}); err != nil {
		return nil, "", err
	}
	if err := errors.Join(layer.Flush(), z.Close(), out.Flush()); err != nil {
		return nil, "", err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, "", err
	}
	sum := hex.EncodeToString(packed.Sum(nil))
	return map[string]any{
		"mediaType": "application/vnd.oci.image.layer.v1.tar+" + packing, "digest": "sha256:" + sum, "size": info.Size(),
	}, "sha256:" + hex.EncodeToString(unpacked.Sum(nil)), os.Rename(f.Name(), filepath.Join(blobs, sum))
}
