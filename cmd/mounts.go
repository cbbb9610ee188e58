package cmd

import (
	"fmt"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/report"
)

// mountOf returns what is mounted over a path of a container, or over a directory
// above it, in words; "" if nothing is, or the image is no container's.
func mountOf(an *analyze.Analysis, arg string) string {
	if c := an.Image.Container; c != nil {
		if m, ok := c.MountOver(arg); ok {
			return report.MountText(m)
		}
	}
	return ""
}

// notThere is the error of a path that is not there: a mount of a container explains
// it, else it is said in format, with try as what to do.
func notThere(an *analyze.Analysis, arg, try, format string, args ...any) error {
	if m := mountOf(an, arg); m != "" {
		return failed("docker exec, or podman exec", "%s is below a mount of the container, which is not read (%s)", fromRoot(arg), m)
	}
	return failed(try, format, args...)
}

// notRead is a note on a path that exists, but over which something is mounted; ""
// for any other.
func notRead(an *analyze.Analysis, arg string) string {
	m := mountOf(an, arg)
	if m == "" {
		return ""
	}
	return fmt.Sprintf("%s is a mount of the container: its content is not read (%s)", fromRoot(arg), m)
}
