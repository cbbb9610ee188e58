package cmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionCommand is what people type who know kubectl, docker or gh. An image of that name opens as
// docker://version or ./version.
func (a *app) versionCommand() *cobra.Command {
	c := &cobra.Command{
		Use:    "version",
		Short:  "Print the version, as peel --version does",
		Hidden: true,
		Args:   wantArgs(0, 0, "no arguments"),
	}
	c.RunE = a.run(func(ctx context.Context, _ []string) error {
		return a.print(ctx, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%s version %s\n", c.Root().Name(), c.Root().Version)
			return err
		})
	})
	return c
}

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
