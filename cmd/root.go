package cmd

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// rootAbout is the program's help, above the flags.
func rootAbout() string {
	return `Peel shows what each layer of a container image does to the layers below it: what it adds, covers and deletes, and which bytes still ship although nobody can see them.

IMAGE is one of:

` + source.Help() + `
On a terminal, peel opens the image in an explorer. Elsewhere, it prints a report. Without IMAGE, it lists the images on this machine for you to pick one. Layer 0 is the lowest.`
}

const rootExample = `
# explore an image
peel app.tar
# pick an image from a list
peel
# show what happened to a file, and which step did it
peel log app.tar /srv/app/model.bin
# fail a build that wastes space
docker save app:1 | peel check -
`

// root returns the program's commands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:     "peel [IMAGE]",
		Short:   "See what each layer of a container image does to the ones below it",
		Long:    rootAbout() + exitCodes(),
		Example: rootExample,
		Args:    rootArgs,
		RunE: a.run(func(ctx context.Context, args []string) error {
			if len(args) == 0 {
				return a.pick(ctx)
			}
			a.maybeCommand = args[0]
			return a.explore(ctx, args[0])
		}),
		ValidArgsFunction: complete,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			a.noteVariables(c.Root())
			if err := fromEnvironment(c); err != nil {
				return err
			}
			return a.checkPlatform(c)
		},
	}
	flags := root.PersistentFlags()
	a.top = root
	flags.StringVar(&a.platform, "platform", "", "platform to use of a multi-platform image: os/arch[/variant][:os.version]; with check, also \"all\"")
	flags.StringVar(&a.base, "base", "", "base image: its number of layers, its digest, or its name")
	a.engine = choice{what: "engine", words: source.Engines()}
	flags.Var(&a.engine, "engine", "ask only this engine for a bare NAME, and list only its images (default: try each in turn)")
	offer(root, "engine", source.Engines()...)
	a.via = choice{what: "way", words: []string{string(source.ViaAPI), string(source.ViaStore)}}
	flags.Var(&a.via, "via", "how to read an engine's image: store (its files on this machine) or api (default: store if readable)")
	flags.BoolVar(&a.crossMounts, "cross-mounts", false, "with dir:PATH, include file systems mounted below PATH")
	flags.BoolVar(&a.offline, "offline", false, "use no registry or object store, only this machine and the cache (also: PEEL_OFFLINE=1)")
	flags.StringArrayVar(&a.insecure, "insecure-registry", nil, "allow plain HTTP, or an unchecked certificate, for the registry HOST[:PORT] (repeatable)")
	flags.BoolVar(&a.verify, "verify", false, "read every layer in full and check its digest, even if its files are known from the cache or a table of contents")
	flags.BoolVar(&a.noCache, "no-cache", false, "don't read or write the cache")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "log what peel does to standard error")
	root.Flags().StringVar(&a.named, "dockerfile", "", `Dockerfile that IMAGE was built from, or "none" (default: ./Dockerfile or ./Containerfile, if it fits the image)`)
	_ = root.MarkFlagFilename("dockerfile") // can't fail: the flag exists
	ls, log, cat, extract, packages, grep, index := a.lsCommand(), a.logCommand(), a.catCommand(), a.extractCommand(), a.packagesCommand(), a.grepCommand(), a.indexCommand()
	a.lacks([]string{"base"}, ls, log, cat, extract, packages, grep, index)
	root.AddCommand(
		ls, log, cat, extract, a.reportCommand(), a.fixCommand(), a.checkCommand(), a.diffCommand(), packages, index,
		grep, a.squashCommand(), a.buildCommand(), a.fleetCommand(),
		a.takes(a.imagesCommand(), registryFlags, engineFlags), a.cacheCommand(), a.takes(a.configCommand()), a.takes(a.manCommand(root)), a.takes(a.versionCommand()),
	)
	return root
}

// run wraps a function without flags as a command. Its error is kept for Main, so that cobra
// itself only returns usage errors.
func (a *app) run(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		a.failure = f(c.Context(), args)
		return nil
	}
}

// rootArgs allows at most one image, and distinguishes a mistyped command from an image.
func rootArgs(c *cobra.Command, args []string) error {
	if len(args) < 2 {
		return nil
	}
	c.SuggestionsMinimumDistance = 2
	if like := c.SuggestionsFor(args[0]); len(like) > 0 {
		return usage("peel "+like[0]+" "+strings.Join(args[1:], " "), "unknown command %q", args[0])
	}
	try := "peel --help"
	if _, err := os.Stat(args[1]); len(args) == 2 && err != nil && strings.HasPrefix(args[1], "/") {
		try = "peel ls " + args[0] + " " + args[1]
	}
	return usage(try, "one image at a time, but there are %d arguments: %q", len(args), args)
}

// meantCommand returns the command that peel's only argument is probably a misspelling of, or "".
func (a *app) meantCommand(ref string) string {
	if ref != a.maybeCommand {
		return ""
	}
	a.top.SuggestionsMinimumDistance = 2
	for _, name := range a.top.SuggestionsFor(ref) {
		if c, _, err := a.top.Find([]string{name}); err == nil && c != a.top {
			return "peel " + briefUse(c) + ", if you mean the command"
		}
	}
	return ""
}

// piped reports whether a program or a file is on a stream.
func piped(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok || f == nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && (info.Mode()&os.ModeNamedPipe != 0 || info.Mode().IsRegular() && info.Size() > 0)
}

// onlyCommands is the check of the arguments of a command that only has other commands.
func onlyCommands(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage(c.CommandPath()+" --help", "unknown command %q of %s", args[0], c.CommandPath())
}

// helpArgs allows the name of a command.
func helpArgs(c *cobra.Command, args []string) error {
	c.Root().SuggestionsMinimumDistance = 2
	of, rest, err := c.Root().Find(args)
	if err != nil || len(rest) == 0 {
		return err
	}
	try := of.CommandPath() + " --help, which lists the commands"
	if !of.HasSubCommands() {
		try = of.CommandPath() + " --help"
	} else if like := of.SuggestionsFor(rest[0]); len(like) > 0 {
		try = of.CommandPath() + " " + like[0] + " --help"
	}
	return usage(try, "no help for %q: %s has no such command", rest[0], of.CommandPath())
}

// wantArgs returns a check of a command's arguments: from least to most of
// them (any number if most < 0), which want names for the error.
func wantArgs(least, most int, want string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		name := c.CommandPath()
		try := name + " --help"
		got := "none"
		if len(args) > 0 {
			got = human.Count(len(args), "argument", "arguments")
		}
		if len(args) < least {
			if want == "one image" && piped(c.InOrStdin()) {
				try = name + " -, to read the image from standard input"
			}
			return usage(try, "%s needs %s, but got %s", name, want, got)
		}
		if most >= 0 && len(args) > most {
			return usage(try, "%s takes %s, but got %s", name, want, got)
		}
		if slices.Contains(args, "") {
			return usage(try, "%s takes %s, but one of them is empty", name, want)
		}
		return nil
	}
}
