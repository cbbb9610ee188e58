package cmd

import (
	"context"
	"io"
	"path"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/report"
)

func (a *app) logCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "log IMAGE PATH",
		Short: "Show the history of a path, newest layer first",
		Long:  `Show what each layer does to PATH, newest first: the change, the size and attributes, how they differ from the version below, which layer hides the version and why, and the build step that did it. PATH can be a directory, or a path that was deleted.`,
		Example: `
peel log app.tar /srv/app/model.bin
`,
		Args:              wantArgs(2, 2, "an image and a path"),
		ValidArgsFunction: complete,
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.history(ctx, args[0], args[1])
		}),
	}
}

func (a *app) history(ctx context.Context, ref, arg string) error {
	if err := a.guard(printed, ref); err != nil {
		return err
	}
	an, err := a.load(ctx, ref, false)
	if err != nil {
		return err
	}
	defer an.Image.Close()
	n, err := ever(an, arg)
	if err != nil {
		return err
	}
	return a.print(ctx, func(w io.Writer) error { return report.History(w, an, n) })
}

// ever returns the node of a path that any layer mentions: the path itself, or the one that it
// leads to if its parents are symlinks.
func ever(an *analyze.Analysis, arg string) (analyze.NodeID, error) {
	t := an.Tree
	exact := path.Clean(fromRoot(arg))
	if n, ok := t.Lookup(exact); ok {
		return n, nil
	}
	last := t.LayerCount() - 1
	parent, err := analyze.Resolve(t, last, path.Dir(exact), true)
	if err == nil {
		if n, ok := t.Lookup(path.Join(t.Path(parent), path.Base(exact))); ok {
			return n, nil
		}
	}
	return 0, notThere(an, exact, "peel ls IMAGE", "no layer mentions %s", exact)
}
