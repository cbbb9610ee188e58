package cmd

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/peelhq/peel/analyze"
)

// checkFlags are the values of check's flags.
type checkFlags struct {
	set        *pflag.FlagSet // the command's flags
	rules      []*ruleFlag    // in the order of analyze.Settings
	weights    []weight       // as given
	config     string
	baseline   string
	mayLack    bool // the baseline may be missing
	dockerfile string
	init       bool
	print      bool // print the rules, and check nothing
	details    bool // show every finding in full
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
	return cmp.Or(f.setting.Without, analyze.Off)
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
			return unknownWord("rule", name, analyze.RuleNames())
		}
		*f.all = append(*f.all, weight{name, f.word})
	}
	return nil
}

func (f *weightFlag) Type() string { return "rules" }

// register gives a command the flags.
func (f *checkFlags) register(c *cobra.Command) {
	f.set = c.Flags()
	for _, s := range analyze.Settings() {
		if s.Help != "" {
			flag := &ruleFlag{setting: s}
			f.rules = append(f.rules, flag)
			c.Flags().Var(flag, s.Name, s.Help)
		}
	}
	c.Flags().Var(&weightFlag{"warn", &f.weights}, "warn", "rule that only warns (repeatable)")
	c.Flags().Var(&weightFlag{"error", &f.weights}, "error", "rule that fails the check (repeatable)")
	for _, name := range []string{"warn", "error"} {
		offer(c, name, analyze.RuleNames()...)
	}
	c.Flags().StringVar(&f.config, "config", "", `rules file, or "none" (default: `+peelFile+`, else `+diveFile+` in this folder or above, up to the root of the repository)`)
	c.Flags().StringVar(&f.baseline, "baseline", "", "image, or its report from -f json, to compare growth with")
	c.Flags().BoolVar(&f.mayLack, "baseline-if-present", false, "skip the growth rules if the baseline does not exist yet")
	c.Flags().StringVar(&f.dockerfile, "dockerfile", "", `Dockerfile of the image, or "none"; findings name its lines (default: ./Dockerfile or ./Containerfile, if it fits the image)`)
	_ = c.MarkFlagFilename("dockerfile") // can't fail: the flag exists
	c.Flags().BoolVar(&f.details, "details", false, "in text, show every finding in full")
	c.Flags().BoolVar(&f.init, "init", false, "write a rules file with the values of "+diveFile+" and of the flags, and exit")
	c.Flags().BoolVar(&f.print, "print-config", false, "print all rules with their values and where each comes from (-f text or json), and exit")
}

// inForce returns the effective rules: flags override the rules file, which overrides the
// defaults. Globs add to the file's.
func (f *checkFlags) inForce(ctx context.Context, a *app, config *pflag.Flag) (*checkConfig, error) {
	c := &checkConfig{flags: f}
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
		files, err := a.loadRules(ctx, path, named)
		if err != nil {
			return nil, badRules(ctx, err)
		}
		c.files = files
	}
	return c, c.check()
}

// badRules is the error of unreadable rules: bad configuration, unless the run was interrupted.
func badRules(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	try := ""
	if errors.Is(err, fs.ErrNotExist) {
		try = "peel check --init, which writes a " + peelFile
	}
	return usage(try, "%w", err)
}

// growing rejects a flag of growth without a baseline, which would have no effect.
func (f *checkFlags) growing(r *ruling) error {
	for _, flag := range f.rules {
		if s := flag.setting; s.OfGrowth && len(flag.given) > 0 && r.On(s) && r.baseline == nil {
			return usage("--baseline IMAGE, or --baseline report.json", "--%s: no baseline to compare with", s.Name)
		}
	}
	return nil
}

// origin is where a flag's value comes from.
func (f *checkFlags) origin(name string) origin {
	from := origin{flag: name}
	if flag := f.set.Lookup(name); flag != nil && len(flag.Annotations[byEnvironment]) > 0 {
		from.variable = flag.Annotations[byEnvironment][0]
	}
	return from
}

// apply applies the flags to r. A severity for a rule that is off is an error, unless the rule is
// on for other images of the check.
func (f *checkFlags) apply(r *ruling, elsewhere func(rule string) bool) error {
	r.mayLack = f.mayLack
	if f.baseline != "" {
		r.baseline = &place{text: f.baseline, from: f.origin("baseline")}
	}
	if f.dockerfile != "" {
		r.dockerfile = &place{text: f.dockerfile, from: f.origin("dockerfile")}
	}
	for _, flag := range f.rules {
		s := flag.setting
		for _, text := range flag.given {
			if err := r.take([]saying{{setting: s, word: text, from: f.origin(s.Name)}}); err != nil {
				return usage("", "--%s %s: %w", s.Name, text, errors.Unwrap(err))
			}
		}
	}
	for _, w := range f.weights {
		if s := analyze.SettingNamed(w.rule); s != nil && !r.On(s) && elsewhere(w.rule) {
			continue
		}
		if err := r.take([]saying{{rule: w.rule, word: w.word, from: f.origin(w.word)}}); err != nil {
			return usage("--"+w.rule+" with a limit", "--%s %s: %w", w.word, w.rule, errors.Unwrap(err))
		}
	}
	return nil
}
