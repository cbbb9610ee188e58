package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source/layer"
)

// saves counts how often an engine had to save the image.
func saves(f *testkit.Engine) int {
	n := 0
	for _, r := range f.Asked() {
		if strings.Contains(r, "/images/get") {
			n++
		}
	}
	return n
}

func openStore(t *testing.T, ref string, opts Options) (*Image, error) {
	t.Helper()
	im, err := Open(t.Context(), ref, opts)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { im.Close() })
	return im, im.Scan(t.Context())
}

// checkStored compares an image, including its contents, with that of testkit.StoredLayers.
func checkStored(t *testing.T, im *Image, s *fakeStore) {
	t.Helper()
	if im.ID != s.id || len(im.Layers) != len(s.diffIDs) || !strings.HasSuffix(im.Source, "://app:1") || im.Created.IsZero() || len(im.Flaws) > 0 {
		t.Fatalf("got another image: %+v", im)
	}
	for i, members := range testkit.StoredLayers() {
		l := im.Layers[i]
		if l.DiffID != s.diffIDs[i] || l.Index != i || l.CompressedBytes != -1 || l.Step.Command == "" || l.Digest != "" {
			t.Errorf("layer %d: %+v", i, l)
		}
		if l.Entries.Len() != len(members) {
			t.Fatalf("layer %d: got %d entries, want %d", i, l.Entries.Len(), len(members))
		}
		var all []int
		got := map[int]string{}
		for j, m := range members {
			e := l.Entries.At(j)
			if e.Name != m.Name || e.Size != int64(len(m.Content)) || e.Link != m.Linkname {
				t.Errorf("layer %d: entry %d: got %+v, want %+v", i, j, e, m.Header)
			}
			all = append(all, j)
			if e.Type != File {
				continue
			}
			r, err := l.Open(t.Context(), j)
			if err != nil {
				t.Errorf("layer %d: %q: %v", i, e.Name, err)
				continue
			}
			b, err := io.ReadAll(r)
			if r.Close(); err != nil || string(b) != m.Content {
				t.Errorf("layer %d: %q: got %d bytes, error %v", i, e.Name, len(b), err)
			}
		}
		err := l.Each(t.Context(), all, func(j int, r io.Reader) error {
			b, err := io.ReadAll(r)
			got[j] = string(b)
			return err
		})
		if err != nil {
			t.Error(err)
		}
		for j, m := range members {
			if got[j] != m.Content {
				t.Errorf("layer %d: %q: Each gave %d bytes", i, m.Name, len(got[j]))
			}
		}
	}
}

func TestStore(t *testing.T) {
	for kind, lay := range map[string]func(*testing.T) *fakeStore{"docker": dockerStore, "podman": podmanStore} {
		t.Run(kind, func(t *testing.T) {
			if runtime.GOOS == "windows" {
				t.Skip("engines on this system have no such store")
			}
			s := lay(t)
			f := s.serve(t, kind)
			im, err := openStore(t, kind+"://app:1", Options{Collect: []Collector{{
				Name: "motd/1", Wants: func(r *Record) bool { return string(r.Name) == "etc/motd" },
			}}})
			if err != nil {
				t.Fatal(err)
			}
			if saves(f) != 0 {
				t.Errorf("the engine saved the image: %q", f.Asked())
			}
			if facts := im.Layers[0].Facts; len(facts) != 1 || string(facts[0].Data) != "welcome\n" {
				t.Errorf("facts %v", facts)
			}
			if _, kind, _ := im.Layers[0].Entries.Checksum(1); kind != CRC64 {
				t.Error("the checksums differ from the engine's")
			}
			checkStored(t, im, s)
			// No folder has the whiteout, and its empty content needs none.
			if saves(f) != 0 {
				t.Errorf("the engine saved the image for contents: %q", f.Asked())
			}
			// Compare checksums with those of another kind.
			a, b := im.Layers[0], im.Layers[1]
			if err := errors.Join(a.Sum(t.Context(), []int{3}), b.Sum(t.Context(), []int{0})); err != nil {
				t.Fatal(err)
			}
			x, is, _ := a.Entries.Checksum(3)
			y, other, _ := b.Entries.Checksum(0)
			if x != y || x == 0 || is != XXH3 || other != XXH3 {
				t.Errorf("sums %x and %x", x, y)
			}
			// The API gives the same image, under the same name.
			api, err := openStore(t, kind+"://app:1", Options{Via: ViaAPI, KeepContent: true})
			if err != nil {
				t.Fatal(err)
			}
			if kind == "docker" && api.Name != im.Name {
				t.Errorf("got name %q from the store, %q by the API", im.Name, api.Name)
			}
			checkStored(t, api, s)
			if saves(f) != 1 {
				t.Errorf("asked %q", f.Asked())
			}
		})
	}
}

// TestStoreSurprise damages a store in many ways. The image must still be the same, read
// through the API with a message that says why; if only the store was allowed, it must be an
// error.
func TestStoreSurprise(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("engines on this system have no such store")
	}
	config := func(s *fakeStore) string { return "image/overlay2/imagedb/content/sha256/" + digestHex(s.id) }
	split := func(s *fakeStore) string { return s.layerdb(1) + "tar-split.json.gz" }
	change := func(name func(*fakeStore) string, how func([]byte) []byte) func(*testing.T, *fakeStore) {
		return func(t *testing.T, s *fakeStore) { s.write(t, name(s), how(s.read(t, name(s)))) }
	}
	remove := func(name func(*fakeStore) string) func(*testing.T, *fakeStore) {
		return func(t *testing.T, s *fakeStore) {
			if err := os.RemoveAll(s.path(name(s))); err != nil {
				t.Fatal(err)
			}
		}
	}
	layerFile := func(name string) func(*fakeStore) string {
		return func(s *fakeStore) string { return s.layerdb(1) + name }
	}
	to := func(text string) func([]byte) []byte { return func([]byte) []byte { return []byte(text) } }
	half := func(b []byte) []byte { return b[:len(b)/2] }
	regzip := func(old, with string) func([]byte) []byte {
		return func(b []byte) []byte {
			z, err := layer.Unpack(layer.Gzip, bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(z)
			if !bytes.Contains(text, []byte(old)) {
				t.Fatalf("no %s in the tar-split", old)
			}
			return testkit.Gzip(bytes.Replace(text, []byte(old), []byte(with), 1))
		}
	}
	tests := []struct {
		name   string
		damage func(*testing.T, *fakeStore)
	}{
		{"no folder", func(_ *testing.T, s *fakeStore) { os.RemoveAll(s.dir) }},
		{"no config", remove(config)},
		{"config changed", change(config, func(b []byte) []byte { return append(b, '\n') })},
		{"config cut", change(config, half)},
		{"config is a link out", func(t *testing.T, s *fakeStore) {
			elsewhere := filepath.Join(t.TempDir(), "config")
			os.WriteFile(elsewhere, s.read(t, config(s)), 0o600)
			os.Remove(s.path(config(s)))
			os.Symlink(elsewhere, s.path(config(s)))
		}},
		{"no layer", remove(layerFile(""))},
		{"no diff", remove(layerFile("diff"))},
		{"other diff", change(layerFile("diff"), to(digestOfBytes(nil)))},
		{"no parent", remove(layerFile("parent"))},
		{"other parent", change(layerFile("parent"), to(digestOfBytes(nil)))},
		{"no cache-id", remove(layerFile("cache-id"))},
		{"empty cache-id", change(layerFile("cache-id"), to(""))},
		{"hostile cache-id", change(layerFile("cache-id"), to("../../.."))},
		{"other topmost cache-id", func(t *testing.T, s *fakeStore) { s.write(t, s.layerdb(2)+"cache-id", []byte("cache1")) }},
		{"foreign layer", func(t *testing.T, s *fakeStore) { s.write(t, s.layerdb(1)+"descriptor.json", []byte("{}")) }},
		{"no tar-split", remove(split)},
		{"tar-split is a folder", func(_ *testing.T, s *fakeStore) { os.Remove(s.path(split(s))); os.Mkdir(s.path(split(s)), 0o700) }},
		{"tar-split empty", change(split, to(""))},
		{"tar-split cut", change(split, half)},
		{"tar-split cut by a byte", change(split, func(b []byte) []byte { return b[:len(b)-1] })},
		{"tar-split with a changed byte", change(split, func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b })},
		{"tar-split not gzip", change(split, to("{}\n"))},
		{"tar-split not JSON", change(split, func([]byte) []byte { return testkit.Gzip([]byte("hello\n")) })},
		{"tar-split with other JSON", change(split, func([]byte) []byte { return testkit.Gzip([]byte("[1]\n")) })},
		{"tar-split with another size", change(split, regzip(`"size":8,`, `"size":7,`))},
		{"tar-split with another name", change(split, regzip(`"name":"etc/same"`, `"name":"etc/else"`))},
		{"tar-split with a changed header", change(split, regzip(`"payload":"ZXRj`, `"payload":"ZXRk`))},
		{"tar-split without a line", change(split, regzip(`{"type":1,"name":"etc/same","size":8,`, `{"type":2,`))},
		{"tar-split of two images", change(split, func(b []byte) []byte { return append(bytes.Clone(b), b...) })},
		{"engine names other layers", func(_ *testing.T, s *fakeStore) {
			s.inspect["RootFS"] = map[string]any{"Type": "layers", "Layers": s.diffIDs[:2]}
		}},
		{"engine names no folder", func(_ *testing.T, s *fakeStore) { delete(s.inspect, "GraphDriver") }},
		{"engine names a hostile driver", func(_ *testing.T, s *fakeStore) {
			s.inspect["GraphDriver"] = map[string]any{"Name": "..", "Data": map[string]string{"UpperDir": s.dir + "/../x/diff"}}
		}},
		{"engine of another machine", func(t *testing.T, s *fakeStore) {
			s.inspect["GraphDriver"] = map[string]any{"Name": "overlay2", "Data": map[string]string{"UpperDir": t.TempDir() + "/overlay2/cache2/diff"}}
		}},
	}
	if os.Getuid() > 0 {
		tests = append(tests, struct {
			name   string
			damage func(*testing.T, *fakeStore)
		}{"unreadable", func(_ *testing.T, s *fakeStore) { os.Chmod(s.path(split(s)), 0) }})
	}
	for _, tt := range testkit.Sample(tests) {
		t.Run(tt.name, func(t *testing.T) {
			s := dockerStore(t)
			tt.damage(t, s)
			f := s.serve(t, "docker")
			var log bytes.Buffer
			im, err := openStore(t, "docker://app:1", Options{KeepContent: true, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
			if err != nil {
				t.Fatal(err)
			}
			checkStored(t, im, s)
			if saves(f) != 1 || !strings.Contains(log.String(), "the engine's store is not used") || !strings.Contains(log.String(), "reason=") {
				t.Errorf("got requests %q and messages:\n%s", f.Asked(), log.String())
			}
			if _, err := openStore(t, "docker://app:1", Options{Via: ViaStore}); err == nil || !strings.Contains(err.Error(), "docker://app:1: reading the engine's store: ") {
				t.Errorf("from the store alone: got error %v", err)
			}
			if saves(f) != 1 {
				t.Error("the engine saved the image although only the store was allowed")
			}
		})
	}
}

// TestPodmanStoreSurprise does the same to the files that only podman's store has.
func TestPodmanStoreSurprise(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("podman runs in a virtual machine on this system")
	}
	layers := func(how func([]storedLayer) []storedLayer) func(*testing.T, *fakeStore) {
		return func(t *testing.T, s *fakeStore) {
			var list []storedLayer
			json.Unmarshal(s.read(t, "overlay-layers/layers.json"), &list)
			text, _ := json.Marshal(how(list))
			s.write(t, "overlay-layers/layers.json", text)
		}
	}
	tests := []struct {
		name   string
		damage func(*testing.T, *fakeStore)
	}{
		{"no list of images", func(_ *testing.T, s *fakeStore) { os.Remove(s.path("overlay-images/images.json")) }},
		{"list cut", func(t *testing.T, s *fakeStore) { s.write(t, "overlay-images/images.json", []byte(`[{"id":`)) }},
		{"image not in the list", func(t *testing.T, s *fakeStore) { s.write(t, "overlay-images/images.json", []byte(`[]`)) }},
		{"layer missing", layers(func(l []storedLayer) []storedLayer { return l[1:] })},
		{"layer too many", layers(func(l []storedLayer) []storedLayer { l[0].Parent = "more"; return l })},
		{"other diffID", layers(func(l []storedLayer) []storedLayer { l[1].DiffID = l[0].DiffID; return l })},
		{"other size", layers(func(l []storedLayer) []storedLayer { l[1].DiffSize--; return l })},
		{"no size", layers(func(l []storedLayer) []storedLayer { l[1].DiffSize = 0; return l })},
		{"loop", layers(func(l []storedLayer) []storedLayer { l[0].Parent = l[0].ID; return l })},
		{"hostile ID", layers(func(l []storedLayer) []storedLayer { l[2].ID = "../layer2"; return l })},
		{"tar-split cut", func(t *testing.T, s *fakeStore) {
			const name = "overlay-layers/layer1.tar-split.gz"
			s.write(t, name, s.read(t, name)[:100])
		}},
		{"tar-split of another layer", func(t *testing.T, s *fakeStore) {
			s.write(t, "overlay-layers/layer1.tar-split.gz", s.read(t, "overlay-layers/layer2.tar-split.gz"))
		}},
	}
	for _, tt := range testkit.Sample(tests) {
		t.Run(tt.name, func(t *testing.T) {
			s := podmanStore(t)
			tt.damage(t, s)
			f := s.serve(t, "podman")
			im, err := openStore(t, "podman://app:1", Options{KeepContent: true})
			if err != nil {
				t.Fatal(err)
			}
			checkStored(t, im, s)
			if saves(f) != 1 {
				t.Errorf("asked %q", f.Asked())
			}
			if _, err := openStore(t, "podman://app:1", Options{Via: ViaStore}); err == nil {
				t.Error("from the store alone: got no error")
			}
		})
	}
}

// TestPodmanStoreAlone reads podman's store where no service answers.
func TestPodmanStoreAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("podman runs in a virtual machine on this system")
	}
	if _, err := os.Stat("/run/podman/podman.sock"); err == nil {
		t.Skip("a podman service runs on this machine")
	}
	s := podmanStore(t)
	testkit.NoEngines(t)
	t.Setenv("CONTAINERS_STORAGE_CONF", filepath.Join(s.dir, "storage.conf"))
	for _, ref := range []string{"app:1", "localhost/app:1", s.id, digestHex(s.id), digestHex(s.id)[:12]} {
		im, err := openStore(t, "podman://"+ref, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if im.ID != s.id || im.Source != "podman://"+ref {
			t.Errorf("%s: %+v", ref, im)
		}
	}
	_, err := openStore(t, "podman://other:1", Options{})
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "in podman's store") {
		t.Errorf("error %v", err)
	}
	if _, err := openStore(t, "podman://app:1", Options{Platform: "linux/s390x"}); err == nil {
		t.Error("got an image of another platform")
	}
	if _, err := openStore(t, "podman://app:1", Options{Via: ViaAPI}); err == nil || strings.Contains(err.Error(), "store") {
		t.Errorf("by the API: got error %v", err)
	}
	t.Setenv("CONTAINER_HOST", "unix:///nowhere/podman.sock")
	if _, err := openStore(t, "podman://app:1", Options{}); err == nil {
		t.Error("the store was read although CONTAINER_HOST names another engine")
	}
}

// TestStoreContent damages a layer's folder after the layer has been read.
func TestStoreContent(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("engines on this system have no such store")
	}
	const motd = 1 // its place in layer 0
	tests := []struct {
		name   string
		damage func(path string)
		says   string // part of the error; "" if the API gives the content
	}{
		{"gone", func(p string) { os.Remove(p) }, ""},
		{"other size", func(p string) { os.WriteFile(p, []byte("x"), 0o600) }, ""},
		{"folder", func(p string) { os.Remove(p); os.Mkdir(p, 0o700) }, ""},
		{"link out", func(p string) { os.Remove(p); os.Symlink("/etc/hostname", p) }, ""},
		{"link inside", func(p string) { os.Remove(p); os.Symlink("same", p) }, ""},
		{"folder is a link out", func(p string) {
			os.RemoveAll(filepath.Dir(p))
			os.Symlink("/etc", filepath.Dir(p))
		}, ""},
		{"all gone", func(p string) { os.RemoveAll(filepath.Dir(filepath.Dir(p))) }, ""},
		{"other content", func(p string) { os.WriteFile(p, []byte("WELCOME\n"), 0o600) }, "has been changed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := dockerStore(t)
			f := s.serve(t, "docker")
			im, err := openStore(t, "docker://app:1", Options{})
			if err != nil {
				t.Fatal(err)
			}
			tt.damage(s.path("overlay2/cache0/diff/etc/motd"))
			for range 2 {
				b, err := readEntry(t.Context(), im.Layers[0], motd)
				switch {
				case tt.says == "" && (err != nil || string(b) != "welcome\n"):
					t.Errorf("content %q, error %v", b, err)
				case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
					t.Errorf("got content %q, error %v, want one that says %q", b, err, tt.says)
				}
			}
			if want := map[bool]int{true: 1}[tt.says == ""]; saves(f) != want {
				t.Errorf("saved %d times, want %d", saves(f), want)
			}
			if _, err := readEntry(t.Context(), im.Layers[0], 0); err == nil {
				t.Error("a folder was opened")
			}
		})
	}
}

func readEntry(ctx context.Context, l *Layer, i int) ([]byte, error) {
	r, err := l.Open(ctx, i)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// TestContentStore reads an image from a folder laid out like containerd's content store.
func TestContentStore(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("engines on this system have no such store")
	}
	s, config, tars := newFakeStore(t)
	content := filepath.Join(s.dir, "containerd", "daemon", "io.containerd.content.v1.content")
	keep := func(b []byte, mediaType string) map[string]any {
		d := digestOfBytes(b)
		testkit.WriteFiles(t, content, map[string]string{"blobs/sha256/" + digestHex(d): string(b)})
		return map[string]any{"mediaType": mediaType, "digest": d, "size": len(b)}
	}
	var layers []any
	for _, layer := range tars {
		layers = append(layers, keep(testkit.Gzip(layer), "application/vnd.oci.image.layer.v1.tar+gzip"))
	}
	manifest, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "config": keep(config, "application/vnd.oci.image.config.v1+json"), "layers": layers,
	})
	index, _ := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{
		keep(manifest, "application/vnd.oci.image.manifest.v1+json"),
		map[string]any{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digestOfBytes(nil), "size": 9, "platform": map[string]any{"os": "linux", "architecture": "s390x"}},
	}})
	keep(index, "application/vnd.oci.image.index.v1+json")
	s.inspect["Id"] = digestOfBytes(index)
	s.inspect["GraphDriver"] = map[string]any{"Name": "overlayfs"}
	f := s.serve(t, "docker")
	f.Info = map[string]any{"DockerRootDir": s.dir, "Driver": "overlayfs", "DriverStatus": [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}}
	f.List = []any{engineLists(digestOfBytes(index), "app:1", "app:2"), engineLists(digestOfBytes(nil), "gone:1")}

	listed, err := placeNamed(t, "docker", "", Options{}).Images(t.Context())
	testkit.WantError(t, err)
	details := " layers=3 linux/" + hostPlatform().arch + " 2024-05-06T07:08:09Z"
	wantImages(t, listed, "docker://app:1 name=app:1"+details, "docker://app:2 name=app:2"+details, "docker://gone:1 name=gone:1 2023-11-14T22:13:20Z")

	im, err := openStore(t, "docker://app:1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if saves(f) != 0 || im.ID != s.id || im.Digest != digestOfBytes(manifest) || im.Name != "app:1" || im.Source != "docker://app:1" || len(im.Layers) != 3 {
		t.Errorf("asked %q for %+v", f.Asked(), im)
	}
	for i, members := range testkit.StoredLayers() {
		for j, m := range members {
			if im.Layers[i].Entries.Type(j) != File {
				continue
			}
			if b, err := readEntry(t.Context(), im.Layers[i], j); err != nil || string(b) != m.Content {
				t.Errorf("layer %d: %q: got %d bytes, error %v", i, m.Name, len(b), err)
			}
		}
	}

	blob := filepath.Join(content, "blobs", "sha256", digestHex(digestOfBytes(testkit.Gzip(tars[1]))))
	for name, damage := range map[string]func(){
		"blob changed": func() {
			os.WriteFile(blob, slices.Concat(testkit.Gzip(tars[1])[:8], []byte("\x01"), testkit.Gzip(tars[1])[9:]), 0o600)
		},
		"blob cut":  func() { os.WriteFile(blob, testkit.Gzip(tars[1])[:50], 0o600) },
		"blob gone": func() { os.Remove(blob) },
	} {
		t.Run(name, func(t *testing.T) {
			damage()
			before := saves(f)
			im, err := openStore(t, "docker://app:1", Options{KeepContent: true})
			if err != nil {
				t.Fatal(err)
			}
			checkStored(t, im, s)
			if saves(f) != before+1 {
				t.Errorf("asked %q", f.Asked())
			}
		})
	}
}

// TestStoreOfAnotherPlatform has an engine that can save but not describe an image for a
// platform, and a store that holds the image for another platform.
func TestStoreOfAnotherPlatform(t *testing.T) {
	s := dockerStore(t)
	f := s.serve(t, "docker")
	f.API = "1.48"
	f.Info = map[string]any{"DockerRootDir": s.dir, "Driver": "overlay2"}
	_, err := openStore(t, "docker://app:1", Options{Platform: "linux/s390x", Via: ViaStore})
	if err == nil || !strings.Contains(err.Error(), "not for linux/s390x") && runtime.GOOS != "windows" {
		t.Errorf("error %v", err)
	}
	if im, err := openStore(t, "docker://app:1", Options{Platform: "linux/" + hostPlatform().arch}); err != nil || saves(f) != 0 && runtime.GOOS != "windows" {
		t.Errorf("got requests %q for %+v, error %v", f.Asked(), im, err)
	}
	if _, err := openStore(t, "docker://app:1", Options{Platform: "linux/s390x"}); err == nil || saves(f) != 1 {
		t.Errorf("asked %q, error %v", f.Asked(), err)
	}
}

func TestViaUnknown(t *testing.T) {
	if _, err := Open(t.Context(), "docker://app:1", Options{Via: "magic"}); err == nil || !strings.Contains(err.Error(), `"magic"`) {
		t.Errorf("error %v", err)
	}
}
