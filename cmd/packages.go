package cmd

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/report"
)

// packageList has the options of "peel packages".
type packageList struct {
	outputs outputFlags
	order   choice
	reverse bool
	layer   layerFlag
	wasted  bool
	unowned bool
}

func (a *app) packagesCommand() *cobra.Command {
	var l packageList
	c := &cobra.Command{
		Use:   "packages IMAGE",
		Short: "List packages with their bytes and layers",
		Long: `List the packages in the image's package databases, with the bytes of each (stored, visible and wasted) and the layers that carry them. Files that no package owns are one row, so that all rows add up to the image. peel reads the databases of dpkg, apk, rpm, Python, conda, npm (pnpm, yarn) and gems, and the build information in Go programs and jars. docs/packages.md defines what a package owns.

Bytes are those of the files that a package owns, not the size that its database claims. "shared" counts files that a package lists but another package owns. With --layer N, only bytes in layer N count.`,
		Example: `
# list the packages that waste most
peel packages app.tar --wasted
# list what layer 3 added
peel packages app.tar --layer 3
# list the files that no package owns, largest first
peel packages app.tar --unowned | head
peel packages app.tar -f json -o packages.json
`,
		Args:              wantArgs(1, 1, "one image"),
		ValidArgsFunction: complete,
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.packages(ctx, args[0], &l)
		}),
	}
	l.outputs.addTo(c, "text", "json")
	l.order = choice{what: "order", words: report.PackageOrders}
	c.Flags().Var(&l.order, "sort", `sort order (default "stored"; with --wasted, "wasted")`)
	offer(c, "sort", report.PackageOrders...)
	c.Flags().BoolVarP(&l.reverse, "reverse", "r", false, "reverse the order")
	c.Flags().Var(&l.layer, "layer", "count only bytes in layer N")
	c.Flags().BoolVar(&l.wasted, "wasted", false, "list only packages that waste bytes")
	c.Flags().BoolVar(&l.unowned, "unowned", false, "list the files that no package owns instead")
	return c
}

// packages lists the packages of an image.
func (a *app) packages(ctx context.Context, ref string, l *packageList) error {
	outs, err := l.outputs.outputs()
	if err != nil {
		return err
	}
	if l.unowned && (l.order.value != "" || l.reverse) {
		return usage("--unowned alone", "--unowned lists files, the largest first: --sort and --reverse are for packages")
	}
	if err := a.guard(outs, ref); err != nil {
		return err
	}
	a.wantsPackages = true
	an, err := a.load(ctx, ref, false)
	if err != nil {
		return err
	}
	defer an.Image.Close()
	if err := l.layer.within("--layer", an.Tree); err != nil {
		return err
	}
	list, err := l.of(ctx, an)
	if err != nil {
		return failed("", "cannot read the packages: %w", err)
	}
	return a.writeOutputs(ctx, outs, func(o output, w io.Writer) error {
		if o.format == "json" {
			return report.PackagesJSON(w, an, list)
		}
		return a.layout(o).Packages(w, an, list)
	})
}

// of returns what to show of an image.
func (l *packageList) of(ctx context.Context, an *analyze.Analysis) (*report.PackageList, error) {
	p, err := an.Packages(ctx)
	if err != nil {
		return nil, err
	}
	list := &report.PackageList{Packages: p, Layer: -1, Wasted: l.wasted, Order: l.order.value, Reverse: l.reverse, Files: l.unowned}
	if l.layer.set {
		list.Layer = l.layer.n
	}
	if l.wasted && list.Order == "" {
		list.Order = "wasted"
	}
	if !l.unowned {
		return list, nil
	}
	files, err := p.UnownedFiles(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if (list.Layer < 0 || f.Version.Layer() == list.Layer) && (!l.wasted || f.Wasted > 0) {
			list.Unowned = append(list.Unowned, f)
		}
	}
	return list, nil
}
