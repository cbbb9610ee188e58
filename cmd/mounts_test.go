package cmd

import (
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestMounts checks that the message for a path hidden by a container's mount differs from that
// for a path that doesn't exist.
func TestMounts(t *testing.T) {
	volume := source.Mount{Path: "/data/", Kind: "volume", Source: "shop"}
	of := func(mounts ...source.Mount) *analyze.Analysis {
		return &analyze.Analysis{Image: &source.Image{Container: &source.Container{Mounts: mounts}}}
	}
	for _, c := range []struct {
		name string
		an   *analyze.Analysis
		path string
		want string
	}{
		{"the mount", of(volume), "/data", "/data/: volume shop"},
		{"below it", of(volume), "data/a/../b", "/data/: volume shop"},
		{"beside it", of(volume), "/database", ""},
		{"above it", of(volume), "/", ""},
		{"over the root", of(source.Mount{Path: "/", Kind: "bind", Source: "/srv"}), "/a", "/: bind /srv"},
		{"a hostile name", of(source.Mount{Path: "/a", Kind: "v\x1b[2J", Source: "s"}), "/a", `/a: v\x1b[2J s`},
		{"no mounts", of(), "/data", ""},
		{"an image", &analyze.Analysis{Image: &source.Image{}}, "/data", ""},
	} {
		if got := mountOf(c.an, c.path); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	testkit.WantError(t, notThere(of(volume), "data/x", "", "no %s", "x"), "/data/x is below a mount of the container, which is not read (/data/: volume shop)")
	testkit.WantError(t, notThere(of(volume), "/x", "", "no %s", "x"), "no x")
}
