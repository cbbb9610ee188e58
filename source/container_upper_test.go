//go:build linux

package source

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source/layer"
)

// keptIn puts a container's layer into a folder of an engine's store.
func keptIn(t *testing.T, e *containedEngine, store string) (dir string) {
	t.Helper()
	at := filepath.Join(store, "overlay2", strings.Repeat("c", 64))
	dir = filepath.Join(at, "diff")
	testkit.WriteFiles(t, dir, map[string]string{"etc/motd": "new", "run/x": "1", "run/.containerenv": ""})
	e.is.Driver, e.is.UpperDir, e.is.LowerDirs = "overlay2", dir, []string{at + "-init/diff", "/nowhere"}
	return dir
}

// TestContainerByFolder reads a container's layer from its folder, and reports what it was read
// from.
func TestContainerByFolder(t *testing.T) {
	names := func(im *Image) (out []string) {
		last := im.Layers[len(im.Layers)-1]
		for i := range last.Entries.Len() {
			out = append(out, last.Entries.At(i).Name)
		}
		return out
	}
	for _, tt := range []struct {
		engine string
		want   []string
	}{
		{"docker", []string{"etc/", "etc/motd", "run/", "run/.containerenv", "run/x"}},
		{"podman", []string{"etc/", "etc/motd", "run/x"}},
	} {
		t.Run(tt.engine, func(t *testing.T) {
			e := newContained(t)
			e.name, e.is.State = tt.engine, "running"
			dir := keptIn(t, e, t.TempDir())
			im, err := openContained(t, e, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := names(im); !slices.Equal(got, tt.want) {
				t.Errorf("got %q in the layer, want %q", got, tt.want)
			}
			if im.Container.From != dir || im.Container.InitLayer != e.is.LowerDirs[0] || len(e.asked) > 0 {
				t.Errorf("got %q as the source, init layer %q, requests %q", im.Container.From, im.Container.InitLayer, e.asked)
			}
		})
	}
	t.Run("folder that is not there", func(t *testing.T) {
		e := newContained(t)
		keptIn(t, e, t.TempDir())
		e.is.UpperDir = filepath.Join(t.TempDir(), "diff")
		im, err := openContained(t, e, Options{})
		if err != nil || wroteDown(im.Layers[len(im.Layers)-1]) != containedLayer || im.Container.From != "the engine's API" {
			t.Errorf("error %v", err)
		}
	})
	for name, change := range map[string]func(e *containedEngine){
		"no such file or directory":                             func(e *containedEngine) { e.is.UpperDir = filepath.Join(t.TempDir(), "overlay2", "x", "diff") },
		`the folders of the driver "btrfs" are not read`:        func(e *containedEngine) { e.is.Driver = "btrfs" },
		`the engine keeps it in "overlay2/x/diff"`:              func(e *containedEngine) { e.is.UpperDir = "overlay2/x/diff" },
		`does not say where it is, with the driver "overlayfs"`: func(e *containedEngine) { e.is.UpperDir, e.is.Driver = "", "overlayfs" },
	} {
		e := newContained(t)
		keptIn(t, e, t.TempDir())
		change(e)
		o := &opener{Options: Options{Via: ViaStore, Log: slog.New(slog.DiscardHandler)}}
		_, _, err := (&engineContainer{kind: &engineKind{name: "docker"}, e: e, is: e.is}).layer(t.Context(), o, nil, &Container{})
		testkit.WantError(t, err, "reading the folder of its layer: ", name)
	}
}

// TestInNamespace reads which user namespace the owners of a store's files belong to.
func TestInNamespace(t *testing.T) {
	dir := t.TempDir()
	own, gid := int64(os.Getuid()), int64(os.Getgid())
	if own == 0 {
		own, gid = 1234, 1235
	}
	rootless, remapped := filepath.Join(dir, "rootless"), filepath.Join(dir, "100000.200000")
	for _, d := range []string{rootless, remapped} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Chown(rootless, int(own), int(gid)); err != nil {
		t.Fatal(err)
	}
	var o layer.UpperOptions
	if err := inNamespace(remapped, "docker", &o); err != nil || fmt.Sprint(o.UIDs, o.GIDs) != "[{0 100000 65536}] [{0 200000 65536}]" || o.User {
		t.Errorf("%+v, error %v", o, err)
	}
	o = layer.UpperOptions{}
	if err := inNamespace(rootless, "podman", &o); err != nil || !o.User || !o.Fuse || o.UIDs[0] != (layer.IDRange{Inside: 0, Outside: own, Count: 1}) || o.GIDs[0].Outside != gid {
		t.Errorf("%+v, error %v", o, err)
	}
	testkit.WriteFiles(t, dir, map[string]string{
		"subuid":    "other:1:2\nme:100000:65536\n\n# a comment\n1234:300000:10\n",
		"malformed": "me:x:1\n",
	})
	m, err := subordinate(filepath.Join(dir, "subuid"), "me", 1234)
	if want := "[{0 1234 1} {1 100000 65536} {65537 300000 10}]"; err != nil || fmt.Sprint(m) != want {
		t.Errorf("%v, error %v; want %s", m, err, want)
	}
	if m, err = subordinate(filepath.Join(dir, "none"), "me", 7); err != nil || fmt.Sprint(m) != "[{0 7 1}]" {
		t.Errorf("%v, error %v", m, err)
	}
	_, err = subordinate(filepath.Join(dir, "malformed"), "me", 7)
	testkit.WantError(t, err, `malformed line "me:x:1"`)
}
