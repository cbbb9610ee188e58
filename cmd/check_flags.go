package cmd

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/peelhq/peel/analyze"
)

// checkFlags are what the flags of check say.
type checkFlags struct {
	rules      []*ruleFlag // in the order of analyze.Settings
	weights    []weight    // as given
	config     string
	baseline   string
	dockerfile string
	init       bool
}

// A weight is a severity that a flag gives to a rule.
type weight struct{ rule, word string }

// ruleFlag is the flag of one setting: its values, each of which can be read.
type ruleFlag struct {
	setting *analyze.Setting
	given   []string
}

// weightFlag gives rules a severity: "max-layers", "max-layers,forbid".
type weightFlag struct {
	word string
	all  *[]weight
}

var (
	_ pflag.Value = (*ruleFlag)(nil)
	_ pflag.Value = (*weightFlag)(nil)
)

func (f *ruleFlag) String() string {
	if len(f.given) > 0 {
		return strings.Join(f.given, " ")
	}
	if f.setting.Default != "" || f.setting.Kind.Many {
		return f.setting.Default
	}
	return analyze.Off
}

func (f *ruleFlag) Set(s string) error {
	if err := analyze.NoRules().Say(f.setting, s); err != nil {
		return err
	}
	f.given = append(f.given, s)
	return nil
}

func (f *ruleFlag) Type() string { return f.setting.Kind.Name }

func (f *weightFlag) String() string { return "" }

func (f *weightFlag) Set(s string) error {
	for name := range strings.SplitSeq(s, ",") {
		if !slices.Contains(analyze.RuleNames(), name) {
			return fmt.Errorf("unknown rule %q: the rules are %s", name, strings.Join(analyze.RuleNames(), ", "))
		}
		*f.all = append(*f.all, weight{name, f.word})
	}
	return nil
}

func (f *weightFlag) Type() string { return "rules" }

// register gives a command the flags.
func (f *checkFlags) register(c *cobra.Command) {
	for _, s := range analyze.Settings() {
		if s.Help != "" {
			flag := &ruleFlag{setting: s}
			f.rules = append(f.rules, flag)
			c.Flags().Var(flag, s.Name, s.Help)
		}
	}
	c.Flags().Var(&weightFlag{"warn", &f.weights}, "warn", "rules whose breach is a warning, and fails nothing")
	c.Flags().Var(&weightFlag{"error", &f.weights}, "error", "rules whose breach fails the check, as all do by default")
	for _, name := range []string{"warn", "error"} {
		_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(analyze.RuleNames(), cobra.ShellCompDirectiveNoFileComp)) // it knows the flag
	}
	c.Flags().StringVar(&f.config, "config", "", `the rules file, or "none" (default: `+peelFile+`, else `+diveFile+`, here or above, up to the repository's root)`)
	c.Flags().StringVar(&f.baseline, "baseline", "", "what max-growth compares with: an image, or a report -f json of it")
	c.Flags().StringVar(&f.dockerfile, "dockerfile", "", "the Dockerfile of the image: findings name its lines")
	_ = c.MarkFlagFilename("dockerfile") // it knows the flag
	c.Flags().BoolVar(&f.init, "init", false, "write a rules file to start from, with what "+diveFile+" and flags say, and check nothing")
}

// inForce returns the rules that are in force: those of flags, over those of the
// rules file, over the defaults. Globs add to the file's.
func (f *checkFlags) inForce(config *pflag.Flag) (*analyze.Rules, error) {
	r := analyze.NewRules()
	path, named := f.config, config.Changed
	if !named {
		dir, err := os.Getwd()
		if err == nil {
			path, err = findRules(dir)
		}
		if err != nil {
			return nil, usage("--config none, to check without a rules file", "%w", err)
		}
	}
	if path != "" && (!named || path != noConfig) {
		if err := readRules(r, path, named); err != nil {
			return nil, usage("", "%w", err)
		}
	}
	if err := f.apply(r); err != nil {
		return nil, err
	}
	return r, nil
}

// apply puts what the flags say over what r has.
func (f *checkFlags) apply(r *analyze.Rules) error {
	for _, flag := range f.rules {
		for _, text := range flag.given {
			if err := r.Say(flag.setting, text); err != nil {
				return usage("", "--%s %s: %w", flag.setting.Name, text, err)
			}
		}
		if s := flag.setting; s.OfGrowth && len(flag.given) > 0 && r.On(s) && f.baseline == "" {
			return usage("--baseline IMAGE, or --baseline report.json", "--%s: there is no baseline to compare with", s.Name)
		}
	}
	for _, w := range f.weights {
		if err := r.Weigh(w.rule, w.word); err != nil {
			return usage("--"+w.rule+" with a limit", "--%s %s: %w", w.word, w.rule, err)
		}
	}
	return nil
}
