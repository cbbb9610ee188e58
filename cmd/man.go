package cmd

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manCommand prints the manual page. It is hidden: packages use it.
func (a *app) manCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "man",
		Short:  "Print the manual page",
		Hidden: true,
		Args:   wantArgs(0, 0, "no arguments"),
		RunE: a.run(func(ctx context.Context, _ []string) error {
			return a.print(ctx, func(w io.Writer) error {
				_, err := io.WriteString(w, manual(root))
				return err
			})
		}),
	}
}

// manual writes the program's commands as one page for man. The page has no date and no version, so
// the same program gives the same bytes.
func manual(root *cobra.Command) string {
	var m man
	fmt.Fprintf(&m, ".TH %s 1 \"\" %s \"User Commands\"\n", strings.ToUpper(root.Name()), root.Name())
	m.section("NAME")
	m.text(root.Name() + " - " + lowerFirst(root.Short))
	m.section("SYNOPSIS")
	m.synopsis(root)
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && c.Name() != "completion" && c.Name() != "help" {
			m.synopsis(c)
		}
	}
	m.section("DESCRIPTION")
	m.paragraphs(rootAbout())
	m.section("COMMON OPTIONS")
	root.LocalFlags().VisitAll(m.flag)
	m.section("COMMANDS")
	for _, c := range root.Commands() {
		if !c.IsAvailableCommand() || c.Name() == "help" {
			continue
		}
		fmt.Fprintf(&m, ".SS %q\n", roff("peel "+c.Use))
		m.paragraphs(c.Long)
		c.LocalNonPersistentFlags().VisitAll(m.flag)
	}
	m.section("EXIT STATUS")
	for _, e := range exitMeanings {
		fmt.Fprintf(&m, ".TP\n.B %d\n", e.code)
		m.text(e.means)
	}
	m.section("EXAMPLES")
	m.WriteString(".nf\n")
	for line := range strings.Lines(strings.TrimSpace(root.Example)) {
		m.text(strings.TrimSpace(line))
	}
	m.WriteString(".fi\n")
	return m.String()
}

// man is a manual page while it is written.
type man struct{ strings.Builder }

func (m *man) section(title string) { fmt.Fprintf(m, ".SH %s\n", title) }

// text adds a line of plain text.
func (m *man) text(s string) { m.WriteString(roff(s) + "\n") }

func (m *man) synopsis(c *cobra.Command) {
	fmt.Fprintf(m, ".B %s\n", c.Root().Name())
	use := strings.TrimPrefix(strings.TrimPrefix(c.Use, c.Root().Name()), " ")
	m.text(strings.TrimSuffix(use, " [command]") + " [OPTIONS]")
	m.WriteString(".br\n")
}

// paragraphs adds text with empty lines between paragraphs. Indented lines stay separate lines.
func (m *man) paragraphs(s string) {
	for p := range strings.SplitSeq(strings.TrimSpace(s), "\n\n") {
		m.WriteString(".PP\n")
		list := strings.HasPrefix(p, "  ")
		if list {
			m.WriteString(".nf\n")
		}
		for line := range strings.Lines(p) {
			m.text(strings.TrimRight(line, "\n"))
		}
		if list {
			m.WriteString(".fi\n")
		}
	}
}

func (m *man) flag(f *pflag.Flag) {
	if f.Hidden || f.Name == "help" {
		return
	}
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	fmt.Fprintf(m, ".TP\n\\fB%s\\fP", roff(name))
	if value := valueName(f); value != "" {
		fmt.Fprintf(m, " \\fI%s\\fP", roff(value))
	}
	m.WriteByte('\n')
	usage := f.Usage
	if f.DefValue != "" && f.DefValue != "false" {
		usage += " (default " + f.DefValue + ")"
	}
	m.text(usage)
}

// roff escapes a line of text for man.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
