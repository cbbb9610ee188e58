package cmd

import (
	"cmp"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The layout of fang's help: its widest line, the indent of texts and of flags, and the gap after
// the longest flag.
const (
	helpColumns = 120
	textIndent  = 2
	flagIndent  = 4
	flagGap     = 2
)

// valueNames are the names of values that neither the flag's name nor the value's type gives.
var valueNames = map[string]string{
	"baseline": "IMAGE", "choose": "ID", "compress": "gzip|zstd", "config": "FILE", "dockerfile": "FILE", "drop": "PATH", "error": "RULE", "format": "FORMAT",
	"insecure-registry": "HOST", "layers": "I..J", "since": "DATE", "sort": "ORDER", "sum": "SHA256", "to": "STORE", "via": "store|api", "warn": "RULE",
}

// valueName returns the name of a flag's value for people: "SIZE"; "" for a flag without one.
func valueName(f *pflag.Flag) string {
	kind := f.Value.Type()
	switch kind {
	case "bool":
		return ""
	case "int", "int64", "float64", "N":
		return "N"
	case "switch":
		return "on|off"
	case "scope":
		return "own|image"
	}
	if name, ok := valueNames[f.Name]; ok {
		return name
	}
	if kind == "string" || kind == "stringArray" || strings.Contains(kind, "|") {
		kind = f.Name
	}
	return strings.ToUpper(kind)
}

// helpWidth returns the width of help: that of the terminal, else COLUMNS or 80.
func (a *app) helpWidth() (columns int, onTerminal bool) {
	if tty, ok := terminal(a.stdout); ok {
		return min(terminalWidth(tty), helpColumns), true
	}
	wide, _ := strconv.Atoi(os.Getenv("COLUMNS"))
	return min(max(cmp.Or(wide, 80), 40), helpColumns), false
}

// shownHelp returns a copy of a command for fang's help: flags have the names of their values,
// subcommands have no flags, and lines break between words. fang itself also breaks them at
// hyphens, within the names of flags. In a file, each flag is one line.
func shownHelp(c *cobra.Command, columns int, onTerminal bool) *cobra.Command {
	shown := bare(c)
	shown.Long, shown.Example = wrapHelp(cmp.Or(c.Long, c.Short), columns-textIndent), c.Example
	widest := 0
	var flags []*pflag.Flag
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		f = &pflag.Flag{Name: f.Name, Shorthand: f.Shorthand, Usage: f.Usage, Value: f.Value, DefValue: f.DefValue}
		if name := valueName(f); name != "" {
			f.Name += " " + name
		}
		n := len("--") + len(f.Name)
		if f.Shorthand != "" {
			n += len("-x ")
		}
		flags, widest = append(flags, f), max(widest, n)
	})
	for _, sub := range c.Commands() {
		widest = max(widest, len(briefUse(sub)))
	}
	room := columns - flagIndent - widest - flagGap
	fit := func(text string) string {
		if !onTerminal || room < 20 {
			return text
		}
		return strings.Join(wrapText(text, room), "\n")
	}
	for _, f := range flags {
		f.Usage = fit(f.Usage)
		shown.Flags().AddFlag(f)
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" {
			shown.AddCommand(&cobra.Command{Use: briefUse(sub), Short: fit(sub.Short), Run: func(*cobra.Command, []string) {}})
		}
	}
	// The usage begins with the names of the commands above.
	under := shown
	for p := c.Parent(); p != nil; p = p.Parent() {
		above := bare(p)
		above.AddCommand(under)
		under = above
	}
	under.SetOut(c.OutOrStdout())
	return shown
}

// optionalFlag matches an optional flag in a command's usage.
var optionalFlag = regexp.MustCompile(` \[-[^]]*\]`)

// briefUse is a command's usage without its flags.
func briefUse(c *cobra.Command) string { return optionalFlag.ReplaceAllString(c.Use, "") }

// bare is a command without flags, texts and subcommands.
func bare(c *cobra.Command) *cobra.Command {
	return &cobra.Command{Use: c.Use, DisableFlagsInUseLine: c.DisableFlagsInUseLine, Run: func(*cobra.Command, []string) {}}
}

// listLine matches a line of a list in a help text: a name, and after a gap its meaning.
var listLine = regexp.MustCompile(`^(  +\S.*?  +)(\S.*)$`)

// wrapHelp wraps a help text. The second column of a list stays one.
func wrapHelp(text string, w int) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		lead, rest := "", line
		if m := listLine.FindStringSubmatch(line); len(m) > 1 && w-len(m[1]) >= 20 {
			lead, rest = m[1], m[2]
		}
		for i, part := range wrapText(rest, w-len(lead)) {
			if i > 0 {
				lead = strings.Repeat(" ", len(lead))
			}
			out = append(out, lead+part)
		}
	}
	return strings.Join(out, "\n")
}

// wrapText breaks a text into lines of at most w columns between its words; a longer word is a
// line of its own. It returns at least one line.
func wrapText(text string, w int) []string {
	var lines []string
	line := ""
	for word := range strings.SplitSeq(text, " ") {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= w:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
