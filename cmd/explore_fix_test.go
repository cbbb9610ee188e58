package cmd

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/ui"
)

// fixShown returns the image of fixable with its Dockerfile, the fixes that have edits, and the
// Dockerfile with all of them applied.
func fixShown(t *testing.T) (an *analyze.Analysis, p *analyze.Proposal) {
	t.Helper()
	inFolder(t, "docker-25", fixable)
	if err := os.Mkdir(".git", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, "Dockerfile", []byte(fixableFile))
	an = analysed(t, "app.tar")
	d, err := readDockerfile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	an.Dockerfile = d
	fixes, err := analyze.Fixes(t.Context(), an, analyze.AdviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if p, err = analyze.Propose(t.Context(), an, fixes, d, analyze.Wish{}); err != nil {
		t.Fatal(err)
	}
	return an, p
}

// TestScreenWritesPatch checks that the screen writes the patch that peel fix prints. It
// overwrites an existing file only if the user agrees, and a file that peel reads from never.
func TestScreenWritesPatch(t *testing.T) {
	an, p := fixShown(t)
	actions := (&app{}).screenActions()
	patch, err := actions.Patch(an.Dockerfile, p.Text, p.Edits)
	if err != nil {
		t.Fatal(err)
	}
	if text := must(t, "fix", "app.tar", "--base", "1"); !strings.HasSuffix(text, "\n"+patch) {
		t.Errorf("got patch\n%s\nbut peel fix prints\n%s", patch, text)
	}
	write(t, "there.patch", []byte("mine"))
	image, file := read(t, "app.tar"), read(t, "Dockerfile")
	for _, c := range []struct {
		name, file string
		force      bool
		exists     bool // the user must confirm
		want       string
	}{
		{"new", "fix.patch", false, false, ""},
		{"existing", "there.patch", false, true, "there.patch already exists"},
		{"existing, replaced", "there.patch", true, false, ""},
		{"the image", "app.tar", false, false, "it is app.tar, which peel is reading"},
		{"the image, confirmed", "app.tar", true, false, "it is app.tar, which peel is reading"},
		{"the Dockerfile", "./Dockerfile", true, false, "it is Dockerfile, which peel is reading"},
		{"a folder", ".git", true, false, "it is a folder"},
		{"no folder", "none/fix.patch", false, false, "no folder none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := actions.WritePatch(t.Context(), an, patch, c.file, c.force)
			if c.want == "" {
				if err != nil || read(t, c.file) != patch {
					t.Errorf("%v, written: %q", err, read(t, c.file))
				}
				return
			}
			if _, ok := errors.AsType[*ui.ExistsError](err); err == nil || ok != c.exists || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if read(t, "app.tar") != image || read(t, "Dockerfile") != file {
		t.Error("wrote to a file that peel reads from")
	}
}

// TestDockerfileOfRoot checks that a Dockerfile that you name is used as it is, for the report
// too.
func TestDockerfileOfRoot(t *testing.T) {
	inFolder(t, "docker-25", fixable)
	other := strings.Replace(fixableFile, "RUN make model", "RUN make another model", 1) // doesn't fit any more
	write(t, "build/other.dockerfile", []byte(other))
	for _, c := range []struct {
		name  string
		args  []string
		found string // "" for none
		where string
	}{
		{"named", []string{"--dockerfile", "build/other.dockerfile"}, "", "build/other.dockerfile:10"},
		{"none", []string{"--dockerfile", "none"}, fixableFile, ""},
		{"found", nil, fixableFile, "Dockerfile:10"},
		{"found, and does not fit", nil, other, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_ = os.Remove("Dockerfile")
			if c.found != "" {
				write(t, "Dockerfile", []byte(c.found))
			}
			text := must(t, append([]string{"app.tar", "--base", "1"}, c.args...)...)
			if c.where != "" && !strings.Contains(text, c.where) || c.where == "" && strings.Contains(text, "ockerfile:") {
				t.Errorf("want %q in\n%s", c.where, text)
			}
		})
	}
	var out, errs bytes.Buffer
	if code := Main([]string{"app.tar", "--dockerfile", "nowhere"}, nil, &out, &errs); code != 2 {
		t.Errorf("missing Dockerfile: got exit code %d: %s", code, errs.String())
	}
}
