package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
	"github.com/peelhq/peel/ui"
)

// screenActions are the actions that the screen leaves to this package. They work like peel extract
// and the lists of other commands.
func (a *app) screenActions() ui.Actions {
	return ui.Actions{
		Extract: extractShown, ExportFiles: exportFiles, ExportWaste: exportWaste,
		Patch: patchOf, WritePatch: a.writePatch,
	}
}

// patchOf returns the patch that turns a Dockerfile into text, as peel fix prints it.
func patchOf(file *dockerfile.File, text []byte, want int) (string, error) {
	return file.Diff(pathInRepository(file.Name()), text, want)
}

// writePatch writes a patch to a file. It replaces an existing file only with force, and never a
// file that peel is reading.
func (a *app) writePatch(ctx context.Context, an *analyze.Analysis, patch, file string, force bool) (string, error) {
	write := func(w io.Writer) error {
		_, err := io.WriteString(w, patch)
		return err
	}
	err := writeNewFile(ctx, file, write)
	if errors.Is(err, fs.ErrExist) {
		if err = a.notRead(an, file); err == nil && !force {
			return "", &ui.ExistsError{Said: fmt.Sprintf("%s already exists: nothing was written", clean.Line(file))}
		}
		if err == nil {
			err = writeFile(ctx, file, write)
		}
	}
	if err != nil {
		return "", fmt.Errorf("cannot write %s: %w", file, err)
	}
	return "the patch was written to " + clean.Line(file) + ": git apply takes it", nil
}

// notRead returns an error if a file is the image that is shown, a part of it, or its
// Dockerfile.
func (a *app) notRead(an *analyze.Analysis, file string) error {
	read := []string{an.Image.Source}
	if an.Dockerfile != nil {
		read = append(read, filepath.FromSlash(an.Dockerfile.Name()))
	}
	in := a.inputs(read...)
	name, info, err := target(file)
	if err != nil || info == nil {
		return err
	}
	if what := in.is(info); what != "" {
		return fmt.Errorf("it is %s, which peel is reading: choose another name", what)
	}
	if name, err = canonical(name); err != nil {
		return nil //nolint:nilerr // said when it is written
	}
	if dir := in.holds(name, info); dir != "" {
		return fmt.Errorf("it is a file of the image in %s: choose another name", dir)
	}
	return nil
}

// extractShown writes what the screen shows of paths to a directory. It replaces existing files
// only with force.
func extractShown(ctx context.Context, an *analyze.Analysis, x ui.Extraction, progress func(done, total int64)) (string, error) {
	p := newPlan(an.Tree, moment{})
	var absent []ui.Taken
	for _, t := range x.Taken {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		p.moment = moment{at: layerFlag{t.Layer, !t.Alone}, layer: layerFlag{t.Layer, t.Alone}}
		if !p.add(t.Node) {
			absent = append(absent, t)
		}
	}
	switch {
	case len(absent) == 0:
	case len(absent) < len(x.Taken):
		for _, t := range absent {
			p.notes = append(p.notes, fmt.Sprintf("left out %s: layer %d does not hold it", clean.Text(an.Tree.Path(t.Node)), t.Layer))
		}
	case len(absent) == 1:
		return "", fmt.Errorf("nothing to write: layer %d does not hold it", absent[0].Layer)
	default:
		return "", fmt.Errorf("nothing to write: none of the %d paths exists", len(absent))
	}
	done, err := unpack(ctx, p, extraction{dir: x.Dir, force: x.Force}, func(p source.Progress) { progress(p.Bytes, p.TotalBytes) })
	if err != nil {
		return "", err
	}
	said := done.summary(x.Dir)
	missing := done.told
	if len(missing) > 0 {
		said += ": " + missing[0]
		if more := len(missing) + done.untold - 1; more > 0 {
			said += fmt.Sprintf(", and %d more", more)
		}
		if done.exist > 0 {
			return "", &ui.ExistsError{Said: said}
		}
		return "", errors.New(said)
	}
	switch n := len(p.notes); {
	case n == 1:
		said += "; " + p.notes[0]
	case n > 1:
		said += fmt.Sprintf("; %s, and %d more", p.notes[0], n-1)
	}
	return said, nil
}

// exportFiles writes versions as peel ls --json does.
func exportFiles(ctx context.Context, an *analyze.Analysis, listed []analyze.Version, file string) (string, error) {
	return export(ctx, file, "row", len(listed), func(w io.Writer) error {
		for i, v := range listed {
			if i%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if err := report.ListJSON(w, an.Tree.Path(v.Node()), v); err != nil {
				return err
			}
		}
		return nil
	})
}

// exportWaste writes rows of waste as in peel report -f json, one per line.
func exportWaste(ctx context.Context, _ *analyze.Analysis, listed analyze.WasteRows, file string) (string, error) {
	return export(ctx, file, "row", listed.Len(), func(w io.Writer) error {
		for i, row := range listed.All() {
			if i%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if err := report.WasteJSON(w, row); err != nil {
				return err
			}
		}
		return nil
	})
}

// export writes a new file. It doesn't replace an existing one.
func export(ctx context.Context, file, noun string, n int, write func(io.Writer) error) (string, error) {
	if err := writeNewFile(ctx, file, write); err != nil {
		return "", fmt.Errorf("cannot write %s: %w", file, err)
	}
	return fmt.Sprintf("%s written to %s", human.Count(n, noun, noun+"s"), file), nil
}
