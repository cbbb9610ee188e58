package cmd

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/source"
)

func (a *app) indexCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "index IMAGE -o FILE",
		Short: "Write an index of an image, which opens anywhere as index:FILE",
		Long: `Write everything about an image except file contents: its config and history, and the names, attributes, sizes and checksums of all files in all layers. Open it as index:FILE on any machine, without the image. The explorer, reports, check and diff show the same figures; only file contents are missing.

If the image has no checksums of its files, peel reads all contents to compute them. It replaces an existing FILE atomically.`,
		Example: `
peel index app.tar -o app.index
peel diff index:app.index app:2
`,
		Args:              wantArgs(1, 1, "one image"),
		ValidArgsFunction: complete,
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.index(ctx, args[0], file)
		}),
	}
	c.Flags().StringVarP(&file, "output", "o", "", "file to write; - is standard output")
	return c
}

// index writes the index of an image.
func (a *app) index(ctx context.Context, ref, file string) error {
	if file == "" {
		return usage("peel index "+ref+" -o FILE", "where to write the index: -o is missing")
	}
	out := output{file: file}
	if err := a.guard([]output{out}, ref); err != nil {
		return err
	}
	im, err := a.indexedImage(ctx, ref)
	if err != nil {
		return err
	}
	defer im.Close()
	write := func(w io.Writer) error { return source.WriteIndex(ctx, w, im) }
	if file == standardOutput {
		return a.print(ctx, write)
	}
	if err := writeFile(ctx, file, write); err != nil {
		return failed("", "cannot write the index to %s: %w", file, err)
	}
	return nil
}

// indexedImage opens and scans an image for its index.
func (a *app) indexedImage(ctx context.Context, ref string) (*source.Image, error) {
	if err := a.readable(ref); err != nil {
		return nil, err
	}
	p := a.startProgress("reading")
	defer p.stop()
	ctx, done := a.memory.loading(ctx, ref)
	defer done()
	im, err := source.Open(ctx, ref, a.options(false, p.report))
	if err != nil {
		return nil, failed(a.openAdvice(ctx, ref, err), "cannot open %w", withRef(ref, tooLarge(ctx, nil, err)))
	}
	if err = im.Scan(ctx); err == nil {
		err = im.Sum(ctx)
	}
	if err != nil {
		err = tooLarge(ctx, im, err)
		return nil, failed("", "cannot read %w", withRef(ref, errors.Join(err, im.Close())))
	}
	return im, nil
}
