package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vbatts/tar-split/tar/asm"
	"github.com/vbatts/tar-split/tar/storage"

	"github.com/peelhq/peel/internal/testkit"
)

// A storedMember is one member of a layer that a fake store holds.
type storedMember struct {
	tar.Header
	content string
}

func storedFile(name, content string) storedMember {
	return storedMember{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(1600000000, 0)}, content}
}

func storedOther(name string, typ byte, link string) storedMember {
	return storedMember{tar.Header{Name: name, Typeflag: typ, Mode: 0o755, Linkname: link}, ""}
}

// storedLayers are layers with what is special to a tar-split: headers that run
// over several blocks, names that JSON writes otherwise, bodies of every size.
func storedLayers() [][]storedMember {
	attributes := storedFile("srv/capable", strings.Repeat("x", 511))
	attributes.PAXRecords = map[string]string{"SCHILY.xattr.user.a": "b"}
	raw := storedFile("srv/\xff\xfe", "raw")
	if runtime.GOOS == "darwin" { // which takes no such name
		raw = storedFile("srv/raw", "raw")
	}
	return [][]storedMember{
		{
			storedOther("etc/", tar.TypeDir, ""), storedFile("etc/motd", "welcome\n"), storedFile("etc/empty", ""),
			storedFile("etc/same", "the same"), storedFile("etc/changed", "one"), storedFile("etc/chmod", "mode"),
			storedOther("etc/link", tar.TypeSymlink, "/etc/motd"), storedOther("etc/hard", tar.TypeLink, "etc/motd"),
			storedOther("dev/null", tar.TypeChar, ""), storedOther("run/pipe", tar.TypeFifo, ""),
		},
		{
			storedFile("etc/same", "the same"), storedFile("etc/changed", "two"),
			storedFile("etc/.wh.motd", ""), storedFile("srv/<&>\u2028\"\\", "odd"), raw,
			storedFile("srv"+strings.Repeat("/"+strings.Repeat("long", 25), 4), strings.Repeat("y", 512)), attributes,
			storedFile("srv/ümlaut", strings.Repeat("z", 100_000)), storedFile("./srv/dotted", "dot"),
		},
		{storedOther("opt/", tar.TypeDir, ""), storedFile("opt/.wh..wh..opq", ""), storedFile("etc/same", "the same")},
	}
}

// storedTar writes members as a tar.
func storedTar(t testing.TB, members []storedMember) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := m.Header
		if h.PAXRecords != nil {
			h.Format = tar.FormatPAX
		}
		if strings.Contains(h.Name, "\xff") || strings.Contains(h.Name, "ü") {
			h.Format = tar.FormatGNU
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, m.content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b.Write(make([]byte, 8192)) // more padding than a tar needs
	return b.Bytes()
}

// splitOf writes the tar-split of a tar, by the library that engines use.
func splitOf(t testing.TB, layer []byte) []byte {
	t.Helper()
	split, err := trySplit(layer)
	if err != nil {
		t.Fatal(err)
	}
	return split
}

// trySplit is splitOf for what may not be a tar that can be split.
func trySplit(layer []byte) ([]byte, error) {
	var b bytes.Buffer
	in, done, err := asm.NewInputTarStreamWithDone(bytes.NewReader(layer), storage.NewJSONPacker(&b), nil)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, in)
	return b.Bytes(), errors.Join(err, <-done)
}

func gzipBytes(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// fakeStore is an image in an engine's store, in a temporary folder, and the
// same image as the engine's API gives it.
type fakeStore struct {
	dir     string
	id      string
	diffIDs []string
	archive []byte
	inspect map[string]any
}

// newFakeStore describes the image of storedLayers.
func newFakeStore(t *testing.T) (*fakeStore, []byte, [][]byte) {
	t.Helper()
	s := &fakeStore{dir: t.TempDir()}
	var tars [][]byte
	for _, members := range storedLayers() {
		tars = append(tars, storedTar(t, members))
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

// unpackStored writes a layer's files as an overlay driver keeps them.
func unpackStored(t *testing.T, dir string, members []storedMember) {
	t.Helper()
	for _, m := range members {
		if m.Typeflag == tar.TypeReg && !strings.Contains(m.Name, ".wh.") {
			testkit.WriteFiles(t, dir, map[string]string{m.Name: m.content})
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
		files[folder+"tar-split.json.gz"] = string(gzipBytes(splitOf(t, layer)))
		if i > 0 {
			files[folder+"parent"] = chain[i-1]
		}
		unpackStored(t, filepath.Join(s.dir, "overlay2", fmt.Sprintf("cache%d", i), "diff"), storedLayers()[i])
	}
	testkit.WriteFiles(t, s.dir, files)
	s.inspect["GraphDriver"] = map[string]any{"Name": "overlay2", "Data": map[string]string{"UpperDir": s.dir + "/overlay2/cache2/diff"}}
	return s
}

// layerdb is the folder of layer i in Docker's layer database.
func (s *fakeStore) layerdb(i int) string {
	return "image/overlay2/layerdb/sha256/" + digestHex(chainIDs(s.diffIDs)[i]) + "/"
}

// podmanStore lays the image out as podman does, and makes it podman's.
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
		files["overlay-layers/"+l.ID+".tar-split.gz"] = string(gzipBytes(splitOf(t, layer)))
		unpackStored(t, filepath.Join(s.dir, "overlay", l.ID, "diff"), storedLayers()[i])
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

// serve has an engine answer for the image, and returns it.
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

// path is the path of a file of the store.
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
