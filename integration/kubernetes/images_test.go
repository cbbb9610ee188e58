package kubernetes

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// imageCount is the number of images in the registry.
const imageCount = 60

// madeImage is one image of the registry.
type madeImage struct {
	name   string // repository and tag
	layers []string
}

// layoutOf writes an OCI layout with images that share layers: three bases, twelve layers on
// top of them, and one or two layers of each image, with files that higher layers rewrite,
// remove and link. It returns the images sorted by name.
func layoutOf(t *testing.T, dir string) []madeImage {
	t.Helper()
	l := &layout{t: t, dir: dir, rng: rand.New(rand.NewPCG(1, 2))}
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	var bases, middles [][]made
	for i := range 3 {
		bases = append(bases, []made{l.layer(l.base(i)), l.layer(l.files(fmt.Sprintf("usr/lib/base%d", i), 60))})
	}
	for i := range 12 {
		files := l.files(fmt.Sprintf("opt/runtime%d", i), 40)
		files = append(files, tarFile{name: fmt.Sprintf("usr/lib/base%d/f000", i%3), mode: 0o755, content: l.content(5000)})
		middles = append(middles, append(slices.Clone(bases[i%3]), l.layer(files)))
	}
	var images []madeImage
	var manifests []any
	for i := range imageCount {
		layers := slices.Clone(middles[i%12])
		layers = append(layers, l.layer(append(l.files("srv/app", 20),
			tarFile{name: fmt.Sprintf("opt/runtime%d/.wh.f001", i%12)},
			tarFile{name: "var/lib/apt/lists/packages", mode: 0o644, content: l.content(30_000)})))
		if i%2 == 0 {
			layers = append(layers, l.layer(append(l.files(fmt.Sprintf("srv/more%d", i), 5),
				tarFile{name: "srv/app/f003", mode: 0o755, content: l.content(9000)}, tarFile{name: "srv/app/.wh.f004"})))
		}
		tag := fmt.Sprintf("image%02d", i)
		digest, size := l.image(layers, i)
		manifests = append(manifests, map[string]any{
			"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size,
			"annotations": map[string]string{"org.opencontainers.image.ref.name": tag},
		})
		image := madeImage{name: fmt.Sprintf("team-%d/%s:1.0", i%4, tag)}
		for _, layer := range layers {
			image.layers = append(image.layers, layer.digest)
		}
		images = append(images, image)
	}
	l.write("index.json", toJSON(t, map[string]any{"schemaVersion": 2, "manifests": manifests}))
	l.write("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return images
}

// layout is a layout being written.
type layout struct {
	t   *testing.T
	dir string
	rng *rand.Rand
}

// made is a layer that has been written.
type made struct {
	digest, diffID string
	size           int
}

// content returns bytes of which half can be compressed.
func (l *layout) content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + l.rng.IntN(12))
	}
	return b
}

func (l *layout) files(dir string, n int) []tarFile {
	files := []tarFile{{name: dir + "/", mode: 0o755}}
	for i := range n {
		files = append(files, tarFile{fmt.Sprintf("%s/f%03d", dir, i), 0o644, l.content(1000 + l.rng.IntN(20_000))})
	}
	return files
}

// base returns a base's lowest layer, with dpkg's database.
func (l *layout) base(i int) []tarFile {
	status := fmt.Sprintf("Package: base%d\nStatus: install ok installed\nVersion: 1.%d\nArchitecture: amd64\n\n", i, i)
	return append(l.files("usr/share/base", 30),
		tarFile{"etc/os-release", 0o644, fmt.Appendf(nil, "ID=made\nVERSION_ID=%d\n", i)},
		tarFile{"var/lib/dpkg/status", 0o644, []byte(status)},
		tarFile{fmt.Sprintf("var/lib/dpkg/info/base%d.list", i), 0o644, []byte("/.\n/usr\n/usr/share\n/usr/share/base\n/usr/share/base/f000\n/usr/share/base/f001\n")})
}

func (l *layout) layer(files []tarFile) made {
	l.t.Helper()
	tar := tarOf(l.t, files)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(tar); err != nil {
		l.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		l.t.Fatal(err)
	}
	sum := sha256.Sum256(tar)
	return made{l.blob(packed.Bytes()), "sha256:" + hex.EncodeToString(sum[:]), packed.Len()}
}

// image writes the config and the manifest of an image.
func (l *layout) image(layers []made, i int) (digest string, size int) {
	var diffIDs []string
	var history, descriptors []any
	for at, layer := range layers {
		diffIDs = append(diffIDs, layer.diffID)
		history = append(history, map[string]any{"created": fmt.Sprintf("2026-0%d-01T00:00:00Z", at+1), "created_by": fmt.Sprintf("RUN step %d of %d", at, i%12)})
		descriptors = append(descriptors, map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer.digest, "size": layer.size})
	}
	config := toJSON(l.t, map[string]any{
		"architecture": "amd64", "os": "linux", "created": "2026-10-01T00:00:00Z", "config": map[string]any{"Labels": map[string]string{"team": fmt.Sprint("t", i%4), "n": fmt.Sprint(i)}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}, "history": history,
	})
	manifest := toJSON(l.t, map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": l.blob(config), "size": len(config)}, "layers": descriptors,
	})
	return l.blob(manifest), len(manifest)
}

func (l *layout) blob(content []byte) string {
	l.t.Helper()
	sum := sha256.Sum256(content)
	hex := hex.EncodeToString(sum[:])
	l.write(filepath.Join("blobs", "sha256", hex), content)
	return "sha256:" + hex
}

func (l *layout) write(name string, content []byte) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), content, 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func toJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
