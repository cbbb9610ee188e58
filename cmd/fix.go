package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/alike"
	"github.com/peelhq/peel/report"
)

const fixAbout = `Show how to change the build so that the image stores less, with the largest change first: what each change saves, what all of them save together, and the image's figures before and after.

If peel knows the Dockerfile, the output ends with a patch for "git apply". The patch holds only changes that cannot alter what the image does. For every other change, the text says what you can do and why peel does not do it. The Dockerfile is the one you pass with --dockerfile, or else ./Dockerfile or ./Containerfile if its steps match the image's history.

By default, the patch holds every change that saves a notable amount. --choose selects single changes. --squash and --drop add operations on the image to the figures, but not to the patch. docs/fix.md describes the edits.`

// fixOptions are the values of fix's flags.
type fixOptions struct {
	dockerfile string
	choose     []string
	squash     rangesFlag
	drop       []string
	write      bool
	format     choice
}

// fixForms are the forms of a remedy, the one without -f first.
var fixForms = []string{"text", "json"}

func (a *app) fixCommand() *cobra.Command {
	o := &fixOptions{format: choice{what: "format", words: fixForms}}
	c := &cobra.Command{
		Use:   "fix IMAGE",
		Short: "Show what to change in the Dockerfile, what it saves, and a patch",
		Long:  fixAbout,
		Example: `
# show what to change, and the patch
peel fix app:1
# apply the patch
peel fix app:1 | git apply
# the same, without git
peel fix app:1 --dockerfile build/Dockerfile --write
# show the figures with layers 2 to 5 merged and a folder left out
peel fix app:1 --squash 2..5 --drop /srv/testdata
`,
		Args:              wantArgs(1, 1, "one image"),
		ValidArgsFunction: complete,
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.fix(ctx, args[0], o)
		}),
	}
	flags := c.Flags()
	flags.StringVar(&o.dockerfile, "dockerfile", "", `Dockerfile that the image was built from, or "none" (default: ./Dockerfile or ./Containerfile, if it fits the image)`)
	flags.StringArrayVar(&o.choose, "choose", nil, `ID of a change to make, or "all" for every change that peel can make (repeatable; default: those that save a notable amount)`)
	flags.Var(&o.squash, "squash", "merge layers I to J (repeatable)")
	flags.StringArrayVar(&o.drop, "drop", nil, "leave PATH out of the image's own layers (repeatable)")
	flags.BoolVar(&o.write, "write", false, "change the Dockerfile in place")
	flags.VarP(&o.format, "format", "f", `output format (default "text")`)
	offer(c, "format", fixForms...)
	offer(c, "squash")
	offer(c, "choose", analyze.AllFixes)
	return c
}

// fix shows how to fix an image, and with --write changes its Dockerfile.
func (a *app) fix(ctx context.Context, ref string, o *fixOptions) error {
	var read []string
	files, err := a.namedOrNearby(o.dockerfile)
	if err != nil {
		return err
	}
	for _, f := range files {
		read = append(read, f.Name())
		a.dockerfiles = append(a.dockerfiles, f.File)
	}
	if err := a.guard(printed, append(read, ref)...); err != nil {
		return err
	}
	a.search, a.wantsPackages = analyze.SearchEngines, true
	an, err := a.load(ctx, ref, false)
	if err != nil {
		return err
	}
	defer an.Image.Close()
	file := builtFrom(an, files)
	if file != nil {
		if why, ok := dockerfile.Misfit(an.Image, file); ok {
			a.say("%s may not be the Dockerfile of this image, so check the patch: it %s", file.Name(), why)
		}
	}
	findings, fixes, err := analyze.AdviseAndFix(ctx, an, analyze.AdviceOptions{Dockerfile: file})
	if err != nil {
		return err
	}
	wish := analyze.Wish{Fixes: o.choose, Squash: o.squash, Drop: o.drop}
	proposal, err := analyze.Propose(ctx, an, fixes, file, wish)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return usage(fixAdvice(fixes, o), "%w", err)
	}
	r := &report.Remedy{Analysis: an, Proposal: proposal, File: file, Without: noFileFits(files, o.dockerfile)}
	for i := range findings {
		if findings[i].Rule == analyze.RuleSecret {
			r.Secrets = append(r.Secrets, findings[i])
		}
	}
	if proposal.Text != nil {
		if r.Patch, err = file.Diff(pathInRepository(file.Name()), proposal.Text, proposal.Edits); err != nil {
			return failed("", "cannot write the patch: %w", err)
		}
	}
	if o.write {
		if err := a.writeDockerfile(ctx, file, proposal.Text); err != nil {
			return err
		}
		r.Written = r.Patch != ""
	}
	r.Layout = a.layout(output{file: standardOutput})
	_, r.Shown = terminal(a.stdout)
	return a.print(ctx, func(w io.Writer) error {
		if o.format.value == "json" {
			return report.FixJSON(w, r)
		}
		return report.FixText(w, r)
	})
}

// noFileFits says why no Dockerfile is known, if none is: named is what --dockerfile says.
func noFileFits(files []buildFile, named string) string {
	if named == noDockerfile {
		return "peel uses no Dockerfile, because of --dockerfile none."
	}
	if len(files) == 0 {
		return "No Dockerfile was found here: name one with --dockerfile."
	}
	return fmt.Sprintf("%s does not fit the image's history: it belongs to another image, or has changed since. Name the right one with --dockerfile.", files[0].Name())
}

// fixAdvice says what to try when a proposal could not be made.
func fixAdvice(fixes []analyze.Fix, o *fixOptions) string {
	var ids []string
	for i := range fixes[:min(len(fixes), maxAlike)] {
		ids = append(ids, fixes[i].ID)
	}
	for _, id := range o.choose {
		if meant := alike.Meant(ids, id); meant != "" && meant != id {
			return "--choose " + strconv.Quote(meant)
		}
	}
	return "peel fix IMAGE, which lists the IDs, and peel report IMAGE, which lists the layers"
}

// writeDockerfile replaces a Dockerfile atomically, unless it has changed since it was read. It
// replaces the target of a symbolic link.
func (a *app) writeDockerfile(ctx context.Context, file *dockerfile.File, text []byte) error {
	if file == nil {
		return failed("--dockerfile FILE", "--write needs a Dockerfile, and peel found none")
	}
	if text == nil {
		a.say("nothing to write: no change of %s is chosen that peel can make by itself", file.Name())
		return nil
	}
	name := filepath.FromSlash(file.Name())
	now, err := os.ReadFile(name)
	if err != nil {
		return failed("", "cannot change the Dockerfile: %w", err)
	}
	if !bytes.Equal(now, file.Text()) {
		return failed("the same command again", "%s changed while the image was read: nothing was written", file.Name())
	}
	err = writeFile(ctx, name, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return failed("", "cannot change %s: %w", file.Name(), err)
	}
	return nil
}

// pathInRepository returns a file's path for a patch of git: relative to the folder of the
// repository that it is in, or else to the working directory.
func pathInRepository(name string) string {
	full, err := filepath.Abs(filepath.FromSlash(name))
	if err != nil {
		return name
	}
	top := ""
	for dir := filepath.Dir(full); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			top = dir
			break
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if top == "" {
		if top, err = os.Getwd(); err != nil {
			return name
		}
	}
	rel, err := filepath.Rel(top, full)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		rel = strings.TrimPrefix(full, filepath.VolumeName(full)+string(filepath.Separator))
	}
	return filepath.ToSlash(rel)
}

// rangesFlag are ranges of layers: "2..5".
type rangesFlag []analyze.LayerRange

var (
	_ pflag.Value      = (*rangesFlag)(nil)
	_ pflag.SliceValue = (*rangesFlag)(nil)
)

func (r *rangesFlag) Set(s string) error {
	from, to, ok := strings.Cut(s, "..")
	i, err1 := strconv.ParseUint(from, 10, 31)
	j, err2 := strconv.ParseUint(to, 10, 31)
	if err := errors.Join(err1, err2); !ok || err != nil {
		return errors.New("layers are a range, as in 2..5, 0 for the lowest")
	}
	*r = append(*r, analyze.LayerRange{From: int(i), To: int(j)})
	return nil
}

func (r *rangesFlag) String() string { return "" }

func (r *rangesFlag) Type() string { return "I..J" }

// Append adds a range. With Replace and GetSlice, it implements pflag.SliceValue.
func (r *rangesFlag) Append(s string) error { return r.Set(s) }

func (r *rangesFlag) Replace(all []string) error {
	*r = nil
	for _, s := range all {
		if err := r.Set(s); err != nil {
			return err
		}
	}
	return nil
}

func (r *rangesFlag) GetSlice() []string {
	var all []string
	for _, x := range *r {
		all = append(all, fmt.Sprintf("%d..%d", x.From, x.To))
	}
	return all
}
