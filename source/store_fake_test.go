package source

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// fakeStore is an image in an engine's store in a temporary folder, and the same image as the
// engine's API returns it.
type fakeStore struct {
	dir     string
	id      string
	diffIDs []string
	archive []byte
	inspect map[string]any
}

// newFakeStore describes the image of testkit.StoredLayers.
func newFakeStore(t *testing.T) (*fakeStore, []byte, [][]byte) {
	t.Helper()
	s := &fakeStore{dir: t.TempDir()}
	var tars [][]byte
	for _, members := range testkit.StoredLayers() {
		tars = append(tars, testkit.StoredTar(t, members))
		s.diffIDs = append(s.diffIDs, digestOfBytes(tars[len(tars)-1]))
	}
	config, _ := json.Marshal(map[string]any{
		"architecture": hostPlatform().arch, "os": "linux", "created": "2024-05-06T07:08:09Z",
		"rootfs":  map[string]any{"type": "layers", "diff_ids": s.diffIDs},
		"history": []any{map[string]any{"created_by": "one"}, map[string]any{"created_by": "two"}, map[string]any{"created_by": "three"}},
	})
	s.id = digestOfBytes(config)

	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name string, content []byte) {
		w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))})
		w.Write(content)
	}
	var names []string
	for i, layer := range tars {
		names = append(names, fmt.Sprintf("%d/layer.tar", i))
		add(names[i], layer)
	}
	add(digestHex(s.id)+".json", config)
	manifest, _ := json.Marshal([]dockerManifest{{Config: digestHex(s.id) + ".json", RepoTags: []string{"app:1"}, Layers: names}})
	add("manifest.json", manifest)
	w.Close()
	s.archive = b.Bytes()
	s.inspect = map[string]any{
		"Id": s.id, "RepoTags": []string{"app:1"}, "Os": "linux", "Architecture": hostPlatform().arch,
		"RootFS": map[string]any{"Type": "layers", "Layers": s.diffIDs},
	}
	return s, config, tars
}

// unpackStored writes a layer's files as an overlay driver stores them.
func unpackStored(t *testing.T, dir string, members []testkit.StoredMember) {
	t.Helper()
	for _, m := range members {
		if m.Typeflag == tar.TypeReg && !strings.Contains(m.Name, ".wh.") {
			testkit.WriteFiles(t, dir, map[string]string{m.Name: m.Content})
		}
	}
}

// dockerStore lays the image out as Docker's overlay2 driver does.
func dockerStore(t *testing.T) *fakeStore {
	t.Helper()
	s, config, tars := newFakeStore(t)
	files := map[string]string{"image/overlay2/imagedb/content/sha256/" + digestHex(s.id): string(config)}
	chain := chainIDs(s.diffIDs)
	for i, layer := range tars {
		folder := s.layerdb(i)
		files[folder+"diff"] = s.diffIDs[i]
		files[folder+"cache-id"] = fmt.Sprintf("cache%d", i)
		files[folder+"size"] = "0"
		files[folder+"tar-split.json.gz"] = string(testkit.Gzip(testkit.SplitOf(t, layer)))
		if i > 0 {
			files[folder+"parent"] = chain[i-1]
		}
		unpackStored(t, filepath.Join(s.dir, "overlay2", fmt.Sprintf("cache%d", i), "diff"), testkit.StoredLayers()[i])
	}
	testkit.WriteFiles(t, s.dir, files)
	s.inspect["GraphDriver"] = map[string]any{"Name": "overlay2", "Data": map[string]string{"UpperDir": s.dir + "/overlay2/cache2/diff"}}
	return s
}

// layerdb returns the folder of layer i in Docker's layer database.
func (s *fakeStore) layerdb(i int) string {
	return "image/overlay2/layerdb/sha256/" + digestHex(chainIDs(s.diffIDs)[i]) + "/"
}

// podmanStore lays the image out as podman does, and configures podman to use it.
func podmanStore(t *testing.T) *fakeStore {
	t.Helper()
	s, config, tars := newFakeStore(t)
	hex := digestHex(s.id)
	var layers []storedLayer
	files := map[string]string{"overlay-images/" + hex + "/=" + base64.StdEncoding.EncodeToString([]byte(s.id)): string(config)}
	for i, layer := range tars {
		l := storedLayer{ID: fmt.Sprintf("layer%d", i), DiffID: s.diffIDs[i], DiffSize: int64(len(layer))}
		if i > 0 {
			l.Parent = layers[i-1].ID
		}
		layers = append(layers, l)
		files["overlay-layers/"+l.ID+".tar-split.gz"] = string(testkit.Gzip(testkit.SplitOf(t, layer)))
		unpackStored(t, filepath.Join(s.dir, "overlay", l.ID, "diff"), testkit.StoredLayers()[i])
	}
	list, _ := json.Marshal(layers)
	files["overlay-layers/layers.json"] = string(list)
	list, _ = json.Marshal([]storedImage{{ID: hex, Names: []string{"localhost/app:1"}, Layer: "layer2"}})
	files["overlay-images/images.json"] = string(list)
	files["storage.conf"] = "# where\n[storage]\n  driver = \"overlay\"\n  graphroot = \"" + filepath.ToSlash(s.dir) + "\" # here\n"
	testkit.WriteFiles(t, s.dir, files)
	s.inspect["RepoTags"] = []string{"localhost/app:1"}
	return s
}

// serve starts an engine that serves the image.
func (s *fakeStore) serve(t *testing.T, kind string) *testkit.Engine {
	t.Helper()
	f := &testkit.Engine{API: "1.41", Archive: string(s.archive), Images: map[string]map[string]any{"app:1": s.inspect, s.id: s.inspect}}
	testkit.NoEngines(t)
	socket := "unix://" + testkit.UnixServer(t, f)
	if kind == "podman" {
		t.Setenv("CONTAINER_HOST", socket)
		t.Setenv("CONTAINERS_STORAGE_CONF", filepath.Join(s.dir, "storage.conf"))
	} else {
		t.Setenv("DOCKER_HOST", socket)
	}
	return f
}

// path returns the path of a file in the store.
func (s *fakeStore) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

func (s *fakeStore) write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(s.path(name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *fakeStore) read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(s.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
