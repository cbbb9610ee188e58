package cmd

import (
	"cmp"
	"runtime/debug"
)

// release is the version of a release, set by the linker:
// -X github.com/peelhq/peel/cmd.release=1.2.3
var release string

// version returns the program's version and the commit it was built from, as far as known: a
// release's from the linker, else the module's.
func version() (version, commit string) {
	version = release
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(version, "unknown"), ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			commit = s.Value
		}
	}
	return cmp.Or(version, info.Main.Version, "unknown"), commit
}
