package cmd

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
)

// listing is what "peel ls" is asked for.
type listing struct {
	moment
	recursive bool
	long      bool
	json      bool
}

func (a *app) lsCommand() *cobra.Command {
	var l listing
	c := &cobra.Command{
		Use:   "ls IMAGE [PATH]",
		Short: "List files: the final union's, or those after or of a layer",
		Long: `List what is at PATH (default /): a directory's children, or with -R all below it; of anything else, itself. A symlink to a directory is followed.

By default that is the final image; with --at N it is the union after layer N, with --layer N what layer N alone holds, the paths it removes included. -l shows type and mode, owner, size, time, the layer whose version it is and what that one did to the one below (added, modified, metadata, identical, removed). Control characters in names are escaped; --json has them all.`,
		Example: `
# everything that layer 6 holds
peel ls app.tar --layer 6 -R -l
# as one JSON object a line
peel ls app.tar /srv -R --json
`,
		Args:              wantArgs(1, 2, "an image and at most one path"),
		ValidArgsFunction: complete,
		RunE: a.run(func(ctx context.Context, args []string) error {
			at := "/"
			if len(args) == 2 {
				at = args[1]
			}
			return a.ls(ctx, args[0], at, l)
		}),
	}
	l.flags(c.Flags())
	c.Flags().BoolVarP(&l.recursive, "recursive", "R", false, "all below PATH, with absolute paths")
	c.Flags().BoolVarP(&l.long, "long", "l", false, "mode, owner, size, time, layer, change and link too")
	c.Flags().BoolVar(&l.json, "json", false, "one JSON object a line (docs/json.md)")
	return c
}

func (a *app) ls(ctx context.Context, ref, at string, l listing) error {
	if err := l.check(); err != nil {
		return err
	}
	if l.json && l.long {
		return usage("--json alone: it has all that -l shows", "-l and --json are two different forms")
	}
	if err := a.guard(printed, ref); err != nil {
		return err
	}
	an, err := a.load(ctx, ref, false)
	if err != nil {
		return err
	}
	defer an.Image.Close()
	if err := l.within(an.Tree); err != nil {
		return err
	}
	top, err := l.start(an, at)
	if err != nil {
		return err
	}
	if note := notRead(an, at); note != "" {
		a.say("%s", note)
	}
	if note := flawsBelow(an, an.Tree.Path(top)); note != "" {
		a.say("%s", note)
	}
	return a.print(ctx, func(w io.Writer) error { return l.write(w, an.Tree, top) })
}

// flawsBelow is a note on what could not be read of a folder at a path or below it, and
// so may be missing in a list; "" if nothing is.
func flawsBelow(an *analyze.Analysis, at string) string {
	if !strings.HasPrefix(an.Image.Source, "dir:") {
		return ""
	}
	n := 0
	for _, f := range an.Flaws {
		if p := fromRoot(strings.TrimSuffix(f.Path, "/")); f.Path != "" && (at == "/" || p == at || strings.HasPrefix(p, at+"/")) {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s could not be read in full at or below %s; peel report lists them", human.Count(n, "path", "paths"), at)
}

// start returns the node to list: the one at the path, or the directory to
// which a symlink there leads.
func (l *listing) start(an *analyze.Analysis, at string) (analyze.NodeID, error) {
	n, err := find(an, l.moment, at, false)
	if err != nil || l.alone() {
		return n, err
	}
	if v, ok := l.version(an.Tree, n); ok && v.Kind() == source.Symlink {
		// One that leads nowhere is listed itself.
		if to, err := find(an, l.moment, at, true); err == nil {
			if v, ok := l.version(an.Tree, to); to == analyze.Root || ok && v.Kind() == source.Dir {
				return to, nil
			}
		}
	}
	return n, nil
}

// write lists top: itself if it is no directory, else its children, and all
// below them if that is asked for.
func (l *listing) write(w io.Writer, t *analyze.Tree, top analyze.NodeID) error {
	v, ok := l.version(t, top)
	removed := ok && v.Change() == analyze.Removed
	if top != analyze.Root && ok && !removed && v.Kind() != source.Dir || removed && len(t.Children(top)) == 0 {
		return l.row(w, t.Path(top), t.Path(top), v)
	}
	prefix := t.Path(top)
	if top == analyze.Root {
		prefix = ""
	}
	return l.children(w, t, l.view(t), top, prefix)
}

// children lists what a directory holds; prefix is its path, "" for the root.
func (l *listing) children(w io.Writer, t *analyze.Tree, view *analyze.View, dir analyze.NodeID, prefix string) error {
	for _, n := range t.Children(dir) {
		if !view.Shows(n) {
			continue
		}
		name := t.Name(n)
		path := prefix + "/" + name
		shown := name
		if l.recursive {
			shown = path
		}
		v, ok := l.version(t, n)
		if !ok && !l.recursive {
			// A directory of a lower layer on the way to what this one holds.
			v, ok = t.At(n, l.layer.n)
		}
		if ok {
			if err := l.row(w, shown, path, v); err != nil {
				return err
			}
		}
		if l.recursive {
			if err := l.children(w, t, view, n, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// row writes one path in the form that is asked for.
func (l *listing) row(w io.Writer, name, path string, v analyze.Version) error {
	switch {
	case l.json:
		return report.ListJSON(w, path, v)
	case l.long:
		return report.ListLine(w, name, v)
	}
	_, err := fmt.Fprintln(w, clean.Start(clean.Text(name)))
	return err
}
