package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/lazy"
	"github.com/peelhq/peel/source"
)

// Dockerfile writes what an image's history and config say about its build, as a Dockerfile with
// comments for what is unknown. Each instruction of the history becomes one instruction; secrets
// are hidden as in other reports.
func Dockerfile(w io.Writer, a *analyze.Analysis, _ []analyze.Finding) error {
	d := &restoring{im: a.Image, a: a, escape: dockerfile.EscapeOf(a.Image.Platform), had: map[string]bool{}}
	d.head()
	d.from()
	d.steps()
	d.config()
	_, err := io.WriteString(w, d.out.String())
	return err
}

// restoring is a Dockerfile while it is written.
type restoring struct {
	im     *source.Image
	a      *analyze.Analysis
	escape dockerfile.Escape
	out    strings.Builder
	had    map[string]bool // instructions of the image's own steps, by their word
	first  int             // of the history, that is the image's own
	layer  int             // of that step, if any
}

// note writes a comment.
func (d *restoring) note(format string, args ...any) {
	d.out.WriteString("# " + clean.Line(fmt.Sprintf(format, args...)) + "\n")
}

func (d *restoring) head() {
	if d.escape != '\\' { // it must come first
		fmt.Fprintf(&d.out, "# escape=%c\n", d.escape)
	}
	d.note("How %s was built, from its history and its config.", orUnknown(d.im.Name))
	d.note("It is not the Dockerfile: files that were copied, stages, build arguments and mounts are not recorded.")
	d.note("For %s, with %s that store %s.", platform(d.im), human.Count(len(d.im.Layers), "layer", "layers"), human.Size(d.a.Totals.Stored))
}

// from writes the base image and finds the first step of the image's own.
func (d *restoring) from() {
	d.out.WriteByte('\n')
	base := d.a.Base
	name := base.Name
	for _, engine := range []string{"docker://", "podman://", "containerd://", "registry://"} {
		name = strings.TrimPrefix(name, engine)
	}
	if !isReference(name) || base.Layers == 0 || base.Layers > len(d.im.Layers) {
		if base.Layers > 0 {
			d.note("unknown: the name of the base image. Its layers may be the lowest of these (%s).", base.Text())
		}
		d.out.WriteString("FROM " + dockerfile.Scratch + "\n")
		return
	}
	d.note("The base image: %s.", base.Text())
	d.out.WriteString("FROM " + name + "\n")
	for d.first < len(d.im.History) && d.layer < base.Layers {
		if !d.im.History[d.first].Empty {
			d.layer++
		}
		d.first++
	}
	d.layer = base.Layers
	if d.first < len(d.im.History) && d.im.History[d.first].Empty {
		d.out.WriteByte('\n')
		d.note("The first of these steps may be the base image's: steps without a layer can belong to either.")
	}
}

// imageName matches an image name that a builder can fetch. Source: the grammar in
// distribution/reference.
var imageName = lazy.New(`^[a-zA-Z0-9][\w.-]*(?::\d+)?(?:/[a-z0-9][a-z0-9._-]*)*(?::[\w][\w.-]*)?(?:@sha256:[0-9a-f]{64})?$`)

// isReference reports whether a name may follow FROM. Files and folders, which can also be a
// base, may not.
func isReference(name string) bool {
	form, _, tagged := strings.Cut(name, ":")
	return imageName.MatchString(name) && !strings.Contains(name, ".tar") && !strings.HasSuffix(name, ".tgz") &&
		!(tagged && slices.Contains([]string{"docker-archive", "oci-archive", "oci", "dir", "rootfs", "index"}, form))
}

// steps writes the image's own steps.
func (d *restoring) steps() {
	for _, s := range d.im.History[d.first:] {
		d.out.WriteByte('\n')
		if !s.Empty {
			if d.layer < len(d.im.Layers) {
				d.note("layer %d, %s", d.layer, d.about())
			}
			d.layer++
		}
		d.step(s)
	}
	for ; d.layer < len(d.im.Layers); d.layer++ {
		d.out.WriteByte('\n')
		d.note("layer %d, %s", d.layer, d.about())
		d.note("unknown: the step that made it")
	}
}

// about describes a layer.
func (d *restoring) about() string {
	if err := d.im.Layers[d.layer].Err; err != nil {
		return "which cannot be read: " + err.Error()
	}
	return human.Size(d.a.Layers[d.layer].Stored)
}

func (d *restoring) step(s source.Step) {
	text := analyze.Masked(dockerfile.StepText(s))
	if text == "" {
		d.note("unknown: the step has no text")
		return
	}
	if args := dockerfile.Arguments(s.Command); args != "" {
		d.note("with the build arguments %s", analyze.Masked(args))
	}
	r := dockerfile.Restore(text, d.escape)
	for _, n := range r.Notes {
		d.note("%s", n)
	}
	if r.Text != "" {
		word, _, _ := strings.Cut(r.Text, " ")
		d.had[word] = true
		d.out.WriteString(r.Text + "\n")
	}
}

// config writes the parts of the config that no step of the history sets: many builders don't
// record such steps.
func (d *restoring) config() {
	c := &d.im.Config
	var lines []string
	pair := func(word, name, value string) {
		value = analyze.HideSecrets(name, value)
		switch text := d.escape.Pair(word, name, value); {
		case d.had[word]:
		case text == "":
			lines = append(lines, "# unknown: "+clean.Line(word+" "+name+"="+value))
		default:
			lines = append(lines, text)
		}
	}
	add := func(word, args string) {
		if args == "" || d.had[word] {
			return
		}
		text := dockerfile.Restore(word+" "+args, d.escape).Text
		if text == "" {
			text = "# unknown: " + clean.Line(word+" "+args)
		}
		lines = append(lines, text)
	}
	for _, text := range c.Env {
		name, value, _ := strings.Cut(text, "=")
		pair("ENV", name, value)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		pair("LABEL", name, c.Labels[name])
	}
	add("WORKDIR", c.WorkingDir)
	add("USER", c.User)
	for _, p := range c.ExposedPorts {
		add("EXPOSE", p)
	}
	add("VOLUME", d.list(c.Volumes))
	add("STOPSIGNAL", c.StopSignal)
	add("HEALTHCHECK", dockerfile.HealthTest(hideFlags(c.Healthcheck)))
	add("ENTRYPOINT", d.list(hideFlags(c.Entrypoint)))
	add("CMD", d.list(hideFlags(c.Cmd)))
	if len(lines) == 0 {
		return
	}
	d.out.WriteByte('\n')
	d.note("The config has these too; the history doesn't say which steps set them.")
	d.out.WriteString(strings.Join(lines, "\n") + "\n")
}

// list returns words as JSON, or "" for none.
func (d *restoring) list(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return dockerfile.ExecForm(words)
}

// hideFlags hides the secrets in a command, as commandRow does.
func hideFlags(words []string) []string {
	var out []string
	for _, w := range commandRow(words) {
		out = append(out, string(w))
	}
	return out
}
