package cmd

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/report"
)

// fleetFind has the options of "peel fleet find".
type fleetFind struct {
	outputs outputFlags
	plan    string
	all     bool
	visible bool
}

func (a *app) fleetFindCommand() *cobra.Command {
	var f fleetFind
	c := &cobra.Command{
		Use:   "find STORE GLOB",
		Short: "Find the images that ship a file, visible or hidden",
		Long: `Find every image that ships a file, from the tables in STORE: one line per image, with the layer that carries the file, the build step that made it, and whether the image shows it or a higher layer hides it. A hidden file still ships. peel fetches nothing from a registry.

GLOB is a path such as /usr/lib/*.so, a name at any depth such as log4j-core-2.14*.jar, or /etc/** for everything below. A glob that begins with a path is faster: peel skips what lies elsewhere. An image's line is about its first visible file, or else about its first file; --all prints a line for each.

The exit code is 1 if no image ships such a file.`,
		Example: `
peel fleet find s3://fleet/2026 '/usr/lib/**/log4j-core-2.14*.jar'
# secrets that a later step deleted, but that still ship
peel fleet find ./store '*.pem' --all
peel fleet find ./store /opt/oracle -f json
`,
		Args: wantArgs(2, 2, "a store and a glob"),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.fleetFind(ctx, args[0], args[1], &f)
		}),
	}
	f.outputs.addTo(c, "text", "json")
	planFlag(c, &f.plan)
	c.Flags().BoolVar(&f.all, "all", false, "a line for each file in each layer")
	c.Flags().BoolVar(&f.visible, "visible", false, "only images that show such a file")
	return c
}

// fleetFind looks for files in all images of a store.
func (a *app) fleetFind(ctx context.Context, place, glob string, f *fleetFind) error {
	outs, err := f.outputs.outputs()
	if err != nil {
		return err
	}
	if len(outs) > 1 {
		return usage("", "one format at a time, but there are %d", len(outs))
	}
	if err := checkPlanDigits("plan", f.plan); err != nil {
		return err
	}
	g, err := analyze.ParseGlob(glob)
	if err == nil && g.IsException() {
		err = fmt.Errorf("%q: an exception names no files to look for", glob)
	}
	if err != nil {
		return usage("", "%w", err)
	}
	s, err := a.openFleet(ctx, place)
	if err != nil {
		return err
	}
	var result *fleet.FindResult
	var findErr error
	err = a.writeOutputs(ctx, outs, func(o output, w io.Writer) error {
		out := bufio.NewWriter(w)
		result, findErr = fleet.Find(ctx, s, f.plan, g, func(image *fleet.FoundImage) error {
			if f.visible && image.Visible() == 0 {
				return nil
			}
			if o.format == "json" {
				return report.FoundJSON(out, image)
			}
			return report.Found(out, image, f.all)
		})
		if findErr != nil {
			return findErr // so that no file is left behind
		}
		return out.Flush()
	})
	if findErr != nil {
		return fleetFailed(ctx, "cannot search "+place, findErr)
	}
	if err != nil {
		return err
	}
	if result.Unreadable > 0 {
		fmt.Fprintf(a.stderr, "peel: note: %s cannot be read, and were not searched\n", human.Count(result.Unreadable, "layer", "layers"))
	}
	if result.Waiting > 0 {
		fmt.Fprintf(a.stderr, "peel: note: %s of the plan not analyzed yet, and were not searched\n", human.Count(result.Waiting, "image is", "images are"))
	}
	if result.Images == 0 || f.visible && result.Visible == 0 {
		return errNothing
	}
	return nil
}
