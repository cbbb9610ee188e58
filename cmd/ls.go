package cmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
)

// listing has the options of "peel ls".
type listing struct {
	moment
	recursive bool
	long      bool
	json      bool
	bytes     bool
	reverse   bool
	order     choice
	filter    string
}

func (a *app) lsCommand() *cobra.Command {
	var l listing
	c := &cobra.Command{
		Use:   "ls IMAGE [PATH]",
		Short: "List files of the final image, or of a layer",
		Long: `List PATH (default /): the children of a directory, or everything below it with -R, or a single file. peel follows a symlink to a directory.

--filter lists only the matching paths at or below PATH, with the explorer's filters: "size:>10MB *.so" (docs/find.md). --sort size lists the largest first, --sort time the newest; with -R, they order the whole list.

By default, files come from the final image. --at N lists the union after layer N. --layer N lists what layer N itself holds, including the paths it removes. -l shows the type and mode, the owner, the size, the time, the layer that the version comes from, and what that layer did to the version below (added, modified, metadata, identical, removed). Sizes are in the form that sort -h understands, or exact with --bytes. Control characters in names are escaped; --json keeps them.`,
		Example: `
# everything that layer 6 holds
peel ls app.tar --layer 6 -R -l
# the ten largest files
peel ls app.tar -R -l --sort size | head
# what layer 6 covers of layers below, among the libraries
peel ls app.tar --filter 'layer:6 change:modified,metadata *.so*'
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
	c.Flags().BoolVarP(&l.recursive, "recursive", "R", false, "list everything below PATH, with absolute paths")
	c.Flags().BoolVarP(&l.long, "long", "l", false, "show mode, owner, size, time, layer, change and link")
	c.Flags().BoolVar(&l.bytes, "bytes", false, "with -l, show sizes in bytes")
	l.order = choice{what: "order", words: listOrders}
	c.Flags().Var(&l.order, "sort", `sort order (default "name")`)
	offer(c, "sort", listOrders...)
	c.Flags().BoolVarP(&l.reverse, "reverse", "r", false, "reverse the order")
	c.Flags().StringVar(&l.filter, "filter", "", "list only the paths at or below PATH that match a filter (docs/find.md)")
	c.Flags().BoolVar(&l.json, "json", false, "print one JSON object per line (docs/json.md)")
	return c
}

func (a *app) ls(ctx context.Context, ref, at string, l listing) error {
	if err := l.check(); err != nil {
		return err
	}
	filter, err := analyze.ParseFilter(l.filter)
	if err != nil {
		return usage("docs/find.md, which lists the terms", "--filter: %w", err)
	}
	if l.bytes && !l.long {
		return usage("-l --bytes", "--bytes is for -l: names alone have no sizes, and --json has bytes")
	}
	if l.json && l.long {
		return usage("--json alone, which has everything that -l shows", "use either -l or --json")
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
	rows, err := l.rows(ctx, an.Tree, top, filter)
	if err != nil {
		return failed("", "listing %s: %w", at, err)
	}
	return a.print(ctx, func(w io.Writer) error {
		for _, r := range rows {
			if err := l.row(w, an.Tree, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// flawsBelow returns a note on the paths of a folder, at a path or below it, that peel couldn't
// read in full; "" if there are none.
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
		// A dangling symlink is listed itself.
		if to, err := find(an, l.moment, at, true); err == nil {
			if v, ok := l.version(an.Tree, to); to == analyze.Root || ok && v.Kind() == source.Dir {
				return to, nil
			}
		}
	}
	return n, nil
}

// A listed is one path to list, and its version.
type listed struct {
	node analyze.NodeID
	v    analyze.Version
	name bool // show only its name, not its path
}

// listOrders are the orders of a list, the one without --sort first.
var listOrders = []string{"name", "size", "time", "layer"}

// rows returns the paths to list at top: top itself if it isn't a directory, else its children, or,
// with a filter or -R, everything below it.
func (l *listing) rows(ctx context.Context, t *analyze.Tree, top analyze.NodeID, filter analyze.Filter) ([]listed, error) {
	v, ok := l.version(t, top)
	removed := ok && v.Change() == analyze.Removed
	if top != analyze.Root && ok && !removed && v.Kind() != source.Dir || removed && len(t.Children(top)) == 0 {
		return []listed{{top, v, false}}, nil
	}
	view := l.view(t)
	if !filter.Empty() {
		var err error
		if view, err = view.Filter(ctx, filter); err != nil {
			return nil, err
		}
	}
	rows := l.below(ctx, t, view, top, !filter.Empty(), nil)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.sort(rows)
	return rows, nil
}

// below appends the contents of a directory to rows: in a filtered view, only what matches.
func (l *listing) below(ctx context.Context, t *analyze.Tree, view *analyze.View, dir analyze.NodeID, filtered bool, rows []listed) []listed {
	if ctx.Err() != nil {
		return rows
	}
	all := l.recursive || filtered
	for _, n := range t.Children(dir) {
		if !view.Shows(n) {
			continue
		}
		v, ok := l.version(t, n)
		if !ok && !all {
			// A directory of a lower layer on the way to what this one holds.
			v, ok = t.At(n, l.layer.n)
		}
		if ok && (!filtered || view.Matches(n)) {
			rows = append(rows, listed{n, v, !all})
		}
		if all {
			rows = l.below(ctx, t, view, n, filtered, rows)
		}
	}
	return rows
}

// sort puts rows, which are sorted by name, in the requested order.
func (l *listing) sort(rows []listed) {
	var compare func(a, b *listed) int
	switch l.order.value {
	case "size":
		compare = func(a, b *listed) int { return cmp.Compare(b.v.Size(), a.v.Size()) }
	case "time":
		compare = func(a, b *listed) int { return b.v.Time().Compare(a.v.Time()) }
	case "layer":
		compare = func(a, b *listed) int { return cmp.Compare(a.v.Layer(), b.v.Layer()) }
	}
	if compare != nil {
		slices.SortStableFunc(rows, func(a, b listed) int { return compare(&a, &b) })
	}
	if l.reverse {
		slices.Reverse(rows)
	}
}

// row writes one path in the requested form.
func (l *listing) row(w io.Writer, t *analyze.Tree, r listed) error {
	name := t.Path(r.node)
	if l.json {
		return report.ListJSON(w, name, r.v)
	}
	if r.name {
		name = t.Name(r.node)
	}
	if l.long {
		return report.ListLine(w, name, r.v, l.bytes)
	}
	_, err := fmt.Fprintln(w, clean.Start(clean.Text(name)))
	return err
}
