package cmd

import (
	"fmt"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/report"
)

// mountOf describes what is mounted over a path of a container, or over a directory above it; "" if
// nothing is, or if the image isn't a container's.
func mountOf(an *analyze.Analysis, arg string) string {
	if c := an.Image.Container; c != nil {
		if m, ok := c.MountOver(arg); ok {
			return report.MountText(m)
		}
	}
	return ""
}

// notThere returns the error for a path that doesn't exist. A mount of a container explains it;
// otherwise, the error has the message in format, and try as advice.
func notThere(an *analyze.Analysis, arg, try, format string, args ...any) error {
	if m := mountOf(an, arg); m != "" {
		return failed("docker exec, or podman exec", "%s is below a mount of the container, which is not read (%s)", fromRoot(arg), m)
	}
	return failed(try, format, args...)
}

// notRead returns a note on a path that exists but is covered by a mount; "" for any other path.
func notRead(an *analyze.Analysis, arg string) string {
	m := mountOf(an, arg)
	if m == "" {
		return ""
	}
	return fmt.Sprintf("%s is a mount of the container: its content is not read (%s)", fromRoot(arg), m)
}
