package analyze

import (
	"slices"
	"strings"
	"time"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/source"
)

// # The base by the history
//
// A history has the steps of the base image in front, and nothing says where they end.
// What tells is, the surest first:
//
//  1. Buildah names the base in the comment of the first step that is its own.
//  2. Another tool made the steps in front: the comment and the command of a step tell
//     the tool. A base may have been made by the same tool, so that this is a least
//     number of layers.
//  3. CMD and ENTRYPOINT stand at the end of a Dockerfile. One that layers follow is
//     the end of a base. Those that follow were built later: by an hour at least, for
//     a Dockerfile may have its CMD in the middle, and then one build made both sides.
//     Histories without times, or with one time for all, are taken without that.

// baseGap is how long after its base an image is built, at least.
const baseGap = time.Hour

// historyBase returns how many of an image's lowest layers are its base's, as its
// steps tell, and the base's name where a step has it; 0 if they tell nothing. There
// are as many layers in all. One layer at least is the image's own.
func historyBase(steps []source.Step, layers int) (n int, name string) {
	below := make([]int, len(steps)+1) // layers that steps before this one made
	for i, s := range steps {
		below[i+1] = below[i]
		if !s.Empty {
			below[i+1]++
		}
	}
	most := layers - 1 // of the base
	for i, s := range steps {
		if from, ok := strings.CutPrefix(s.Comment, "FROM "); ok && strings.Contains(from, "/") && source.IsImageName(from) && below[i] <= most {
			n, name = below[i], from
		}
	}
	if n > 0 {
		return n, name
	}
	for i, s := range slices.Backward(steps) {
		if other := stepTool(s); other != stepTool(steps[len(steps)-1]) && below[i+1] <= most {
			n = below[i+1]
			break
		}
	}
	if i := lastCommand(steps, below); i >= 0 && below[i+1] <= most {
		n = max(n, below[i+1])
	}
	return n, ""
}

// startsWithCopy reports whether the lowest layer is that of a COPY: then an image begins
// there, and not above its base, which begins with an archive that is unpacked.
func startsWithCopy(steps []source.Step) bool {
	first := slices.IndexFunc(steps, func(s source.Step) bool { return !s.Empty })
	return first >= 0 && strings.HasPrefix(dockerfile.Instruction(steps[first].Command), "COPY ")
}

// lastCommand returns the last CMD or ENTRYPOINT that is the end of a base, -1 if
// there is none.
func lastCommand(steps []source.Step, below []int) int {
	latest := make([]time.Time, len(steps)) // of the steps up to this one
	timed := false                          // times tell the steps apart
	for i, s := range steps {
		latest[i] = s.Created
		if i > 0 && latest[i-1].After(s.Created) {
			latest[i] = latest[i-1]
		}
		timed = timed || !s.Created.Equal(steps[0].Created)
	}
	next := len(steps) // the step above that made a layer
	for i, s := range slices.Backward(steps) {
		switch {
		case !s.Empty:
			next = i
		case next == len(steps) || below[i] == 0 || !runsByDefault(s):
		case !timed || steps[next].Created.Sub(latest[i]) >= baseGap:
			return i
		}
	}
	return -1
}

// runsByDefault reports whether a step says what a container runs.
func runsByDefault(s source.Step) bool {
	command := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s.Command), "/bin/sh -c #(nop)"))
	return strings.HasPrefix(command, "CMD ") || strings.HasPrefix(command, "ENTRYPOINT ")
}

// stepTools are how steps begin that tools other than a Dockerfile's builders make.
var stepTools = []struct{ command, comment, author, tool string }{
	{command: "# debian.sh", tool: "debuerreotype"},
	{comment: "debuerreotype", tool: "debuerreotype"},
	{command: "bazel build", tool: "bazel"},
	{author: "Bazel", tool: "bazel"},
	{command: "jib-", tool: "jib"},
	{author: "Jib", tool: "jib"},
	{command: "ko build", tool: "ko"},
	{command: "ko publish", tool: "ko"},
	{author: "ko", tool: "ko"},
	{author: "apko", tool: "apko"},
	{command: "apko", tool: "apko"},
	{author: "kaniko", tool: "kaniko"},
	{command: "Buildpacks", tool: "buildpacks"},
	{command: "Application Layer", tool: "buildpacks"},
	{comment: "buildkit.", tool: "buildkit"},
	{command: "/bin/sh -c", tool: "classic"},
}

// stepTool names what made a step, as far as the step tells; "" for all the rest.
func stepTool(s source.Step) string {
	for _, t := range stepTools {
		if t.command != "" && strings.HasPrefix(s.Command, t.command) ||
			t.comment != "" && strings.HasPrefix(s.Comment, t.comment) ||
			t.author != "" && s.Author == t.author {
			return t.tool
		}
	}
	return ""
}
