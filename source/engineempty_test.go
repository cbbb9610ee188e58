package source

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestEngineZeros makes an engine send endless zeros, alone or after a complete archive.
func TestEngineZeros(t *testing.T) {
	s, _, _ := newFakeStore(t)
	for name, archive := range map[string][]byte{"alone": nil, "behind an archive": s.archive} {
		t.Run(name, func(t *testing.T) {
			f := s.serve(t, "docker")
			f.Archive, f.Zeros = string(archive), true
			im, err := openStore(t, "docker://app:1", Options{Via: ViaAPI, KeepContent: true})
			if archive == nil {
				testkit.WantError(t, err, "docker://app:1: not an image: ")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			checkStored(t, im, s)
		})
	}
}

// TestEngineNoLayers opens an image without layers, which Docker before version 25 doesn't
// save, from the store and from the engine's description. The history lists the newest step
// first.
func TestEngineNoLayers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("engines on this system have no such store")
	}
	config := []byte(`{"architecture":"` + hostPlatform().arch + `","os":"linux","created":"2024-05-06T07:08:09.123Z","author":"me",` +
		`"config":{"Cmd":["/x"],"Labels":{"a":"b"}},"rootfs":{"type":"layers"},"history":[` +
		`{"created":"2024-05-06T07:08:08Z","created_by":"LABEL a=b","empty_layer":true},{"created":"2024-05-06T07:08:09Z","created_by":"CMD /x","empty_layer":true}]}`)
	s := &fakeStore{dir: t.TempDir(), id: digestOfBytes(config)}
	testkit.WriteFiles(t, s.dir, map[string]string{"image/overlay2/imagedb/content/sha256/" + digestHex(s.id): string(config)})
	s.inspect = map[string]any{
		"Id": s.id, "RepoTags": []string{"app:1"}, "Os": "linux", "Architecture": hostPlatform().arch,
		"Created": "2024-05-06T07:08:09.123Z", "Author": "me", "Config": map[string]any{"Cmd": []string{"/x"}, "Labels": map[string]string{"a": "b"}},
		"RootFS": map[string]any{"Type": "layers"}, "GraphDriver": map[string]any{"Name": "overlay2", "Data": nil},
	}
	f := s.serve(t, "docker")
	f.NoSave = "empty export - not implemented"
	f.History = []any{
		map[string]any{"CreatedBy": "CMD /x", "Created": 1714979289}, map[string]any{"CreatedBy": "LABEL a=b", "Created": 1714979288},
	}
	f.Info = map[string]any{"DockerRootDir": s.dir, "Driver": "overlay2"}
	want := allOf("docker://app:1", Options{Via: ViaStore})
	if !strings.Contains(want, s.id) || !strings.Contains(want, "LABEL a=b") {
		t.Fatalf("got from the store:\n%s", want)
	}
	if got := allOf("docker://app:1", Options{Via: ViaAPI}); got != want {
		t.Errorf("got by the API:\n%s\nfrom the store:\n%s", got, want)
	}
	s.inspect["GraphDriver"] = map[string]any{"Name": "overlay2", "Data": map[string]string{"UpperDir": s.dir + "/overlay2/x/diff"}}
	_, err := openStore(t, "docker://app:1", Options{Via: ViaStore})
	testkit.WantError(t, err, "the config names none")

	s.inspect["RootFS"] = map[string]any{"Type": "layers", "Layers": []string{"sha256:aa"}}
	_, err = openStore(t, "docker://app:1", Options{Via: ViaAPI})
	testkit.WantError(t, err, "empty export - not implemented")
}

// TestPodmanStoreNoLayers does the same for podman's store.
func TestPodmanStoreNoLayers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("podman runs in a virtual machine on this system")
	}
	config := `{"architecture":"` + hostPlatform().arch + `","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`
	id := digestOfBytes([]byte(config))
	s := &fakeStore{dir: t.TempDir(), id: id}
	testkit.WriteFiles(t, s.dir, map[string]string{
		podmanConfig(id):             config,
		"overlay-images/images.json": `[{"id":"` + digestHex(id) + `","names":["localhost/app:1"]}]`,
		"overlay-layers/layers.json": `[]`,
		"storage.conf":               "[storage]\ngraphroot = \"" + filepath.ToSlash(s.dir) + "\"\n",
	})
	s.inspect = map[string]any{"Id": id, "RepoTags": []string{"localhost/app:1"}, "Os": "linux", "Architecture": hostPlatform().arch, "RootFS": map[string]any{"Type": "layers"}}
	f := s.serve(t, "podman")
	im, err := openStore(t, "podman://app:1", Options{Via: ViaStore})
	if err != nil || im.ID != id || len(im.Layers) != 0 || len(im.Flaws) > 0 || saves(f) != 0 {
		t.Errorf("%+v, error %v, asked %q", im, err, f.Asked())
	}
}
