package cmd

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/report"
)

// A form is one form of output, and what writes it for each command: nil if the command lacks it.
type form struct {
	name    string   // that -f takes
	endings []string // of the names of its files; none if such files may be in another form
	report  func(context.Context, io.Writer, *analyze.Analysis, []analyze.Finding) error
	check   func(context.Context, io.Writer, ...*report.Verdict) error
	diff    func(io.Writer, *report.Comparison) error
}

// forms are all forms, in the order of --help. Each command writes the first unless flags ask for
// another.
var forms = []form{
	{
		name: "text", endings: []string{".txt"},
		report: untilWriteFails(report.Text), // its layout depends on where it goes
		check:  verdictsUntilWriteFails(report.CheckText), diff: report.DiffText,
	},
	{
		name: "json", endings: []string{".json"},
		report: untilWriteFails(report.JSON), check: verdictsUntilWriteFails(report.CheckJSON), diff: report.DiffJSON,
	},
	{name: "junit", endings: []string{".xml"}, check: verdictsUntilWriteFails(report.CheckJUnit)},
	{name: "sarif", endings: []string{".sarif", ".sarif.json"}, check: verdictsUntilWriteFails(report.CheckSARIF)},
	{
		name: "markdown", endings: []string{".md", ".markdown"},
		report: untilWriteFails(report.Markdown), check: verdictsUntilWriteFails(report.CheckMarkdown), diff: report.DiffMarkdown,
	},
	{
		name: "html", endings: []string{".html", ".htm"},
		report: report.HTML, check: report.CheckHTML, diff: report.DiffHTML,
	},
	{name: "dockerfile", endings: []string{".dockerfile"}, report: untilWriteFails(report.Dockerfile)},
	{name: "github", check: verdictsUntilWriteFails(report.CheckGitHub)},
	{name: "gitlab", check: verdictsUntilWriteFails(report.CheckGitLab)},
}

// formOf returns the form of this name, nil if there is none.
func formOf(name string) *form {
	for i := range forms {
		if forms[i].name == name {
			return &forms[i]
		}
	}
	return nil
}

// formNames returns the names of the forms that a command has.
func formNames(has func(*form) bool) []string {
	var names []string
	for i := range forms {
		if has(&forms[i]) {
			names = append(names, forms[i].name)
		}
	}
	return names
}

// formOfFile returns the form that the ending of a file's name means, or "". The longest ending
// counts.
func formOfFile(file string) string {
	name, longest := "", ""
	base := strings.ToLower(filepath.Base(file))
	for _, f := range forms {
		for _, e := range f.endings {
			if len(e) > len(longest) && strings.HasSuffix(base, e) {
				name, longest = f.name, e
			}
		}
	}
	return name
}

// standardOutput is the file name for standard output.
const standardOutput = "-"

// An output is one form of a report and where it goes.
type output struct {
	format string
	file   string // or standardOutput
}

// outputFlags are the flags -f and -o of a command that writes in several forms:
// each may be given several times.
type outputFlags struct {
	known []string // the forms, the one that is written without -f first
	given []given  // in the order of the command line
}

// given is one flag as it was given: a form, or a file.
type given struct {
	value  string
	isFile bool
}

// addTo adds the flags to a command.
func (f *outputFlags) addTo(c *cobra.Command, known ...string) {
	f.known = known
	c.Flags().VarP(&outputFlag{f, false}, "format", "f", "output format: "+strings.Join(known, ", ")+`; repeat with an -o after each for several (default: by the ending of -o's file, else `+known[0]+`)`)
	c.Flags().VarP(&outputFlag{f, true}, "output", "o", `file for the -f before it, or whose ending says the format; - is standard output (default "-")`)
	offer(c, "format", known...)
}

// outputs returns what to write and where, in the order of the formats: -f and
// -o form pairs in order; if there are fewer -o, each belongs to the preceding
// -f, and a format without a file goes to standard output. Without -f, the ending of each file's
// name says its format.
func (f *outputFlags) outputs() (out []output, err error) {
	var files []string
	loose := false // an -o without its own -f before it
	for _, g := range f.given {
		if g.isFile {
			files = append(files, g.value)
			if n := len(out); n > 0 && out[n-1].file == "" {
				out[n-1].file = g.value
			} else {
				loose = true
			}
			continue
		}
		if !slices.Contains(f.known, g.value) {
			return nil, usage("", "%w", unknownWord("format", g.value, f.known))
		}
		out = append(out, output{format: g.value})
	}
	if len(out) == 0 {
		if out, err = f.byEnding(files); err != nil {
			return nil, err
		}
	}
	switch {
	case slices.Contains(files, ""):
		return nil, usage("-o - for standard output", "the file to write has no name")
	case len(files) == len(out):
		for i := range out {
			out[i].file = files[i]
		}
	case loose:
		return nil, usage("-f json -o FILE -f text -o -", "%s for %s: write each -o after its -f", human.Count(len(files), "file", "files"), human.Count(len(out), "format", "formats"))
	}
	return out, distinct(out)
}

// byEnding returns an output for each file, in the format that the file's name means, or else the
// first; for no file, one output. A format that the command lacks is an error: another format would
// be in a file with a misleading name.
func (f *outputFlags) byEnding(files []string) ([]output, error) {
	if len(files) == 0 {
		return []output{{format: f.known[0]}}, nil
	}
	var out []output
	for _, file := range files {
		format := cmp.Or(formOfFile(file), f.known[0])
		if !slices.Contains(f.known, format) {
			return nil, usage("-f "+f.known[0]+" to write that", "-o %s: the file's name means %s, but the formats here are %s", file, format, strings.Join(f.known, ", "))
		}
		out = append(out, output{format: format})
	}
	return out, nil
}

// distinct assigns standard output to formats without a file, and rejects two formats with one
// destination.
func distinct(out []output) error {
	for i := range out {
		if fd, ok := descriptor(out[i].file); out[i].file == "" || ok && fd == 1 {
			out[i].file = standardOutput
		}
		for _, other := range out[:i] {
			if !sameFile(other.file, out[i].file) {
				continue
			}
			name := "standard output"
			if out[i].file != standardOutput {
				name = strconv.Quote(out[i].file)
			}
			return usage("-o FILE after one of them", "%s and %s would both go to %s", other.format, out[i].format, name)
		}
	}
	return nil
}

// writeOutputs writes every output, even if others fail. A closed reader only counts if nothing
// else failed.
func (a *app) writeOutputs(ctx context.Context, outs []output, write func(o output, w io.Writer) error) error {
	var all []error
	var gone error
	for _, o := range outs {
		form := func(w io.Writer) error { return write(o, w) }
		if o.file == standardOutput {
			if err := a.print(ctx, form); closedPipe(err) {
				gone = err
			} else {
				all = append(all, err)
			}
		} else if err := writeFile(ctx, o.file, form); err != nil {
			all = append(all, failed("", "cannot write the report to %s: %w", o.file, err))
		}
	}
	if err := errors.Join(all...); err != nil {
		return err
	}
	return gone
}

// outputFlag is one of the two flags.
type outputFlag struct {
	flags  *outputFlags
	isFile bool
}

var _ pflag.Value = (*outputFlag)(nil)

func (f *outputFlag) Set(s string) error {
	f.flags.given = append(f.flags.given, given{s, f.isFile})
	return nil
}

// String returns nothing: the flags' help names the defaults.
func (f *outputFlag) String() string { return "" }

func (f *outputFlag) Type() string {
	if f.isFile {
		return "file"
	}
	return "form"
}
