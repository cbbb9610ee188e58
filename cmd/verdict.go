package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/charmbracelet/colorprofile"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/redact"
	"github.com/peelhq/peel/report"
)

// verdictsUntilWriteFails is untilWriteFails for a check.
func verdictsUntilWriteFails(form func(io.Writer, ...*report.Verdict) error) func(context.Context, io.Writer, ...*report.Verdict) error {
	return func(_ context.Context, w io.Writer, vs ...*report.Verdict) error { return form(w, vs...) }
}

// checkFormNames are the names of the forms of a check.
var checkFormNames = formNames(func(f *form) bool { return f.check != nil })

// forRepository are the forms whose readers look up the Dockerfile in the repository: they need its
// path there, no matter where peel runs.
var forRepository = map[string]bool{"github": true, "gitlab": true, "sarif": true}

// writeVerdicts writes the results of a check in every requested form, and, for GitHub, adds them
// to the summary of the step.
func (a *app) writeVerdicts(ctx context.Context, outs []output, verdicts []*report.Verdict) error {
	root := repositoryRoot()
	err := a.writeOutputs(ctx, outs, func(to output, w io.Writer) error {
		these := make([]*report.Verdict, len(verdicts))
		for i, v := range verdicts {
			this := *v
			if forRepository[to.format] && v.Outcome != nil {
				this.Outcome = fromRepository(v.Outcome, root)
			}
			this.Coloured = to.file == standardOutput && a.coloured()
			this.Layout = a.layout(to)
			these[i] = &this
		}
		return formOf(to.format).check(ctx, w, these...)
	})
	for _, summary := range summaryOutput(outs) {
		if err := addSummary(summary.file, verdicts); err != nil {
			// The build is not at fault, and its verdict is written elsewhere too.
			fmt.Fprintf(a.stderr, "peel: cannot add to the step's summary: %s\n", clean.Line(redact.Text(err.Error())))
		}
	}
	return err
}

// summaryOutput is the file that GitHub shows as the summary of a step, if a form
// of output is for GitHub.
func summaryOutput(outs []output) []output {
	file := os.Getenv("GITHUB_STEP_SUMMARY")
	if file == "" || !slices.ContainsFunc(outs, func(o output) bool { return o.format == "github" }) {
		return nil
	}
	return []output{{file: file}}
}

// coloured reports whether output may have colours: on a terminal with colours, unless NO_COLOR
// is set; anywhere if CLICOLOR_FORCE is.
func (a *app) coloured() bool {
	return os.Getenv("NO_COLOR") == "" && colorprofile.Detect(a.stdout, os.Environ()) > colorprofile.Ascii
}

// summaryLimit is GitHub's maximum size for the summary of a step in bytes; it doesn't show a
// longer file at all.
const summaryLimit = 1 << 20

// addSummary appends the verdicts to the file that GitHub shows as the summary of
// a step, which others may have written to before.
func addSummary(file string, verdicts []*report.Verdict) (err error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := report.CheckMarkdown(&b, verdicts...); err != nil {
		return err
	}
	text := b.String() + "\n"
	if info.Mode().IsRegular() && info.Size()+int64(len(text)) > summaryLimit {
		return &fs.PathError{Op: "append", Path: file, Err: errors.New("it would be larger than the 1 MiB that GitHub shows")}
	}
	_, err = f.WriteString(text)
	return err
}

// repositoryRoot returns the folder where a pipeline has the repository, "" if
// no pipeline says so.
func repositoryRoot() string {
	for _, name := range []string{"GITHUB_WORKSPACE", "CI_PROJECT_DIR"} {
		if dir := os.Getenv(name); dir != "" {
			return dir
		}
	}
	return ""
}

// fromRepository returns an outcome whose lines name files as seen from the repository's root. A
// file that is elsewhere keeps its name.
func fromRepository(o *analyze.Outcome, root string) *analyze.Outcome {
	if root == "" {
		return o
	}
	moved := *o
	moved.Findings = slices.Clone(o.Findings)
	for i := range moved.Findings {
		l := moved.Findings[i].Line
		if l == nil || l.File == "" {
			continue
		}
		abs, err := filepath.Abs(filepath.FromSlash(l.File))
		if err != nil {
			continue
		}
		if rel, err := filepath.Rel(root, abs); err == nil && filepath.IsLocal(rel) {
			line := *l
			line.File = filepath.ToSlash(rel)
			moved.Findings[i].Line = &line
		}
	}
	return &moved
}
