package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// grow extends a file of a store to size bytes; the extension takes no disk space.
func (s *fakeStore) grow(t *testing.T, name string, size int64) {
	t.Helper()
	if err := os.Truncate(s.path(name), size); err != nil {
		t.Fatal(err)
	}
}

// linkOut moves a file or folder out of a store and leaves a link in its place.
func (s *fakeStore) linkOut(t *testing.T, name string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	if err := errors.Join(os.Rename(s.path(name), out), os.Symlink(out, s.path(name))); err != nil {
		t.Fatal(err)
	}
}

// splitLines returns a compressed tar-split of these lines, numbered.
func splitLines(n int, line func(i int) string) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, line(i)+"\n", i)
	}
	return testkit.Gzip(b.Bytes())
}

// TestStoreHostile makes stores with files that no engine writes. Each must be refused quickly,
// with an error that names the file, and the engine's API must be used instead.
func TestStoreHostile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("engines on this system have no such store")
	}
	const gigabyte = 1 << 30
	const dockerSplit, podmanSplit = "tar-split.json.gz", "overlay-layers/layer1.tar-split.gz"
	empty := func(int) string { return `{"type":2,"payload":"","position":%d}` }
	tests := []struct {
		name  string
		kind  string
		spoil func(t *testing.T, s *fakeStore)
		err   []string
	}{
		{"large config", "docker", func(t *testing.T, s *fakeStore) {
			s.grow(t, dockerConfig("overlay2", s.id), gigabyte)
		}, []string{"imagedb/content/sha256/", "1073741824 bytes, more than the 8388608"}},
		{"large digest", "docker", func(t *testing.T, s *fakeStore) {
			s.grow(t, s.layerdb(1)+"diff", gigabyte)
		}, []string{"/diff: 1073741824 bytes, more than the 4096"}},
		{"layers elsewhere", "docker", func(t *testing.T, s *fakeStore) {
			s.linkOut(t, "image/overlay2/layerdb")
		}, []string{"layerdb", "escapes"}},
		{"a pipe", "docker", func(_ *testing.T, s *fakeStore) {
			name := s.layerdb(1) + "cache-id"
			os.Remove(s.path(name))
			os.Mkdir(s.path(name), 0o700)
		}, []string{"/cache-id: ", "not a regular file"}},
		{"empty segments", "docker", func(t *testing.T, s *fakeStore) {
			s.write(t, s.layerdb(1)+dockerSplit, splitLines(100_000, empty))
		}, []string{"tar-split.json.gz: ", "more than 1000 empty segments"}},
		{"padding", "docker", func(t *testing.T, s *fakeStore) {
			zeros := strings.Repeat("AAAA", 256<<10)
			s.write(t, s.layerdb(1)+dockerSplit, splitLines(100, func(int) string { return `{"type":2,"payload":"` + zeros + `","position":%d}` }))
		}, []string{"tar-split.json.gz: ", "bytes behind the end of the tar"}},
		{"a long line", "docker", func(t *testing.T, s *fakeStore) {
			s.write(t, s.layerdb(1)+dockerSplit, splitLines(1, func(int) string { return strings.Repeat(" ", 20<<20) + "%d" }))
		}, []string{"tar-split.json.gz: ", "a line of more than"}},
		{"not gzip", "docker", func(t *testing.T, s *fakeStore) {
			s.write(t, s.layerdb(1)+dockerSplit, []byte("plain"))
		}, []string{"tar-split.json.gz: "}},
		{"large list of images", "podman", func(t *testing.T, s *fakeStore) {
			s.grow(t, podmanImages, gigabyte)
		}, []string{"overlay-images/images.json: 1073741824 bytes"}},
		{"large list of layers", "podman", func(t *testing.T, s *fakeStore) {
			s.grow(t, podmanLayers, gigabyte)
		}, []string{"overlay-layers/layers.json: 1073741824 bytes"}},
		{"many images", "podman", func(t *testing.T, s *fakeStore) {
			s.write(t, podmanImages, []byte("["+strings.Repeat("{},", 10_000_000)+"{}]"))
		}, []string{"images.json: a list of more than 200000"}},
		{"many layers", "podman", func(t *testing.T, s *fakeStore) {
			s.write(t, podmanLayers, []byte("["+strings.Repeat("{},", 10_000_000)+"{}]"))
		}, []string{"layers.json: a list of more than 200000"}},
		{"many names", "podman", func(t *testing.T, s *fakeStore) {
			s.write(t, podmanImages, []byte(`[{"names":[`+strings.Repeat(`"",`, 10_000_000)+`""]}]`))
		}, []string{"images.json: a list of more than 10000"}},
		{"no list", "podman", func(t *testing.T, s *fakeStore) { s.write(t, podmanImages, []byte(`{"id":"x"}`)) }, []string{"images.json: not a list"}},
		{"half a list", "podman", func(t *testing.T, s *fakeStore) { s.write(t, podmanImages, []byte(`[{"id":"x"},`)) }, []string{"images.json: unexpected EOF"}},
		{"nothing", "podman", func(t *testing.T, s *fakeStore) { s.write(t, podmanImages, nil) }, []string{"images.json: unexpected EOF"}},
		{"nested", "podman", func(t *testing.T, s *fakeStore) {
			s.write(t, podmanImages, []byte(strings.Repeat("[", 1_000_000)))
		}, []string{"images.json: ", "exceeded max depth"}},
		{"lists elsewhere", "podman", func(t *testing.T, s *fakeStore) { s.linkOut(t, "overlay-images") }, []string{"images.json", "escapes"}},
		{"a list elsewhere", "podman", func(t *testing.T, s *fakeStore) { s.linkOut(t, podmanLayers) }, []string{"layers.json: ", "not a regular file"}},
		{"other size", "podman", func(t *testing.T, s *fakeStore) {
			s.write(t, podmanSplit, s.read(t, "overlay-layers/layer2.tar-split.gz"))
		}, []string{podmanSplit + ": ", "the layer has"}},
	}
	lay := map[string]func(*testing.T) *fakeStore{"docker": dockerStore, "podman": podmanStore}
	for _, tt := range testkit.Sample(tests) {
		t.Run(tt.kind+", "+tt.name, func(t *testing.T) {
			s := lay[tt.kind](t)
			tt.spoil(t, s)
			f := s.serve(t, tt.kind)
			begin := time.Now()
			_, err := openStore(t, tt.kind+"://app:1", Options{Via: ViaStore})
			testkit.WantError(t, err, append(tt.err, tt.kind+"://app:1")...)
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			im, err := openStore(t, tt.kind+"://app:1", Options{KeepContent: true})
			if err != nil {
				t.Fatal(err)
			}
			checkStored(t, im, s)
			if saves(f) != 1 {
				t.Errorf("asked %q", f.Asked())
			}
		})
	}
}

// TestPodmanStoreListsHostile checks that a malformed list in podman's store gives no images,
// and that an excessively long list is cut short.
func TestPodmanStoreListsHostile(t *testing.T) {
	testkit.Long(t, "it reads a list of 150,000 names")
	if runtime.GOOS == "windows" {
		t.Skip("podman runs in a virtual machine on this system")
	}
	if _, err := os.Stat("/run/podman/podman.sock"); err == nil {
		t.Skip("a podman service runs on this machine")
	}
	s := podmanStore(t)
	testkit.NoEngines(t)
	t.Setenv("CONTAINERS_STORAGE_CONF", filepath.Join(s.dir, "storage.conf"))
	var rows []storedImage
	names := make(rowNames, 10)
	for i := range names {
		names[i] = fmt.Sprintf("a:%d", i)
	}
	for i := range 15_000 {
		rows = append(rows, storedImage{ID: fmt.Sprintf("%064x", i), Names: names, Layer: "layer2"})
	}
	text, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, podmanImages, text)
	images, err := placeNamed(t, "podman", "", Options{}).Images(t.Context())
	testkit.WantError(t, err, "podman's store: only the first 100000 of its images are listed")
	if len(images) != 100_000 {
		t.Errorf("%d images", len(images))
	}
	s.grow(t, podmanImages, 1<<30)
	if images, err = placeNamed(t, "podman", "", Options{}).Images(t.Context()); err == nil || len(images) > 0 {
		t.Errorf("%d images, error %v", len(images), err)
	}
}

// TestStackSizesAreLinear checks that the sizes of all stacks take one walk over the layers, in
// whatever order they are computed.
func TestStackSizesAreLinear(t *testing.T) {
	n := testkit.Rounds(200_000)
	layers := map[string]storedLayer{}
	for i := range n {
		l := storedLayer{DiffSize: 1}
		if i > 0 {
			l.Parent = fmt.Sprint(i - 1)
		}
		layers[fmt.Sprint(i)] = l
	}
	begin := time.Now()
	sizes := stackSizes(layers)
	for i := range n {
		if size, ok := sizes(fmt.Sprint(i)); !ok || size != int64(i+1) {
			t.Fatalf("%d: %d, %v", i, size, ok)
		}
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if size, ok := stackSizes(layers)(fmt.Sprint(n - 1)); !ok || size != int64(n) {
		t.Errorf("from the top: got %d, %v", size, ok)
	}
}

// TestStoreCancelled checks that reading a store stops when its context is cancelled.
func TestStoreCancelled(t *testing.T) {
	s := podmanStore(t)
	s.write(t, podmanLayers, []byte("["+strings.Repeat("{},", 190_000)+"{}]"))
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	ctx, cancel := context.WithCancel(t.Context())
	rows := 0
	err = eachStored(ctx, root, podmanLayers, func(*storedLayer) {
		if rows++; rows == 10 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || rows != 10 {
		t.Errorf("%v after %d rows", err, rows)
	}
}
