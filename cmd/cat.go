package cmd

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
)

func (a *app) catCommand() *cobra.Command {
	var m moment
	c := &cobra.Command{
		Use:   "cat IMAGE PATH",
		Short: "Print a file",
		Long:  `Write the file at PATH to standard output, unchanged. By default, that is the file in the final image. --at N takes it from the union after layer N. --layer N takes the version that layer N itself holds, even if a later layer covers or deletes it. peel follows symlinks inside the image, except with --layer.`,
		Example: `
peel cat app.tar /etc/os-release
peel cat app.tar --layer 5 /srv/app/model.bin | sha256sum
`,
		Args:              wantArgs(2, 2, "an image and a path"),
		ValidArgsFunction: complete,
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.cat(ctx, args[0], args[1], m)
		}),
	}
	m.flags(c.Flags())
	return c
}

func (a *app) cat(ctx context.Context, ref, arg string, m moment) error {
	if err := m.check(); err != nil {
		return err
	}
	if err := a.guard(printed, ref); err != nil {
		return err
	}
	an, err := a.load(ctx, ref, true)
	if err != nil {
		return err
	}
	defer an.Image.Close()
	if err := m.within(an.Tree); err != nil {
		return err
	}
	v, err := file(an, m, arg)
	if err != nil {
		return err
	}
	r, err := v.Open(ctx)
	if err != nil {
		return failed("", "cannot read %s: %w", fromRoot(arg), err)
	}
	defer r.Close()
	in := &input{ctx: ctx, r: r}
	err = a.print(ctx, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
	if in.err != nil {
		return failed("", "cannot read %s: %w", fromRoot(arg), in.err)
	}
	return err
}

// file returns the version of a regular file at a moment.
func file(an *analyze.Analysis, m moment, arg string) (analyze.Version, error) {
	n, err := find(an, m, arg, true)
	if err != nil {
		return analyze.Version{}, err
	}
	v, ok := m.version(an.Tree, n)
	switch {
	case n == analyze.Root, !ok:
		return v, failed("peel ls IMAGE "+arg, "%s is a directory", fromRoot(arg))
	case v.Change() == analyze.Removed:
		return v, failed(fmt.Sprintf("--at %d, the layer below", m.layer.n-1), "layer %d removes %s", m.layer.n, fromRoot(arg))
	case v.Kind() == source.File:
		return v, nil
	case v.Kind() == source.Dir:
		return v, failed("peel ls IMAGE "+arg, "%s is a directory", fromRoot(arg))
	case v.Kind() == source.Symlink:
		return v, failed("peel cat IMAGE "+v.Link(), "%s is a symlink to %s", fromRoot(arg), v.Link())
	}
	return v, failed("", "%s has no content: it is a %s", fromRoot(arg), kindNames[v.Kind()])
}

// kindNames are the kinds that have neither content nor children, in words.
var kindNames = map[source.Type]string{
	source.Hardlink: "hard link to a missing file",
	source.Char:     "character device",
	source.Block:    "block device",
	source.Fifo:     "named pipe",
}

// input reads a file's content until its context ends, and records read errors, because io.Copy
// does not say which side failed.
type input struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (in *input) Read(b []byte) (int, error) {
	if err := in.ctx.Err(); err != nil {
		in.err = err
		return 0, err
	}
	n, err := in.r.Read(b)
	if err != nil && err != io.EOF {
		in.err = err
	}
	return n, err
}
