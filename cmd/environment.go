package cmd

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/peelhq/peel/internal/alike"
)

// environmentPrefix is the prefix of variables that set flags.
const environmentPrefix = "PEEL_"

// notByEnvironment are flags without a variable: what a command writes or overwrites must be
// given each time. PEEL_VERSION is the version for an installer to install.
var notByEnvironment = []string{"help", "version", "output", "force", "init", "write"}

// byEnvironment marks a flag whose value is that of its variable.
const byEnvironment = "environment"

// variable is the environment's name of a flag: "PEEL_MIN_EFFICIENCY".
func variable(flag string) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromEnvironment sets a command's flags from the environment. A flag on the command line
// overrides its variable, and an empty variable is ignored.
func fromEnvironment(c *cobra.Command) (err error) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		text := os.Getenv(variable(f.Name))
		if _, refused := f.Value.(refusedFlag); refused {
			return
		}
		if err != nil || f.Changed || text == "" || slices.Contains(notByEnvironment, f.Name) {
			return
		}
		values := []string{text}
		if repeatable(f) {
			values = strings.Split(strings.Trim(text, "\n"), "\n")
		}
		if f.Value.Type() == "bool" {
			values[0], err = switched(text)
		}
		for _, value := range values {
			if err == nil {
				err = c.Flags().Set(f.Name, strings.TrimSuffix(value, "\r"))
			}
		}
		if err != nil {
			err = usage("", "%s in the environment: %w", variable(f.Name), err)
			return
		}
		_ = c.Flags().SetAnnotation(f.Name, byEnvironment, []string{variable(f.Name)}) // can't fail: the flag exists
	})
	return err
}

// switched reads a variable that switches something on or off.
func switched(text string) (string, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "1", "t", "true", "y", "yes", "on":
		return "true", nil
	case "0", "f", "false", "n", "no", "off":
		return "false", nil
	}
	return "", fmt.Errorf("%q is neither true nor false", text)
}

// repeatable reports whether a flag may be given more than once for more values.
func repeatable(f *pflag.Flag) bool {
	if r, ok := f.Value.(*ruleFlag); ok {
		return r.setting.Kind.Many
	}
	_, list := f.Value.(pflag.SliceValue)
	return list
}

// leastSlip is the minimum length of a name, without the prefix, to count as a misspelling:
// shorter names resemble too many others.
const leastSlip = 6

// noteVariables reports variables that are spelled almost like one for a flag.
func (a *app) noteVariables(root *cobra.Command) {
	var flags []string
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		rest, ours := strings.CutPrefix(name, environmentPrefix)
		if !ours || value == "" || len(rest) < leastSlip {
			continue
		}
		if flags == nil {
			flags = variablesOf(root)
		}
		if meant := alike.Meant(flags, rest); meant != "" && meant != rest {
			a.say("%s in the environment is not a variable of peel; did you mean %s?", name, environmentPrefix+meant)
		}
	}
}

// variablesOf are the variables of a command's flags, and of those below it, without
// the prefix.
func variablesOf(c *cobra.Command) []string {
	var out []string
	for _, flags := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) { out = append(out, strings.TrimPrefix(variable(f.Name), environmentPrefix)) })
	}
	for _, sub := range c.Commands() {
		out = append(out, variablesOf(sub)...)
	}
	return out
}
