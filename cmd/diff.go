package cmd

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
	"github.com/peelhq/peel/ui"
)

// diffRows is the number of paths to list without --most. JSON lists all, and HTML as many as a
// page takes.
const diffRows = 20

// diffOptions are the values of diff's flags.
type diffOptions struct {
	forms    outputFlags
	most     int  // number of paths; 0: all
	mostSet  bool // it was given
	exitCode bool
	from, to layerFlag
}

const diffAbout = `Compare two images, or two layers of one image: their totals, the layers they share, and the paths that were added, removed or changed, with the largest change in size first. peel compares contents only, so the two images can come from different kinds of source.

On a terminal it opens a screen: the layers side by side, one tree of what differs with its sizes then and now, and both versions of each file. With -f, -o, -n or --exit-code, or if standard output is not a terminal, it prints.

Formats: text; json (docs/json.md); markdown, for a comment on a pull request; html, a page for a browser. The exit code is 0 even if the images differ, unless you pass --exit-code.`

func (a *app) diffCommand() *cobra.Command {
	o := &diffOptions{}
	c := &cobra.Command{
		Use:   "diff IMAGE IMAGE",
		Short: "Compare two images, or two layers of one",
		Long:  diffAbout,
		Example: `
peel diff app:1 app:2
# show what layers 6 to 8 did
peel diff app.tar --from 5 --to 8
# fail if a build differs from the last one
peel diff last.tar app.tar --exit-code
`,
		Args:              wantArgs(1, 2, "two images, or one with --from"),
		ValidArgsFunction: completeImages,
	}
	flags := c.Flags()
	o.forms.addTo(c, formNames(func(f *form) bool { return f.diff != nil })...)
	flags.IntVarP(&o.most, "most", "n", diffRows, "most paths to list, 0 for all (default for html: 2000; for json: all)")
	flags.BoolVar(&o.exitCode, "exit-code", false, "exit 1 if the images differ in a file, a layer or the configuration")
	flags.Var(&o.from, "from", "compare the union after layer N of one image ...")
	flags.Var(&o.to, "to", "... with the union after layer N (default the last)")
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		o.mostSet = flags.Changed("most")
		return a.diff(ctx, args, o)
	})
	return c
}

// completeImages offers files for each of two images.
func completeImages(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) < 2 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// check reports flags that make no sense together.
func (o *diffOptions) check(images []string) error {
	switch {
	case o.most < 0:
		return usage("-n 0 for all", "cannot list %d paths", o.most)
	case len(images) == 2 && (o.from.set || o.to.set):
		return usage("one image, or no --from and --to", "--from and --to are layers of one image, but there are two images")
	case len(images) == 2 && source.ReadsStdin(images[0]) && source.ReadsStdin(images[1]):
		return usage("", "only one of the images can come from standard input")
	case len(images) == 1 && !o.from.set:
		return usage("peel diff IMAGE IMAGE, or peel diff IMAGE --from N", "nothing to compare with: one image, and no --from")
	}
	return nil
}

// rows returns the maximum number of paths that a form lists.
func (o *diffOptions) rows(form string) int {
	switch {
	case o.most == 0, !o.mostSet && form == "json":
		return math.MaxInt
	case !o.mostSet && form == "html":
		return report.DiffHTMLPaths
	}
	return o.most
}

// standardInput is the reference of an image on standard input.
const standardInput = "-"

// diff writes the differences between images.
func (a *app) diff(ctx context.Context, images []string, o *diffOptions) error {
	outs, err := o.forms.outputs()
	if err != nil {
		return err
	}
	if err := o.check(images); err != nil {
		return err
	}
	if err := a.guard(outs, images...); err != nil {
		return err
	}
	if keys, ok := a.diffKeyboard(images, o); ok {
		return a.screen(ctx, keys, "", o.sides(images))
	}
	c, err := a.sides(ctx, images, o)
	if err != nil {
		return err
	}
	defer c.Before.Analysis.Image.Close()
	if len(images) == 2 {
		defer c.After.Analysis.Image.Close()
	}
	most := 0
	for _, out := range outs {
		most = max(most, o.rows(out.format))
	}
	if most == math.MaxInt {
		most = 0
	}
	if c.Difference, err = analyze.Compare(ctx, c.Before, c.After, most); err != nil {
		return failed("", "cannot compare the images: %w", err)
	}
	err = a.writeOutputs(ctx, outs, func(out output, w io.Writer) error {
		listed, some := *c.Difference, *c
		listed.Paths = listed.Paths[:min(len(listed.Paths), o.rows(out.format))]
		some.Difference, some.Layout = &listed, a.layout(out)
		return formOf(out.format).diff(w, &some)
	})
	if o.exitCode && !c.None() && (err == nil || closedPipe(err)) {
		return errDiffer
	}
	return err
}

// diffKeyboard returns the source of the screen's keys if the comparison opens a screen: on a
// terminal, unless flags request printed output.
func (a *app) diffKeyboard(images []string, o *diffOptions) (*os.File, bool) {
	if len(o.forms.given) > 0 || o.exitCode || o.mostSet {
		return nil, false
	}
	ref := ""
	if slices.ContainsFunc(images, source.ReadsStdin) {
		ref = standardInput
	}
	return a.keyboard(ref)
}

// comparedSides are the two sides of the comparison that the screen begins with.
type comparedSides struct {
	sides [2]ui.Side
	of    string // the image that both sides belong to; "" if there are two
	flags *diffOptions
}

// sides returns the sides that the arguments and flags name.
func (o *diffOptions) sides(images []string) *comparedSides {
	c := &comparedSides{flags: o}
	for i := range c.sides {
		ref := images[min(i, len(images)-1)]
		c.sides[i] = ui.Side{Ref: ref, Name: ref, At: -1}
		if source.ReadsStdin(ref) {
			c.sides[i].Name, c.sides[i].Once = "standard input", true
		}
	}
	if len(images) == 1 {
		c.of, c.sides[0].At = images[0], o.from.n
		if o.to.set {
			c.sides[1].At = o.to.n
		}
	}
	return c
}

// check returns an error for layers that an image doesn't have, if both sides belong to it.
func (c *comparedSides) check(ref string, an *analyze.Analysis) error {
	if c == nil || ref != c.of {
		return nil
	}
	return c.flags.within(an)
}

// within returns an error for layers that the image doesn't have.
func (o *diffOptions) within(an *analyze.Analysis) error {
	for name, layer := range map[string]*layerFlag{"--from": &o.from, "--to": &o.to} {
		if err := layer.within(name, an.Tree); err != nil {
			return err
		}
	}
	return nil
}

// sides opens the images to compare. The caller closes them.
func (a *app) sides(ctx context.Context, images []string, o *diffOptions) (*report.Comparison, error) {
	a.search, a.wantsPackages = analyze.SearchEngines, true
	before, err := a.load(ctx, images[0], false)
	if err != nil {
		return nil, err
	}
	if len(images) == 1 {
		if err := o.within(before); err != nil {
			return nil, errors.Join(err, before.Image.Close())
		}
		c := &report.Comparison{Before: analyze.Side{Analysis: before, At: o.from.n}, After: analyze.Final(before)}
		if o.to.set {
			c.After.At = o.to.n
		}
		return c, nil
	}
	after, err := a.load(ctx, images[1], false)
	if err != nil {
		return nil, errors.Join(err, before.Image.Close())
	}
	return &report.Comparison{Before: analyze.Final(before), After: analyze.Final(after)}, nil
}
