package cmd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// nineLayers returns a base image of nine layers, eight of which write the same file again, as
// in images with official bases.
func nineLayers() string {
	var b strings.Builder
	for i := range 9 {
		fmt.Fprintf(&b, "-- layer --\nfile usr/lib/list 10000 seed=%d\nfile usr/lib/more%d 1000\n", i, i)
	}
	return b.String()
}

// onNineLayers returns the text of an image on that base, with one COPY or with the given
// layers of its own.
func onNineLayers(head, own string) string {
	return "-- image app:1 linux/amd64 --\n" + head + nineLayers() + own
}

const (
	oneCopy = "-- layer --\nfile srv/app 5000\n"
	wasting = "-- layer --\nfile srv/app 5000 seed=1\n-- layer --\nfile srv/app 5000 seed=2\n"

	// unknownHistory doesn't show where the base ends.
	unknownHistory = "history none\n"
)

// plainHistory shows by its CMD where the base ends.
func plainHistory(own int) string {
	var b strings.Builder
	for i := range 9 {
		fmt.Fprintf(&b, "step \"RUN base %d\"\n", i)
	}
	b.WriteString("empty \"CMD [\\\"python3\\\"]\"\n")
	for i := range own {
		fmt.Fprintf(&b, "step \"COPY app%d /srv/app\"\n", i)
	}
	return b.String()
}

// engineImage returns a made-up engine's description of an image with the first layers of
// another.
func engineImage(t *testing.T, archive string, layers int, tags ...string) map[string]any {
	t.Helper()
	im, err := source.Open(t.Context(), archive, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	ids := []string{}
	for _, l := range im.Layers[:layers] {
		ids = append(ids, l.DiffID)
	}
	return map[string]any{
		"Id": fmt.Sprintf("sha256:%064x", layers), "RepoTags": tags, "Os": "linux", "Architecture": "amd64",
		"RootFS": map[string]any{"Type": "layers", "Layers": ids},
	}
}

// TestBaseFound checks that an image on a wasteful base of nine layers passes by default,
// however peel finds the base, and fails if the image's own layers waste.
func TestBaseFound(t *testing.T) {
	const label = "label org.opencontainers.image.base.name=docker.io/library/python:3.12\n"
	type listed = map[string]any
	for _, c := range []struct {
		name       string
		head       string // of the image: its history
		images     []string
		dockerfile string
		says       string
	}{
		{"annotations", label + unknownHistory, []string{"docker.io/library/python:3.12 9"}, "", "docker.io/library/python:3.12, 9 layers, by the image's annotations"},
		{"the Dockerfile", unknownHistory, []string{"python:3.12 9"}, "ARG V=3.12\nFROM python:$V AS a\nFROM a\n", "python:3.12, 9 layers, by the Dockerfile"},
		{"the Dockerfile's steps", "", []string{"other:1 4"}, "FROM python:3.12\n", "python:3.12, 9 layers, likely, by the Dockerfile's steps"},
		{"an image on this machine", unknownHistory, []string{"python:3.12 9", "debian:12 1", "app:0 9", "registry.example.com/app:0 9"}, "", "python:3.12, 9 layers, likely: an image on this machine has these layers"},
		{"the history", "", nil, "", "9 layers, likely, from the history"},
		{"the history, with a name", label, nil, "", "docker.io/library/python:3.12, 9 layers, likely, from the history"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &testkit.Engine{API: "1.43", Images: map[string]map[string]any{}, List: []listed{}}
			e.Serve(t, "DOCKER_HOST")
			for own, layers := range []string{oneCopy, wasting} {
				head := c.head
				if !strings.Contains(head, unknownHistory) {
					head += plainHistory(own + 1)
				}
				inFolder(t, "docker-25", onNineLayers(head, layers))
				var list []listed
				for _, image := range c.images {
					var name string
					var n int
					if _, err := fmt.Sscan(image, &name, &n); err != nil {
						t.Fatal(err)
					}
					about := engineImage(t, "app.tar", n, name)
					e.Images[name], e.Images[about["Id"].(string)] = about, about
					list = append(list, listed{"Id": about["Id"], "RepoTags": about["RepoTags"]})
				}
				e.List = append([]listed{}, list...)
				args := []string{"check", "app.tar"}
				if c.dockerfile != "" {
					text := c.dockerfile
					for i := range own + 1 {
						text += fmt.Sprintf("COPY app%d /srv/app\n", i)
					}
					write(t, "Dockerfile", []byte(text))
					args = append(args, "--dockerfile", "Dockerfile")
				}
				r := peel(args...)
				if r.code != own || r.err != "" || !strings.Contains(unwrapped(r.out), "base: "+c.says) {
					t.Errorf("own layers\n%sgot exit code %d, want %d and %q in\n%s%s", layers, r.code, own, c.says, r.out, r.err)
				}
			}
		})
	}
}

// unwrapped joins the lines of a text.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestBaseOfItself checks that an image still has own layers if it names itself, or another
// image with all its layers, as its base.
func TestBaseOfItself(t *testing.T) {
	for _, name := range []string{"docker.io/library/app:1", "docker.io/library/copy:1"} {
		e := &testkit.Engine{API: "1.43", Images: map[string]map[string]any{}}
		e.Serve(t, "DOCKER_HOST")
		inFolder(t, "docker-25", onNineLayers("label org.opencontainers.image.base.name="+name+"\n"+unknownHistory, wasting))
		im, err := source.Open(t.Context(), "app.tar", source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		layers := len(im.Layers)
		im.Close()
		about := engineImage(t, "app.tar", layers, name)
		e.Images[name], e.Images[about["Id"].(string)] = about, about
		e.List = []map[string]any{{"Id": about["Id"], "RepoTags": about["RepoTags"]}}
		if r := peel("check", "app.tar"); r.code != exitRule || strings.Contains(r.out, "by the image's annotations") {
			t.Errorf("%s: exit code %d\n%s%s", name, r.code, r.out, r.err)
		}
	}
}
