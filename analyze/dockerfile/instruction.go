package dockerfile

import (
	"strings"

	"github.com/peelhq/peel/internal/lazy"
	"github.com/peelhq/peel/source"
)

// Text that builders add around a step's command.
var (
	// The shell: "/bin/sh -c ", "/bin/bash -o pipefail -c ".
	shellPrefix = lazy.New(`^(?:/(?:usr/)?bin/(?:ba|da|a|z)?sh(?: -\w*o \w+| -\w+)*? -\w*c|cmd /S /C|powershell -Command) `)
	// The build arguments before it: "|2 A=1 B=two words ".
	buildArgs = lazy.New(`^\|\d+ .*?(/(?:usr/)?bin/\w*sh |cmd /S /C |powershell -Command )`)
	// The classic builder's text for the sources of COPY and ADD: "COPY file:e1a8… in /srv/app/",
	// "COPY multi:…".
	copiedSum = lazy.New(`\b(file|dir|multi):[0-9a-f]{64}\b`)
	// Docker 20 writes no space before them: "COPY --chown=1:1dir:e1a8… in /srv/app/".
	gluedSum = lazy.New(`^(COPY|ADD) (--chown=\S*?)((?:file|dir|multi):[0-9a-f]{64} in )`)
)

// Instruction returns a step's command as in the Dockerfile: "RUN apt-get
// update", "COPY . /app". It removes what builders add, and leaves other
// commands unchanged. The result is the image's raw text: escape it before you
// print it to a terminal.
func Instruction(command string) string {
	s := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(command), "# buildkit"))
	run, isRun := strings.CutPrefix(s, "RUN ") // BuildKit writes it, the classic builder does not
	if m := buildArgs.FindStringSubmatchIndex(run); m != nil {
		run = run[m[2]:]
	}
	inner := run[len(shellPrefix.FindString(run)):]
	nop, isNop := strings.CutPrefix(inner, "#(nop)")
	switch {
	case isNop:
		return gluedSum.ReplaceAllString(strings.TrimSpace(nop), "$1 $2 $3")
	case isRun, len(inner) < len(run):
		return "RUN " + strings.TrimSpace(inner)
	}
	return s
}

// StepText describes a build step: its instruction, else its comment (from `docker import`, for
// example), or "". Raw text, as from Instruction.
func StepText(s source.Step) string {
	if text := Instruction(s.Command); text != "" {
		return text
	}
	return strings.TrimSpace(s.Comment)
}

// WithoutSums removes the checksums that the classic builder writes for the
// sources of COPY and ADD, because they differ between builds: "COPY file: in
// /srv/app/".
func WithoutSums(instruction string) string {
	return copiedSum.ReplaceAllString(instruction, "$1:")
}
