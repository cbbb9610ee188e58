package cmd

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/source"
)

// extraction has the options of "peel extract".
type extraction struct {
	moment
	dir   string
	force bool
	read  *inputs // files that must not be written; nil for none
}

// notesShown is the maximum number of notes that an extraction prints.
const notesShown = 10

func (a *app) extractCommand() *cobra.Command {
	var x extraction
	c := &cobra.Command{
		Use:   "extract IMAGE PATH... -o DIR",
		Short: "Extract files and directories to DIR",
		Long: `Extract each PATH, with everything below it, to DIR, as tar does: /etc/passwd becomes DIR/etc/passwd. By default, files come from the final image. --at N takes them from the union after layer N, --layer N takes the versions that layer N itself holds.

peel keeps modes (with set-user-ID and set-group-ID bits) and times, but not owners: everything belongs to you. It writes links as they are and never follows them; hard links stay hard links. It skips devices and pipes. It never writes outside DIR, and does not change existing directories or overwrite files unless you pass --force, which replaces files and gives existing directories the image's mode and time. If a path cannot be written, peel writes the others, names that path at the end, and exits with 3.`,
		Example: `
peel extract app.tar /etc/nginx /srv -o out
peel extract app.tar --layer 5 /srv/app/model.bin -o out
`,
		Args:              wantArgs(2, -1, "an image and paths"),
		ValidArgsFunction: complete,
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.extract(ctx, args[0], args[1:], x)
		}),
	}
	x.flags(c.Flags())
	c.Flags().StringVarP(&x.dir, "output", "o", "", "directory to write to; peel creates it if needed")
	c.Flags().BoolVar(&x.force, "force", false, "replace existing files")
	_ = c.MarkFlagDirname("output") // can't fail: the flag exists
	return c
}

func (a *app) extract(ctx context.Context, ref string, paths []string, x extraction) error {
	if err := x.check(); err != nil {
		return err
	}
	if x.dir == "" {
		return usage("-o DIR", "no output directory: peel extract writes into a directory")
	}
	if x.dir == "-" {
		return usage("peel cat IMAGE PATH", "peel extract writes into a directory, not to standard output")
	}
	x.read = a.inputs(ref)
	an, err := a.load(ctx, ref, true)
	if err != nil {
		return err
	}
	defer an.Image.Close()
	if err := x.within(an.Tree); err != nil {
		return err
	}
	p := newPlan(an.Tree, x.moment)
	for _, arg := range paths {
		n, err := find(an, x.moment, arg, false)
		if err != nil {
			return err
		}
		if note := notRead(an, arg); note != "" {
			p.notes = append(p.notes, note)
		}
		if !p.add(n) {
			return failed(fmt.Sprintf("--at %d, the layer below", x.layer.n-1), "layer %d removes %s", x.layer.n, fromRoot(arg))
		}
	}
	shown := a.startProgress("writing")
	done, err := unpack(ctx, p, x, shown.report)
	shown.stop()
	for i, note := range p.notes {
		if i == notesShown {
			fmt.Fprintf(a.stderr, "peel: and %d more\n", len(p.notes)-notesShown)
			break
		}
		fmt.Fprintln(a.stderr, "peel: "+clean.Line(note))
	}
	switch {
	case err != nil && (ctx.Err() != nil || done.files == 0 && !done.failed()):
		return err
	case err != nil:
		return fmt.Errorf("%w\n- %s before that%s", err, done.summary(x.dir), done.list())
	case done.failed():
		return failed(done.try, "%s%s", done.summary(x.dir), done.list())
	}
	fmt.Fprintln(a.stderr, done.summary(x.dir))
	return nil
}

// unpack writes a plan below the requested directory. The tally says what was written and what
// was not; the error is one that ended it.
func unpack(ctx context.Context, p *plan, x extraction, progress func(source.Progress)) (*tally, error) {
	if err := os.MkdirAll(x.dir, 0o777); err != nil {
		return &tally{}, failed("", "cannot make the directory to write to: %w", err)
	}
	root, err := os.OpenRoot(x.dir)
	if err != nil {
		return &tally{}, failed("", "cannot open the directory to write to: %w", err)
	}
	defer root.Close()
	base, err := canonical(x.dir)
	if err != nil { // a parent directory that the user can't read
		base = x.dir
	}
	u := &unpacker{base: base, ctx: ctx, root: root, plan: p, force: x.force, read: x.read, progress: progress}
	if err := u.run(); err != nil {
		return &u.tally, failed("", "cannot extract to %s: %w", x.dir, err)
	}
	return &u.tally, nil
}
