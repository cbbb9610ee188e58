package cmd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
)

const restored = `
-- image app:1 linux/amd64 --
step "/bin/sh -c #(nop) ADD file:%064d in / "
empty "/bin/sh -c #(nop)  CMD [\"bash\"]"
step "|1 A=b /bin/sh -c make install"
step "RUN /bin/sh -c set -e\nUSER evil # buildkit"
step "COPY . /srv/app # buildkit"
empty "ENV API_TOKEN=ghp_0123456789abcdefghijABCDEFGHIJ012345 B=a b"
step "bazel build //app"
-- layer --
file a 1000
-- layer --
file b 2000
-- layer --
file c 10
-- layer --
file d 10
-- layer --
file e 10
`

func TestReportDockerfile(t *testing.T) {
	inFolder(t, "docker-25", fmt.Sprintf(restored, 0))
	r := must(t, "report", "app.tar", "-f", "dockerfile")
	for _, want := range []string{
		"\nFROM scratch\n", "\n# layer 0, 1.00 kB\n", "\nADD unknown /\n", "\nCMD [\"bash\"]\n", "\n# with the build arguments A=b\nRUN make install\n",
		"\nRUN <<EOF\nset -e\nUSER evil\nEOF\n", "\nCOPY . /srv/app\n", " B=\"a b\"\n", "\n# layer 4, 10 B\n# unknown: bazel build //app\n",
	} {
		if !strings.Contains(r, want) {
			t.Errorf("%q not found in\n%s", want, r)
		}
	}
	if strings.Contains(r, "ghp_") {
		t.Errorf("the output contains a secret:\n%s", r)
	}
	if _, err := dockerfile.Parse("Dockerfile", []byte(r)); err != nil {
		t.Error(err)
	}
}

// TestReportDockerfileOnBase checks that FROM names a base image that has a name, and that the
// base's steps aren't written. Text that isn't an image name never follows FROM.
func TestReportDockerfileOnBase(t *testing.T) {
	inFolder(t, "docker-25", fmt.Sprintf(restored, 0))
	im, err := source.Open(t.Context(), "app.tar", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	an, err := analyze.Run(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{
		"debian:12": "debian:12", "host:5000/a/b@sha256:" + strings.Repeat("0", 64): "host:5000/a/b@sha256:" + strings.Repeat("0", 64), "docker://debian:12": "debian:12",
		"a b": "scratch", "a\nUSER evil": "scratch", "base.tar": "scratch", "./base": "scratch", "oci:dir:1": "scratch", "--platform=x": "scratch", "": "scratch",
	} {
		an.Base = analyze.Base{Layers: 1, Name: name}
		var b strings.Builder
		if err := report.Dockerfile(&b, an, nil); err != nil {
			t.Fatal(err)
		}
		if r := b.String(); !strings.Contains(r, "\nFROM "+from+"\n") || strings.Contains(r, "ADD unknown") != (from == "scratch") || !strings.Contains(r, "\n# layer 1, 2.00 kB\n") || !strings.Contains(r, "\nRUN make install\n") {
			t.Errorf("on %q:\n%s", name, r)
		}
	}
}

// TestReportDockerfileParses checks that the report of every fixture is a Dockerfile without
// control characters.
func TestReportDockerfileParses(t *testing.T) {
	for _, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		t.Run(f.Name, func(t *testing.T) {
			path := f.Shapes()[0].Write(t, f)
			for _, im := range f.Images {
				if im.Absent != "" {
					continue
				}
				ref, platform := f.Ref(path, im)
				args := []string{"report", ref, "-f", "dockerfile"}
				if platform != "" {
					args = append(args, "--platform", platform)
				}
				text := must(t, args...)
				if _, err := dockerfile.Parse("Dockerfile", []byte(text)); err != nil {
					t.Errorf("%v\n%s", err, text)
				}
				if plain := strings.NewReplacer("\n", "", "\t", "").Replace(text); clean.Text(plain) != plain {
					t.Errorf("control characters in\n%q", text)
				}
			}
		})
	}
}
