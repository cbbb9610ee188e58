package dockerfile

import (
	"strings"

	"github.com/peelhq/peel/internal/lazy"
	"github.com/peelhq/peel/source"
)

// What builders put around a step's command.
var (
	// The shell that runs it: "/bin/sh -c ", "/bin/bash -o pipefail -c ".
	shellPrefix = lazy.New(`^(?:/(?:usr/)?bin/(?:ba|da|a|z)?sh(?: -\w*o \w+| -\w+)*? -\w*c|cmd /S /C|powershell -Command) `)
	// The build arguments in front of that: "|2 A=1 B=two words ".
	buildArgs = lazy.New(`^\|\d+ .*?(/(?:usr/)?bin/\w*sh |cmd /S /C |powershell -Command )`)
	// What the classic builder puts for what COPY and ADD copied: "COPY
	// file:e1a8… in /srv/app/", "COPY multi:…".
	copiedSum = lazy.New(`\b(file|dir|multi):[0-9a-f]{64}\b`)
)

// Instruction returns a step's command as in the Dockerfile: "RUN apt-get
// update", "COPY . /app". What the builders put around it is taken off; of a
// command that no builder wrote, nothing is. It is the image's raw text: escape
// it before a terminal sees it.
func Instruction(command string) string {
	s := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(command), "# buildkit"))
	run, isRun := strings.CutPrefix(s, "RUN ") // BuildKit says it, the classic builder does not
	if m := buildArgs.FindStringSubmatchIndex(run); m != nil {
		run = run[m[2]:]
	}
	inner := run[len(shellPrefix.FindString(run)):]
	nop, isNop := strings.CutPrefix(inner, "#(nop)")
	switch {
	case isNop:
		return strings.TrimSpace(nop)
	case isRun, len(inner) < len(run):
		return "RUN " + strings.TrimSpace(inner)
	}
	return s
}

// StepText says what a build step did: its instruction, else its comment, as
// `docker import` leaves one; "" if nothing is known. Raw text, as Instruction's.
func StepText(s source.Step) string {
	if text := Instruction(s.Command); text != "" {
		return text
	}
	return strings.TrimSpace(s.Comment)
}

// WithoutSums returns an instruction without the sums that the classic builder
// puts for what COPY and ADD copied, which differ from build to build: "COPY
// file: in /srv/app/".
func WithoutSums(instruction string) string {
	return copiedSum.ReplaceAllString(instruction, "$1:")
}
