//go:build linux

package source

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source/engine"
)

// withContainer adds a container to podman's store.
func (s *fakeStore) withContainer(t *testing.T) {
	t.Helper()
	id := strings.Repeat("ab", 32)
	var layers []storedLayer
	if err := json.Unmarshal(s.read(t, "overlay-layers/layers.json"), &layers); err != nil {
		t.Fatal(err)
	}
	list, _ := json.Marshal(append(layers, storedLayer{ID: "own", Parent: "layer2", DiffSize: -1}))
	containers, _ := json.Marshal([]map[string]any{
		{"id": id, "names": []string{"web"}, "image": digestHex(s.id), "layer": "own", "created": "2024-05-06T07:08:09Z", "metadata": `{"image-name":"localhost/app:1","name":"web"}`},
		{"id": "../../etc", "names": []string{"evil"}, "image": digestHex(s.id), "layer": "own"},
		{"id": strings.Repeat("cd", 32), "names": []string{"evil"}, "image": digestHex(s.id), "layer": "../own"},
	})
	testkit.WriteFiles(t, s.dir, map[string]string{
		"overlay-layers/layers.json":                         string(list),
		podmanContainers:                                     string(containers),
		"overlay/own/diff/new":                               "content",
		"overlay/own/diff/etc/hosts":                         "",
		"overlay-containers/" + id + "/userdata/config.json": `{"process":{"args":["serve","-v"]},"mounts":[{"destination":"/vol","type":"bind","source":"/v"},{"destination":"/etc/hosts","type":"bind","source":"/h"},{"destination":"/proc","type":"proc"}]}`,
	})
	testkit.NoEngines(t)
	t.Setenv("CONTAINER_HOST", "")
	t.Setenv("CONTAINERS_STORAGE_CONF", s.path("storage.conf"))
}

// TestPodmanContainerAlone reads a container of podman without a service that answers.
func TestPodmanContainerAlone(t *testing.T) {
	reason := errors.New("podman does not answer")
	tests := []struct {
		name   string
		ref    string
		via    Via
		change func(t *testing.T, s *fakeStore)
		find   []string // the error from finding it
		open   []string // the error from opening it
	}{
		{name: "by name", ref: "web"},
		{name: "by a beginning of its ID", ref: "abab"},
		{name: "by the API alone", ref: "web", via: ViaAPI, find: []string{"podman does not answer"}},
		{name: "nobody", ref: "nobody", find: []string{"podman's store: no such container: nobody; podman does not answer"}},
		{name: "hostile IDs", ref: "evil", find: []string{"no such container: evil"}},
		{name: "a list that is none", ref: "web", change: func(t *testing.T, s *fakeStore) { s.write(t, podmanContainers, []byte("{")) }, find: []string{"podman does not answer"}},
		{name: "layers in a circle", ref: "web", change: func(t *testing.T, s *fakeStore) {
			s.write(t, "overlay-layers/layers.json", []byte(`[{"id":"own","parent":"a"},{"id":"a","parent":"b"},{"id":"b","parent":"a"}]`))
		}, open: []string{"the layers below that of the container do not end"}},
		{name: "a layer that leads out", ref: "web", change: func(t *testing.T, s *fakeStore) {
			s.write(t, "overlay-layers/layers.json", []byte(`[{"id":"own","parent":"../a"}]`))
		}, open: []string{`one is called "../a"`}},
		{name: "no image", ref: "web", change: func(t *testing.T, s *fakeStore) { s.write(t, podmanImages, []byte("[]")) }, open: []string{"its image localhost/app:1 (sha256:", "is gone"}},
		{name: "no folder", ref: "web", change: func(t *testing.T, s *fakeStore) {
			if err := os.RemoveAll(s.path("overlay/own")); err != nil {
				t.Fatal(err)
			}
		}, open: []string{"reading the folder of its layer: ", "no such file or directory"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := podmanStore(t)
			s.withContainer(t)
			if tt.change != nil {
				tt.change(t, s)
			}
			o := &opener{Options: Options{Via: tt.via, Log: slog.New(slog.DiscardHandler)}}
			found, err := findPodmanContainer(t.Context(), o, tt.ref, reason)
			testkit.WantError(t, err, tt.find...)
			if tt.find != nil {
				return
			}
			im, err := found.open(t.Context(), o)
			testkit.WantError(t, err, tt.open...)
			if tt.open != nil {
				return
			}
			defer im.Close()
			c, last := im.Container, im.Layers[len(im.Layers)-1]
			if c.Name != "web" || c.Image != "localhost/app:1" || strings.Join(c.Command, " ") != "serve -v" || len(c.Mounts) != 1 || c.Mounts[0].Path != "/vol" || c.Created.Year() != 2024 {
				t.Errorf("got container %+v", c)
			}
			if len(im.Layers) != 4 || last.Entries.Len() != 2 || last.Entries.At(1).Name != "new" {
				t.Errorf("got %d layers, the last with %d entries", len(im.Layers), last.Entries.Len())
			}
		})
	}
	s := podmanStore(t)
	s.withContainer(t)
	listed, err := listPodmanContainers(t.Context(), &lister{}, reason)
	if err != nil || len(listed) != 1 || listed[0].Ref != "container://podman/web" || listed[0].Size != -1 || !listed[0].Container {
		t.Errorf("listed %+v, error %v", listed, err)
	}
}

// TestDockerBelow opens the layers below a Docker container whose image has been removed.
func TestDockerBelow(t *testing.T) {
	id := strings.Repeat("ef", 32)
	parent := "image/overlay2/layerdb/mounts/" + id + "/parent"
	for name, tt := range map[string]struct {
		change func(t *testing.T, s *fakeStore, is *engine.Container)
		err    []string
	}{
		"all there": {},
		"no mount":  {func(_ *testing.T, _ *fakeStore, is *engine.Container) { is.ID = strings.Repeat("00", 32) }, []string{"no such file or directory"}},
		"hostile":   {func(_ *testing.T, _ *fakeStore, is *engine.Container) { is.ID = "../x" }, []string{"does not say where the layers below it are"}},
		"a parent that leads out": {func(t *testing.T, s *fakeStore, _ *engine.Container) { s.write(t, parent, []byte("sha256:../x")) },
			[]string{`the layers below do not end, or one is called "sha256:../x"`}},
		"a circle": {func(t *testing.T, s *fakeStore, _ *engine.Container) {
			s.write(t, s.layerdb(0)+"parent", s.read(t, parent))
		}, []string{"the layers below do not end"}},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "a circle" {
				testkit.Long(t, "it follows the layers until the limit")
			}
			s := dockerStore(t)
			testkit.WriteFiles(t, s.dir, map[string]string{parent: chainIDs(s.diffIDs)[2]})
			is := engine.Container{ID: id, Name: "web", Image: "app:1", ImageID: s.id, Driver: "overlay2", UpperDir: filepath.Join(s.dir, "overlay2", "x", "diff")}
			if tt.change != nil {
				tt.change(t, s, &is)
			}
			im, err := dockerBelow(t.Context(), &opener{Options: Options{Log: slog.New(slog.DiscardHandler)}}, &is)
			testkit.WantError(t, err, tt.err...)
			if tt.err != nil {
				return
			}
			defer im.Close()
			if len(im.Layers) != 3 || im.ID != "" || len(im.Flaws) != 1 || !strings.Contains(im.Flaws[0].Problem, "is gone: its layers are here") {
				t.Errorf("%d layers, ID %q, flaws %v", len(im.Layers), im.ID, im.Flaws)
			}
			for i, l := range im.Layers {
				if l.DiffID != s.diffIDs[i] || l.Entries == nil {
					t.Errorf("layer %d is %s", i, l.DiffID)
				}
			}
		})
	}
}
