package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze"
)

// ruleset is what a check goes by: defaults, under what a file says, under what
// flags say.
type ruleset struct {
	analyze.Rules
	base  string   // as --base takes it; "" if nothing says
	from  string   // the file that was read; "" if none was
	notes []string // what is to be known of that file

	given map[string][]string // by setting: the values that count, as they were written
}

// A setting is one thing that a rules file and the flags of check can say. Its
// name is the file's key, and the flag's.
type setting struct {
	name  string
	takes string // what its value is: "ratio", "size", "count", "growth", "glob", "layers"
	short string // for the flag's help; "" if it is no flag of check alone
	long  string // for a file's comment and the documentation: a sentence or two
	try   string // a value to show

	set func(*ruleset, string) error
	// limit returns whether the rule is on, and what its breach weighs; nil for
	// what is no rule.
	limit func(*ruleset) (on *bool, severity *analyze.Severity)
}

// settings are all there are, in the order in which rules are checked.
var settings = []setting{
	rule("min-efficiency", "ratio", "90%", parseRatio, func(r *ruleset) *analyze.Limit[float64] { return &r.MinEfficiency },
		"visible bytes' least share of the stored ones",
		"Visible bytes ÷ stored bytes is at least this."),
	rule("max-wasted", "size", "20MB", parseSize, func(r *ruleset) *analyze.Limit[int64] { return &r.MaxWasted },
		"most wasted bytes",
		"Wasted bytes, those that would go if the image were squashed, are at most this."),
	rule("max-user-wasted", "ratio", "10%", parseRatio, func(r *ruleset) *analyze.Limit[float64] { return &r.MaxUserWasted },
		"most wasted share of what user layers store",
		"Wasted bytes of the layers above the base ÷ what those store is at most this."),
	rule("max-size", "size", "500MB", parseSize, func(r *ruleset) *analyze.Limit[int64] { return &r.MaxSize },
		"most stored bytes",
		"Stored bytes, the content of all layers, are at most this."),
	rule("max-compressed-size", "size", "200MB", parseSize, func(r *ruleset) *analyze.Limit[int64] { return &r.MaxCompressedSize },
		"most bytes of the layers as they are compressed",
		"The layers' blobs, as they are pulled, have at most this many bytes. Not checked where a layer is not compressed."),
	rule("max-layers", "count", "20", parseCount, func(r *ruleset) *analyze.Limit[int64] { return &r.MaxLayers },
		"most layers",
		"There are at most this many layers, the base image's included."),
	rule("max-layer-size", "size", "100MB", parseSize, func(r *ruleset) *analyze.Limit[int64] { return &r.MaxLayerSize },
		"most stored bytes of a layer",
		"No layer, the base image's included, stores more than this."),
	rule("max-files", "count", "50000", parseCount, func(r *ruleset) *analyze.Limit[int64] { return &r.MaxFiles },
		"most files of the final image",
		"The final image has at most this many files, links and the like; directories do not count."),
	rule("max-growth", "growth", "5%", parseGrowing, func(r *ruleset) *analyze.Limit[analyze.Growing] { return &r.MaxGrowth },
		"most bytes, or share, that it stores more than the baseline",
		"Stored bytes are at most so many, or such a share, more than the baseline's. Not checked without --baseline."),
	{
		name: "forbid", takes: "glob", try: "**/.git/**",
		short: "a path that no layer may hold (repeat for more)",
		long:  "No layer holds a file at these paths, be it visible, covered or removed: it is shipped all the same.",
		set: func(r *ruleset, text string) error {
			if text == off {
				r.Forbid.On, r.Forbid.Value = false, nil
				return nil
			}
			g, err := analyze.ParseGlob(text)
			r.Forbid.On, r.Forbid.Value = true, append(r.Forbid.Value, g)
			return err
		},
		limit: func(r *ruleset) (*bool, *analyze.Severity) { return &r.Forbid.On, &r.Forbid.Severity },
	},
	{
		name: "ignore", takes: "glob", try: "/var/lib/dpkg",
		short: "a path whose waste does not count (repeat for more)",
		long:  "Waste at these paths counts in no rule: the figures of waste are computed without it. Sizes stay what they are.",
		set: func(r *ruleset, text string) error {
			if text == off {
				r.Ignore = nil
				return nil
			}
			g, err := analyze.ParseGlob(text)
			r.Ignore = append(r.Ignore, g)
			return err
		},
	},
	{
		name: "min-wasted", takes: "size", try: "1MB",
		short: "the floor: less waste than this fails no rule",
		long:  "The floor: less waste than this fails none of min-efficiency, max-wasted and max-user-wasted.",
		set: func(r *ruleset, text string) (err error) {
			r.MinWasted, err = parseFloor(text)
			return err
		},
	},
	{
		name: "base", takes: "layers", try: "1",
		long: "Which layers are the base image's: how many, or a digest, or an image. Default: what the image says of itself, else 1.",
		set: func(r *ruleset, text string) error {
			r.base = text
			return nil
		},
	},
}

// rule returns the setting of a rule that has a limit.
func rule[T any](name, takes, try string, parse func(string) (T, error), of func(*ruleset) *analyze.Limit[T], short, long string) setting {
	return setting{
		name: name, takes: takes, try: try, short: short, long: long,
		set: func(r *ruleset, text string) (err error) {
			l := of(r)
			if l.On = text != off; l.On {
				l.Value, err = parse(text)
			}
			return err
		},
		limit: func(r *ruleset) (*bool, *analyze.Severity) { l := of(r); return &l.On, &l.Severity },
	}
}

// defaults are the values of the rules that are on when nothing is said.
var defaults = map[string]string{"min-efficiency": "0.9", "max-user-wasted": "0.1"}

// newRuleset returns the defaults.
func newRuleset() *ruleset {
	r := &ruleset{given: map[string][]string{}}
	for i := range settings {
		s := &settings[i]
		if s.limit != nil {
			_, severity := s.limit(r)
			*severity = analyze.Error
		}
		if text, ok := defaults[s.name]; ok {
			_ = s.set(r, text) // a test reads them
		}
	}
	return r
}

// settingNamed returns the setting of a name, nil if there is none.
func settingNamed(name string) *setting {
	i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return &settings[i]
}

// many reports whether s takes any number of values.
func (s *setting) many() bool { return s.takes == "glob" }

// say gives s another value: the latest counts, of globs all but those before
// an "off".
func (r *ruleset) say(s *setting, text string) error {
	if before := r.given[s.name]; !s.many() || text == off || len(before) == 1 && before[0] == off {
		r.given[s.name] = nil
	}
	r.given[s.name] = append(r.given[s.name], text)
	return s.set(r, text)
}

// severities are the words for what the breach of a rule weighs.
var severities = map[string]analyze.Severity{"error": analyze.Error, "warn": analyze.Warning}

// weigh gives the rule of a name a severity, or switches it off. A rule that has
// no limit cannot be heeded: that is an error, not silence.
func (r *ruleset) weigh(name, word string) error {
	s := settingNamed(name)
	if s == nil || s.limit == nil {
		return fmt.Errorf("%q is no rule: there are %s", name, strings.Join(ruleNames(), ", "))
	}
	on, severity := s.limit(r)
	weight, ok := severities[word]
	switch {
	case word == off:
		*on = false
		r.given[name] = []string{off}
		return nil
	case !ok:
		return fmt.Errorf(`%q is no severity: give "error", "warn" or "off"`, word)
	case !*on:
		return fmt.Errorf("%s is %s, and the rule is off: give it a limit", name, word)
	}
	*severity = weight
	return nil
}

// ruleNames are the names of what has a severity.
func ruleNames() []string {
	var names []string
	for _, s := range settings {
		if s.limit != nil {
			names = append(names, s.name)
		}
	}
	return names
}
