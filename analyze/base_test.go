package analyze

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/source"
)

// TestHistoryBase checks where the base ends according to the history of real images.
func TestHistoryBase(t *testing.T) {
	at := func(day, minute int) time.Time {
		return time.Date(2024, 3, day, 12, minute, 0, 0, time.UTC)
	}
	const buildkit = "buildkit.dockerfile.v0"
	step := func(command, comment string, when time.Time) source.Step {
		return source.Step{Command: command, Comment: comment, Created: when}
	}
	empty := func(s source.Step) source.Step {
		s.Empty = true
		return s
	}
	classic := func(command string, when time.Time) source.Step { return step("/bin/sh -c "+command, "", when) }
	// Debian's official image, and python's image on top of it, as they are on Docker Hub.
	debian := []source.Step{step("# debian.sh --arch 'amd64' out/ 'bookworm' '@1709596800'", "debuerreotype 0.15", at(1, 0))}
	python := slices.Concat(debian, []source.Step{
		step("RUN /bin/sh -c set -eux; apt-get update # buildkit", buildkit, at(2, 0)),
		empty(step("ENV PATH=/usr/local/bin", buildkit, at(2, 0))),
		step("RUN /bin/sh -c wget python # buildkit", buildkit, at(2, 0)),
		empty(step(`CMD ["python3"]`, buildkit, at(2, 0))),
	})
	old := []source.Step{
		classic("#(nop) ADD file:4bf7a in / ", at(1, 0)), empty(classic(`#(nop)  CMD ["bash"]`, at(1, 0))),
		classic("apt-get update", at(2, 0)), empty(classic(`#(nop)  CMD ["python3"]`, at(2, 1))),
	}
	copyApp := step("COPY . /app # buildkit", buildkit, at(20, 0))
	same := func(steps []source.Step, when time.Time) []source.Step {
		out := append([]source.Step(nil), steps...)
		for i := range out {
			out[i].Created = when
		}
		return out
	}
	for _, c := range []struct {
		name  string
		steps []source.Step
		want  string // number of layers, and name
	}{
		{"no history", nil, "0"},
		{"one layer", debian, "0"},
		{"an official image by buildkit, and a copy", append(python[:5:5], copyApp), "3"},
		{"and a command", append(python[:5:5], copyApp, empty(step(`CMD ["app"]`, buildkit, at(20, 1)))), "3"},
		{"an official image by the classic builder, and a copy", append(old[:4:4], copyApp), "2"},
		{"all by the classic builder", append(old[:4:4], classic("#(nop) COPY dir:1 in /app ", at(20, 0))), "2"},
		{"debian's alone, and a copy", append(debian[:1:1], copyApp), "1"},
		{"the official image itself: its base", python, "1"},
		{"a command in the middle of one build", append(python[:5:5], copyApp, empty(step(`CMD ["app"]`, buildkit, at(20, 1))), step("COPY late /app # buildkit", buildkit, at(20, 2))), "3"},
		{"no times", same(append(python[:5:5], copyApp), time.Time{}), "3"},
		{"one time for all", same(append(python[:5:5], copyApp), time.Unix(0, 0)), "3"},
		{"a base that was built just before", same(append(python[:5:5], copyApp, step("RUN x # buildkit", buildkit, at(20, 1))), at(20, 0)), "3"},
		{"buildah names it", []source.Step{
			classic("#(nop) ADD file:1 in / ", at(1, 0)), empty(classic(`#(nop) CMD ["sh"]`, at(1, 0))), classic("apk add x", at(1, 1)),
			step("/bin/sh -c #(nop) COPY dir:1 in /app ", "FROM registry.example.com/me/base:1", at(1, 2)),
			step("/bin/sh -c make", "FROM 0123456789ab", at(1, 3)),
		}, "2 registry.example.com/me/base:1"},
		{"buildah names a base of a base", []source.Step{
			classic("#(nop) ADD file:1 in / ", at(1, 0)),
			step("/bin/sh -c one", "FROM docker.io/library/alpine:3", at(1, 2)),
			step("/bin/sh -c two", "FROM localhost/middle:1", at(1, 3)),
		}, "2 localhost/middle:1"},
		{"jib on an image of buildkit", append(python[:5:5],
			source.Step{Command: "jib-maven-plugin:3.4.0", Comment: "dependencies", Author: "Jib", Created: time.Unix(0, 0)},
			source.Step{Command: "jib-maven-plugin:3.4.0", Comment: "classes", Author: "Jib", Created: time.Unix(0, 0)},
		), "3"},
		{"ko on a distroless image", []source.Step{
			step("bazel build ...", "", time.Unix(0, 0)), step("bazel build ...", "", time.Unix(0, 0)),
			{Command: "ko build ko://example.com/app", Comment: "kodata contents", Author: "ko"},
			{Command: "ko build ko://example.com/app", Comment: "go build output", Author: "ko"},
		}, "2"},
		{"from scratch", []source.Step{step("COPY a / # buildkit", buildkit, at(1, 0)), step("COPY b / # buildkit", buildkit, at(1, 1))}, "0"},
		{"only labels on top", append(debian[:1:1], empty(step("LABEL x=y", buildkit, at(20, 0)))), "0"},
		{"unknown steps", []source.Step{{}, {}, {}}, "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			layers := 0
			for _, s := range c.steps {
				if !s.Empty {
					layers++
				}
			}
			n, name := historyBase(c.steps, layers)
			got := fmt.Sprint(n)
			if name != "" {
				got += " " + name
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if n, _ := historyBase(c.steps, 1); n > 0 {
				t.Errorf("got %d layers for an image with one", n)
			}
		})
	}
}

// TestGuessedBase checks that a Dockerfile whose steps match the history shows how many layers
// lie below them.
func TestGuessedBase(t *testing.T) {
	steps := func(commands ...string) (out []source.Step) {
		for _, c := range commands {
			out = append(out, source.Step{Command: c})
		}
		return out
	}
	for _, c := range []struct {
		name, text string
		steps      []source.Step
		want       string
	}{
		{"from scratch", "FROM scratch\nCOPY a /a\nCOPY b /b\n", steps("COPY a /a # buildkit", "COPY b /b # buildkit"), "scratch, no layers, by the Dockerfile"},
		{"on an image", "FROM x:1\nCOPY a /a\n", steps("ADD x", "RUN y", "COPY a /a # buildkit"), "x:1, 2 layers, likely, by the Dockerfile's steps"},
		{"from scratch, and the image is not", "FROM scratch\nCOPY a /a\n", steps("ADD x", "COPY a /a # buildkit"), "1 layer, a guess: nothing says what the image was built on"},
		{"of another image", "FROM x:1\nRUN other\n", steps("ADD x", "COPY a /a # buildkit"), "1 layer, a guess: nothing says what the image was built on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := dockerfile.Parse("Dockerfile", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			im := &source.Image{History: c.steps}
			for i := range c.steps {
				im.Layers = append(im.Layers, &source.Layer{Index: i})
			}
			if got := guessedBase(im, []*dockerfile.File{d}).Text(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestGuessLeavesOwnLayers checks that a guessed base never covers the whole image, and that an
// image that begins with a COPY has no base.
func TestGuessLeavesOwnLayers(t *testing.T) {
	step := func(command string) source.Step { return source.Step{Command: command} }
	for name, tt := range map[string]struct {
		steps  []source.Step
		layers int
		want   int
	}{
		"one layer":             {[]source.Step{step("ADD rootfs.tar.xz / # buildkit")}, 1, 0},
		"two layers":            {[]source.Step{step("ADD rootfs.tar.xz / # buildkit"), step("RUN /bin/sh -c make # buildkit")}, 2, 1},
		"COPY to scratch":       {[]source.Step{{Command: "LABEL a=b", Empty: true}, step("COPY app / # buildkit"), step("COPY key / # buildkit")}, 2, 0},
		"a classic COPY":        {[]source.Step{step("/bin/sh -c #(nop) COPY dir:0123456789abcdef in / "), step("/bin/sh -c #(nop) COPY file:0123456789abcdef in / ")}, 2, 0},
		"no history":            {nil, 3, 1},
		"no history, one layer": {nil, 1, 0},
		"nothing":               {nil, 0, 0},
	} {
		b := guessedBase(&source.Image{History: tt.steps, Layers: make([]*source.Layer, tt.layers)}, nil)
		if b.Layers != tt.want || b.vouched() != 0 {
			t.Errorf("%s: got %d layers, want %d; %d vouched for", name, b.Layers, tt.want, b.vouched())
		}
	}
}

// TestBaseScratch checks that scratch is a base of no layers, and that peel looks for it
// nowhere.
func TestBaseScratch(t *testing.T) {
	b, final, err := baseAtOnce(&source.Image{Layers: make([]*source.Layer, 2)}, Options{Base: "scratch", Search: SearchRegistries})
	if want := (Base{Name: "scratch", By: BaseAsked, Sure: true}); b != want || !final || err != nil {
		t.Errorf("%+v, final %v, %v", b, final, err)
	}
}
