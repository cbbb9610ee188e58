package cmd

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// addressSpace returns how many of the bytes that a resource limit counts are in use; ok is false
// if that is unknown.
func addressSpace(resource int) (taken uint64, ok bool) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	field := "VmSize:"
	if resource == unix.RLIMIT_DATA {
		field = "VmData:"
	}
	for line := range strings.Lines(string(text)) {
		if number, found := strings.CutPrefix(line, field); found {
			kb, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(number), " kB"), 10, 54)
			return kb << 10, err == nil
		}
	}
	return 0, false
}
