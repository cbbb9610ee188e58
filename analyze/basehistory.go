package analyze

import (
	"slices"
	"strings"
	"time"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/source"
)

// # The base from the history
//
// A history starts with the steps of the base image, but nothing marks their end. These signs do,
// most reliable first:
//
//  1. Buildah names the base in the comment of its own first step.
//  2. Another tool made the first steps: the comment and the command of a step identify
//     the tool. The base may have been extended with the same tool, so this is a minimum
//     number of layers.
//  3. CMD and ENTRYPOINT are at the end of a Dockerfile. If layers follow one, it ends a
//     base, provided that they were built at least an hour later: a Dockerfile may have
//     its CMD in the middle, and then one build made both parts. Histories without
//     times, or with a single time, skip that check.

// baseGap is the minimum time between building a base and building an image on it.
const baseGap = time.Hour

// historyBase returns how many of an image's lowest layers belong to its base according to its
// steps, and the base's name if a step has it; 0 if unknown. layers is the total number. At least
// one layer is the image's own.
func historyBase(steps []source.Step, layers int) (n int, name string) {
	below := make([]int, len(steps)+1) // layers made by earlier steps
	for i, s := range steps {
		below[i+1] = below[i]
		if !s.Empty {
			below[i+1]++
		}
	}
	most := layers - 1 // maximum for the base
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

// startsWithCopy reports whether the lowest layer comes from a COPY. Such an image has no base,
// which would start with an unpacked archive.
func startsWithCopy(steps []source.Step) bool {
	first := slices.IndexFunc(steps, func(s source.Step) bool { return !s.Empty })
	return first >= 0 && strings.HasPrefix(dockerfile.Instruction(steps[first].Command), "COPY ")
}

// lastCommand returns the last CMD or ENTRYPOINT that ends a base, or -1.
func lastCommand(steps []source.Step, below []int) int {
	latest := make([]time.Time, len(steps)) // of all steps up to this one
	timed := false                          // times differ between steps
	for i, s := range steps {
		latest[i] = s.Created
		if i > 0 && latest[i-1].After(s.Created) {
			latest[i] = latest[i-1]
		}
		timed = timed || !s.Created.Equal(steps[0].Created)
	}
	next := len(steps) // next higher step that made a layer
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

// runsByDefault reports whether a step sets the default command of a container.
func runsByDefault(s source.Step) bool {
	command := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s.Command), "/bin/sh -c #(nop)"))
	return strings.HasPrefix(command, "CMD ") || strings.HasPrefix(command, "ENTRYPOINT ")
}

// stepTools are the prefixes of steps written by tools other than Dockerfile builders.
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

// stepTool names the tool that made a step, or "".
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
