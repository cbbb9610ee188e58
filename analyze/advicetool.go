package analyze

import (
	"regexp"
	"strings"

	"github.com/peelhq/peel/source"
)

// A buildTool builds images without a Dockerfile. Its users can't follow advice about COPY and
// RUN.
type buildTool struct {
	name    string
	made    func(im *source.Image, s source.Step) bool // reports whether the tool made the step's layer
	less    string                                     // how to keep a file out of the image
	changed string                                     // how to give files another owner, mode or place; "" to use less
}

// buildTools are the known tools. Sources: the tools' own documentation, and the history that
// they write.
var buildTools = []buildTool{
	{
		name: "ko", made: stepSays(`^ko build |^ko publish |github\.com/(?:google|ko-build)/ko\b`),
		less: "ko makes this layer of the program and of `kodata/`: leave the file out of `kodata/`, or set `defaultBaseImage` in `.ko.yaml` to an image without it.",
	},
	{
		name: "Jib", made: stepSays(`^jib(?:-maven-plugin|-gradle-plugin|-cli|-core)?\b`),
		less:    "Jib makes this layer: leave the file out of the project's dependencies or of `src/main/jib`, or choose another image with `jib.from.image`.",
		changed: "Jib makes this layer: set owners with `jib.container.user` and modes with `jib.extraDirectories.permissions`, so that each file is written once.",
	},
	{
		name: "Bazel", made: stepSays(`^bazel build |\bbazel\b.*//|rules_oci|rules_docker`),
		less:    "Bazel makes this layer: leave the file out of the `srcs` of its `pkg_tar`, or of the `tars` of `oci_image`.",
		changed: "Bazel makes this layer: set `owner`, `mode` and `package_dir` in the `pkg_tar` that packs the file, so that it is packed once.",
	},
	{
		name: "Nix", made: stepSays(`/nix/store/`),
		less:    "Nix makes this layer: leave the package out of `contents` or `copyToRoot` of `dockerTools`, and look with `nix why-depends` for what still needs it.",
		changed: "Nix makes this layer: set it in `extraCommands` or `fakeRootCommands` of `dockerTools.buildLayeredImage`.",
	},
	{
		name: "Buildpacks", made: func(im *source.Image, s source.Step) bool {
			_, ok := im.Config.Labels["io.buildpacks.lifecycle.metadata"]
			return ok && !strings.Contains(s.Command, "/bin/sh -c")
		},
		less: "A buildpack makes this layer: list the file under `exclude` in `project.toml`, switch the buildpack off that adds it, or choose another run image (`pack build --run-image`).",
	},
}

// stepSays returns a function that recognizes a tool by the texts of a step.
func stepSays(pattern string) func(*source.Image, source.Step) bool {
	says := regexp.MustCompile(pattern)
	return func(_ *source.Image, s source.Step) bool {
		for _, text := range []string{s.Command, s.Comment, s.Author} {
			if says.MatchString(text[:min(len(text), maxStep)]) {
				return true
			}
		}
		return false
	}
}

// toolOf returns the tool that made a layer, or nil.
func (ad *adviser) toolOf(layer int) *buildTool {
	for i := range buildTools {
		if buildTools[i].made(ad.a.Image, ad.t.layers[layer].Step) {
			return &buildTools[i]
		}
	}
	return nil
}

// forTool returns the advice for a cause to users of the tool.
func (b *buildTool) forTool(cause Cause) string {
	if b.changed != "" && (cause == MetadataCopy || cause == SameAgain || cause == Overwritten || cause == Replaced) {
		return b.changed
	}
	return b.less
}

// code marks text of an image as code in advice for marked.
func code(text string) string {
	return "`" + strings.ReplaceAll(text, "`", tick) + "`"
}

// tick replaces a backtick in an image's text while advice is still marked. It can't occur in
// such text because it isn't a valid character.
const tick = "\x00"

// setAdvice sets a finding's advice, in which commands are between backticks.
func (f *Finding) setAdvice(marked string) {
	f.Advice, f.Code = "", nil
	var b strings.Builder
	for i, part := range strings.Split(marked, "`") {
		from := b.Len()
		b.WriteString(strings.ReplaceAll(part, tick, "`"))
		if i%2 == 1 && b.Len() > from {
			f.Code = append(f.Code, [2]int{from, b.Len()})
		}
	}
	f.Advice = b.String()
}
