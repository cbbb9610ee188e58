package source

import (
	"bytes"
	"cmp"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source/layer"
)

// TestCacheOfEngine opens an engine's image repeatedly. The engine saves it once, and again
// only if something about the image changes or contents are needed.
func TestCacheOfEngine(t *testing.T) {
	f, err := testkit.Parse(cacheFixture)
	if err != nil {
		t.Fatal(err)
	}
	fake := &testkit.Engine{
		API: "1.41", Images: map[string]map[string]any{"app:1": testkit.AppImage("linux/amd64"), "app:2": testkit.AppImage("linux/amd64")},
		Archive: string(testkit.ShapeNamed("docker-20").Archive(f)),
	}
	fake.Serve(t, "DOCKER_HOST")
	dir := filepath.Join(t.TempDir(), "cache")
	saves := func() (n int) {
		for _, request := range fake.Asked() {
			if strings.Contains(request, "/images/get") {
				n++
			}
		}
		return n
	}
	want := allOf("docker://app:1", Options{})
	at := saves()
	for _, step := range []struct {
		what   string
		before func()
		ref    string
		opts   Options
		saves  int
	}{
		{what: "first", saves: 1},
		{what: "again", saves: 0},
		{what: "without a cache", opts: Options{Cache: "-"}, saves: 1},
		{what: "contents", opts: Options{KeepContent: true}, saves: 1},
		{what: "again", saves: 0},
		{what: "another name", ref: "docker://app:2", saves: 1},
		{what: "another platform", opts: Options{Platform: "linux/amd64"}, saves: 1},
		{what: "another image", before: func() { fake.Images["app:1"]["Id"] = "sha256:" + strings.Repeat("0", 64) }, saves: 1},
		{what: "again", saves: 0},
		{what: "other layers", before: func() {
			fake.Images["app:1"]["RootFS"] = map[string]any{"Type": "layers", "Layers": []string{"sha256:cc"}}
		}, saves: 1},
		{what: "no layers told", before: func() { delete(fake.Images["app:1"], "RootFS") }, saves: 1},
		{what: "no layers told, again", saves: 1},
	} {
		if step.before != nil {
			step.before()
		}
		if step.opts.Cache = cmp.Or(step.opts.Cache, dir); step.opts.Cache == "-" {
			step.opts.Cache = ""
		}
		got := allOf(cmp.Or(step.ref, "docker://app:1"), step.opts)
		if got = strings.ReplaceAll(got, "docker://app:2", "docker://app:1"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", step.what, got, want)
		}
		if n := saves() - at; n != step.saves {
			t.Errorf("%s: saved %d times, want %d", step.what, n, step.saves)
		}
		at = saves()
	}
	im, err := Open(t.Context(), "docker://app:1", Options{Cache: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if _, err := im.Layers[0].Open(t.Context(), 1); !errors.Is(err, layer.ErrGone) {
		t.Errorf("got content without asking for it: %v, want %v", err, layer.ErrGone)
	}
	id, _ := fake.Images["app:1"]["Id"].(string)
	fake.Images[id] = fake.Images["app:1"]
	later, err := Open(t.Context(), "docker://app:1", Options{Cache: dir, ContentOnDemand: true})
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	at = saves()
	for range 2 {
		b, err := later.Layers[0].Body(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.ReadAt(t.Context(), make([]byte, b.Size()), 0); err != nil {
			t.Error(err)
		}
	}
	if n := saves() - at; n != 1 {
		t.Errorf("for contents on demand, the engine saved the image %d times", n)
	}
	fake.Cut, fake.Images["app:1"] = true, testkit.AppImage("linux/amd64")
	fake.Images["app:1"]["Id"] = "sha256:" + strings.Repeat("1", 64)
	if got := allOf("docker://app:1", Options{Cache: dir}); !strings.Contains(got, "the connection broke") {
		t.Errorf("an interrupted save gives %s", got)
	}
	if got := allOf("docker://app:1", Options{Cache: dir}); !strings.Contains(got, "the connection broke") {
		t.Errorf("an interrupted save was cached: %s", got)
	}
}

// TestCacheAndContents checks that contents are the same with and without the cache.
func TestCacheAndContents(t *testing.T) {
	settled(t, true)
	for _, mode := range cacheModes {
		path, dir, _ := filled(t, mode.shape)
		im, err := Open(t.Context(), path, Options{Cache: dir, KeepContent: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := im.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, err := im.Layers[1].Open(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(r); err != nil || b.String() != "other" {
			t.Errorf("%s: got content %q, %v", mode.shape, b.String(), err)
		}
		if err := errors.Join(r.Close(), im.Close()); err != nil {
			t.Error(err)
		}
	}
}
