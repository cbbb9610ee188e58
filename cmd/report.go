package cmd

import (
	"context"
	"io"
	"sync"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/crash"
)

// untilWriteFails adapts a form that needs no context: it writes continuously, and the writer fails
// once the context has ended.
func untilWriteFails(form func(io.Writer, *analyze.Analysis, []analyze.Finding) error) func(context.Context, io.Writer, *analyze.Analysis, []analyze.Finding) error {
	return func(_ context.Context, w io.Writer, an *analyze.Analysis, findings []analyze.Finding) error {
		return form(w, an, findings)
	}
}

func (a *app) reportCommand() *cobra.Command {
	var outputs outputFlags
	c := &cobra.Command{
		Use:   "report IMAGE",
		Short: "Write a report: totals, findings, layers, causes and waste",
		Long:  `Write a report about the whole image: its totals, what to change in the build, what each layer carries and hides, and what is wasted, why, and by which build step. docs/json.md describes the JSON format, docs/html.md the HTML page. The dockerfile format restores a Dockerfile from the image's history (docs/cli.md). Without -f, the ending of the file's name chooses the format: app.html is a page. To write several formats at once, add an -o after each -f. peel replaces existing files atomically.`,
		Example: `
peel report app.tar -o app.html
# several formats at once
peel report app.tar -f json -o app.json -f markdown -o -
`,
		Args:              wantArgs(1, 1, "one image"),
		ValidArgsFunction: complete,
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.report(ctx, args[0], &outputs)
		}),
	}
	outputs.addTo(c, formNames(func(f *form) bool { return f.report != nil })...)
	return c
}

// report writes the report on an image, in every requested form.
func (a *app) report(ctx context.Context, ref string, flags *outputFlags) error {
	outs, err := flags.outputs()
	if err != nil {
		return err
	}
	if err := a.guard(outs, ref); err != nil {
		return err
	}
	a.search, a.wantsPackages = analyze.SearchEngines, true
	files, err := a.useDockerfiles()
	if err != nil {
		return err
	}
	an, err := a.load(ctx, ref, false)
	if err != nil {
		return err
	}
	defer an.Image.Close()
	an.Dockerfile = builtFrom(an, files)
	defer beside(ctx, an)()
	findings, err := analyze.Advise(ctx, an, analyze.AdviceOptions{})
	if err != nil {
		return err
	}
	return a.writeOutputs(ctx, outs, func(o output, w io.Writer) error {
		if o.format == "text" {
			return a.layout(o).Text(w, an, findings) //nolint:contextcheck // it writes as it goes, and the writer fails once the context has ended
		}
		return formOf(o.format).report(ctx, w, an, findings)
	})
}

// beside finds an image's packages, which every report has, in a goroutine of its own. The analysis
// keeps the result. An error occurs again when the report asks for the packages. The returned
// function waits for the goroutine.
func beside(ctx context.Context, an *analyze.Analysis) (wait func()) {
	var group sync.WaitGroup
	group.Go(func() {
		var err error
		defer crash.Catch(&err)
		_, err = an.Packages(ctx)
	})
	return group.Wait
}
