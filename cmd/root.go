package cmd

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

const rootAbout = `Peel shows what each layer of a container image does to the ones below it: what it adds, what it covers, what it deletes, and which bytes are still shipped though nobody can see them any more.

IMAGE is a saved image (a file or a directory, of whatever tool), the name of an image that an engine here has, or one of

  docker://NAME                of the Docker engine
  podman://NAME                of podman
  docker-archive:FILE[:TAG]    as docker save writes it
  oci-archive:FILE[:TAG]       an OCI layout in a file
  oci:DIR[:TAG]                an OCI layout in a directory
  -                            an archive on standard input

On a terminal the image opens on a screen to look around in; without one, a report is printed. Without IMAGE the screen begins with the images that are here, to pick one. Layers are counted from 0, the lowest.`

const rootExample = `
# look around in an image
peel app.tar
# or in one of those that are here
peel
# what happened to a file, and who did it
peel log app.tar /srv/app/model.bin
# fail a build that wastes space
docker save app:1 | peel check -
`

// root returns the program's commands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:     "peel [IMAGE]",
		Short:   "See what each layer of a container image does to the ones below it",
		Long:    rootAbout + exitCodes(),
		Example: rootExample,
		Args:    rootArgs,
		RunE: a.run(func(ctx context.Context, args []string) error {
			if len(args) == 0 {
				return a.pick(ctx)
			}
			return a.explore(ctx, args[0])
		}),
		ValidArgsFunction: complete,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.platform, "platform", "", "which of a multi-platform image: os/arch[/variant]")
	flags.StringVar(&a.base, "base", "", "the base image: how many layers, or a digest, or an image")
	flags.Var(&a.via, "via", "how to read an engine's image: store (its own files, on this machine) or api (default: store if it can be read)")
	flags.BoolVar(&a.noCache, "no-cache", false, "neither use nor keep what was found in layers before")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "say on standard error what is being done")
	root.AddCommand(
		a.lsCommand(), a.logCommand(), a.catCommand(), a.extractCommand(), a.reportCommand(), a.checkCommand(), a.diffCommand(),
		a.imagesCommand(), a.cacheCommand(), a.configCommand(), a.manCommand(root),
	)
	return root
}

// run makes a command's function out of one that needs no flags. Its error is
// kept for Main: what cobra itself returns is then always about usage.
func (a *app) run(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		a.failure = f(c.Context(), args)
		return nil
	}
}

// rootArgs wants one image or none, and tells a mistyped command from an image.
func rootArgs(c *cobra.Command, args []string) error {
	if len(args) < 2 {
		return nil
	}
	c.SuggestionsMinimumDistance = 2
	if like := c.SuggestionsFor(args[0]); len(like) > 0 {
		return usage("peel "+like[0]+" "+strings.Join(args[1:], " "), "unknown command %q", args[0])
	}
	return usage("peel --help", "one image at a time, but there are %d arguments: %q", len(args), args)
}

// wantArgs returns a check of a command's arguments: from least to most of
// them (any number if most < 0), which want names for the error.
func wantArgs(least, most int, want string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		name := c.CommandPath()
		try := name + " --help"
		if len(args) < least {
			return usage(try, "%s needs %s, but got %d arguments", name, want, len(args))
		}
		if most >= 0 && len(args) > most {
			return usage(try, "%s takes %s, but got %d arguments", name, want, len(args))
		}
		if slices.Contains(args, "") {
			return usage(try, "%s takes %s, but one of them is empty", name, want)
		}
		return nil
	}
}
