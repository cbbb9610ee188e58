package analyze_test

import (
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
)

// TestAdviceWords checks the advice in cases that differ only in the steps around them.
func TestAdviceWords(t *testing.T) {
	for _, c := range []struct {
		name, image string
		id          string   // how the ID of the finding begins
		want, not   []string // parts of its advice
	}{
		{
			"apt's lists that a later step needs",
			`step "FROM scratch"
step "RUN /bin/sh -c apt-get update && apt-get install -y curl # buildkit"
step "RUN /bin/sh -c apt-get install -y git # buildkit"
step "RUN /bin/sh -c rm -rf /var/lib/apt/lists/* # buildkit"
-- layer --
file base 1
-- layer --
file var/lib/apt/lists/Packages 5000
-- layer --
file usr/bin/git 5
-- layer --
file var/lib/apt/lists/.wh.Packages
`, "waste/removed/apt-lists/",
			[]string{"Install in one RUN what layers 1 and 2 install", "&& rm -rf /var/lib/apt/lists/*", "sharing=locked", "docker-clean", "layer 1 (RUN apt-get update && apt-get install -y curl)"},
			[]string{"End the RUN"},
		},
		{
			"apt's lists that no step needs, for the next fetches its own",
			`step "FROM scratch"
step "RUN /bin/sh -c apt-get update && apt-get install -y curl # buildkit"
step "RUN /bin/sh -c apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/* # buildkit"
-- layer --
file base 1
-- layer --
file var/lib/apt/lists/Packages 5000
-- layer --
file var/lib/apt/lists/.wh.Packages
`, "waste/removed/apt-lists/",
			[]string{"End the RUN that fetches them with && rm -rf /var/lib/apt/lists/*"}, []string{"Install in one RUN"},
		},
		{
			"files deleted after a COPY",
			`step "FROM scratch"
step "COPY . /app # buildkit"
step "RUN /bin/sh -c chown -R app /app # buildkit"
step "RUN /bin/sh -c rm /app/notes # buildkit"
-- layer --
file base 1
-- layer --
file app/notes 500
-- layer --
file app/notes 500 uid=1000
-- layer --
file app/.wh.notes
`, "waste/removed/",
			[]string{".dockerignore", "narrow the source of the COPY", "The step to edit is layer 1 (COPY . /app)."}, []string{"RUN make"},
		},
		{
			"COPY, then chown, then chmod",
			`step "FROM scratch"
step "COPY app /app # buildkit"
step "RUN /bin/sh -c chown app:app /app # buildkit"
step "RUN /bin/sh -c chmod 0750 /app # buildkit"
-- layer --
file base 1
-- layer --
file app 500
-- layer --
file app 500 uid=1000 gid=1000
-- layer --
file app 500 uid=1000 gid=1000 mode=0750
`, "waste/metadata/RUN chmod",
			[]string{"Use COPY --chown=1000:1000 --chmod=0750 in the step that copies them in, and leave out chown and chmod.", "layer 1 (COPY app /app)"}, nil,
		},
		{
			"a recursive mode",
			`step "FROM scratch"
step "COPY app /app # buildkit"
step "RUN /bin/sh -c chmod -R 755 /app # buildkit"
-- layer --
file base 1
-- layer --
file app/a 500
file app/b 500
-- layer --
file app/a 500 mode=0755
file app/b 500 mode=0755
`, "waste/metadata/",
			[]string{"Use COPY --chmod=u=rwX,go=rX in", "# syntax=docker/dockerfile:1.14"}, []string{"--chmod=0755"},
		},
		{
			"a recursive mode without x",
			`step "FROM scratch"
step "COPY app /app # buildkit"
step "RUN /bin/sh -c chmod -R go-rwx /app # buildkit"
-- layer --
file base 1
-- layer --
dir app mode=0755
file app/a 500
-- layer --
dir app mode=0700
file app/a 500 mode=0600
`, "waste/metadata/",
			[]string{"Use COPY --chmod=u=rwX,go= in", "leave out chmod.", "# syntax=docker/dockerfile:1.14"}, []string{"--chmod=0600"},
		},
		{
			"a directory that COPY finds",
			`step "FROM scratch"
step "WORKDIR /app"
step "COPY src/ . # buildkit"
step "RUN /bin/sh -c chown -R 1000:1000 /app # buildkit"
-- layer --
file base 1
-- layer --
dir app mode=0755
-- layer --
dir app mode=0755 mtime=1700000005
dir app/lib mode=0755
file app/lib/a 500
-- layer --
dir app mode=0755 mtime=1700000005 uid=1000 gid=1000
dir app/lib mode=0755 uid=1000 gid=1000
file app/lib/a 500 uid=1000 gid=1000
`, "waste/metadata/",
			[]string{"Use COPY --chown=1000:1000 in the step that copies them in, and leave out chown. COPY doesn't change existing directories, such as /app: run chown on those alone."}, nil,
		},
		{
			"ko", toolImage("ko build ko://example.com/cmd"), "waste/overwritten/", []string{"kodata/", ".ko.yaml"}, []string{"RUN", "COPY"},
		},
		{
			"Jib", toolImage("jib-maven-plugin:3.4.0"), "waste/overwritten/", []string{"jib.extraDirectories.permissions"}, []string{"RUN", "COPY"},
		},
		{
			"Bazel", toolImage("bazel build //app:image"), "waste/overwritten/", []string{"pkg_tar"}, []string{"RUN", "COPY"},
		},
		{
			"Nix", toolImage("store paths: ['/nix/store/x-hello']"), "waste/overwritten/", []string{"dockerTools"}, []string{"RUN", "COPY"},
		},
		{
			"Buildpacks", "label io.buildpacks.lifecycle.metadata=x\n" + toolImage("Application Layer"), "waste/overwritten/", []string{"project.toml"}, []string{"RUN", "COPY"},
		},
		{
			"a step with backticks",
			toolImage("RUN /bin/sh -c echo `date` > /a # buildkit"), "waste/overwritten/", []string{"Make the change", "(RUN echo `date` > /a)"}, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var found *analyze.Finding
			for _, f := range adviceOn(t, "-- image fixture:1 linux/amd64 --\n"+c.image, "docker-20", analyze.AdviceOptions{}) {
				if strings.HasPrefix(f.ID, c.id) {
					found = &f
				}
			}
			if found == nil {
				t.Fatalf("no finding %s", c.id)
			}
			for _, want := range c.want {
				if !strings.Contains(found.Advice, want) {
					t.Errorf("advice lacks %q: %s", want, found.Advice)
				}
			}
			for _, not := range c.not {
				if strings.Contains(found.Advice, not) {
					t.Errorf("advice has %q: %s", not, found.Advice)
				}
			}
			at := 0
			for _, code := range found.Code {
				if code[0] < at || code[1] <= code[0] || code[1] > len(found.Advice) {
					t.Fatalf("code at %v of %q", found.Code, found.Advice)
				}
				at = code[1]
			}
			if strings.ContainsRune(found.Advice, 0) {
				t.Errorf("mark left in %q", found.Advice)
			}
		})
	}
}

// TestAdviceOnStages checks that peel doesn't advise .dockerignore for files that come from another
// stage.
func TestAdviceOnStages(t *testing.T) {
	d, err := dockerfile.Parse("Dockerfile", []byte("FROM debian AS made\nRUN make\nFROM debian\nCOPY --from=made /app /app\nRUN rm /app/notes\n"))
	if err != nil {
		t.Fatal(err)
	}
	const image = `-- image fixture:1 linux/amd64 --
step "FROM scratch"
step "COPY /app /app # buildkit"
step "RUN /bin/sh -c rm /app/notes # buildkit"
-- layer --
file base 1
-- layer --
file app/notes 500
-- layer --
file app/.wh.notes
`
	found := adviceOn(t, image, "docker-20", analyze.AdviceOptions{Dockerfile: d})
	if len(found) == 0 || !strings.HasPrefix(found[0].Advice, "Delete them in the stage that the COPY --from reads, or narrow its source.") {
		t.Errorf("got %+v", found)
	}
}

// toolImage returns an image with two own layers from the same step. One layer overwrites what
// the other has.
func toolImage(step string) string {
	step = strings.ReplaceAll(step, `"`, `\"`)
	return "step \"FROM scratch\"\nstep \"" + step + "\"\nstep \"" + step + "\"\n-- layer --\nfile base 1\n-- layer --\nfile a 500\n-- layer --\nfile a 600 seed=2\n"
}
