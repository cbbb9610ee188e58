package cmd

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/report"
)

// formats are the forms of a report, by the names that -f takes.
var formats = map[string]func(io.Writer, *analyze.Analysis) error{
	"text": report.Text,
	"json": report.JSON,
	"html": report.HTML,
}

// standardOutput is the file name that means standard output.
const standardOutput = "-"

func (a *app) reportCommand() *cobra.Command {
	var format, output string
	c := &cobra.Command{
		Use:   "report IMAGE",
		Short: "Write a report: totals, layers, causes and waste",
		Long:  `Write a report on the whole image: its totals, what each layer carries and hides, and what is wasted, why, and by which build step. The JSON form is described in docs/json.md. A file that is there already is replaced, whole.`,
		Example: `
peel report app.tar -f json -o app.json
`,
		Args:              wantArgs(1, 1, "one image"),
		ValidArgsFunction: complete,
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.report(ctx, args[0], format, output)
		}),
	}
	c.Flags().StringVarP(&format, "format", "f", "text", "text or json")
	c.Flags().StringVarP(&output, "output", "o", standardOutput, "the file to write, - for standard output")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]cobra.Completion{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)) // it knows the flag
	return c
}

// report writes the report on an image.
func (a *app) report(ctx context.Context, ref, format, output string) error {
	form, ok := formats[format]
	if !ok {
		return usage("-f text, or -f json", "there is no report of the form %q", format)
	}
	if output == "" {
		return usage("-o - for standard output", "the file to write has no name")
	}
	an, err := a.load(ctx, ref, false)
	if err != nil {
		return err
	}
	defer an.Image.Close()
	write := func(w io.Writer) error { return form(w, an) }
	if output == standardOutput {
		return a.print(ctx, write)
	}
	if err := writeFile(output, write); err != nil {
		return failed("", "cannot write the report to %s: %w", output, err)
	}
	return nil
}
