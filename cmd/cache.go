package cmd

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// cacheFolder returns the cache folder, or "" if the cache is off.
func (a *app) cacheFolder() string {
	if a.noCache {
		return ""
	}
	dir, err := source.CacheDir()
	if err != nil {
		a.logger().Debug("no cache", "error", err)
	}
	return dir
}

func (a *app) cacheCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "cache info|clear",
		Short: "Show or clear the cache",
		Long:  `peel caches the file list of each layer it reads, so that images with the same layers open at once. It is always safe to clear the cache.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("peel cache info, or peel cache clear", "unknown command %q", "cache "+args[0])
			}
			return usage("peel cache info, or peel cache clear", "peel cache needs a command")
		},
		RunE: a.run(func(context.Context, []string) error { return nil }), // never called: Args returns an error
	}
	a.takes(c)
	c.AddCommand(
		a.cacheAct("info", "Print the cache folder, its number of files and its size", "", func(_ context.Context, dir string) (int, int64, error) {
			return source.CacheUsage(dir)
		}),
		a.cacheAct("clear", "Delete everything in the cache", "removed ", source.ClearCache),
	)
	return c
}

// cacheAct returns a command that acts on the cache and prints the number of files and bytes
// affected.
func (a *app) cacheAct(name, short, did string, act func(context.Context, string) (files int, bytes int64, err error)) *cobra.Command {
	return a.takes(&cobra.Command{
		Use:   name,
		Short: short,
		Args:  wantArgs(0, 0, "no arguments"),
		RunE: a.run(func(ctx context.Context, _ []string) error {
			dir, err := source.CacheDir()
			if err != nil {
				return failed("XDG_CACHE_HOME=/some/folder", "no folder for the cache: %w", err)
			}
			files, bytes, err := act(ctx, dir)
			if err != nil {
				return failed("", "the cache: %w", err)
			}
			return a.print(ctx, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s\n%s%s, %s\n", clean.Line(dir), did, human.Count(files, "file", "files"), human.Size(bytes))
				return err
			})
		}),
	})
}
