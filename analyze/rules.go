package analyze

import (
	"fmt"
	"slices"
	"strings"
)

// Rules are what an image must keep to: a value for each setting that something
// was said of. NewRules makes them.
type Rules struct {
	From  string   // the file that they were read from; "" if there is none
	Notes []string // what a reader of the figures has to know of that file, a sentence each

	// OfDive says that limits were written for dive: a check then says how its ratio of
	// user layers differs.
	OfDive bool

	said map[string]*said // by setting
}

// said is what was said of one setting.
type said struct {
	on       bool
	value    any // a T of its kind; nil if it is off
	severity Severity
	given    []string // the values that count, as they were written; none if it is the default
}

// NewRules returns the rules that are in force where nothing is said.
func NewRules() *Rules {
	r := NoRules()
	for _, s := range Settings() {
		if s.Default != "" {
			_ = r.Say(s, s.Default) // a test reads them
			r.of(s).given = nil
		}
	}
	return r
}

// NoRules returns rules that ask for nothing.
func NoRules() *Rules { return &Rules{said: map[string]*said{}} }

// of returns what was said of a setting.
func (r *Rules) of(s *Setting) *said {
	x := r.said[s.Name]
	if x == nil {
		x = &said{severity: s.Severity}
		r.said[s.Name] = x
	}
	return x
}

// Say gives a setting another value, as it is written in a rules file. The latest
// counts; of globs, all that come after the last Off.
func (r *Rules) Say(s *Setting, text string) error {
	x := r.of(s)
	if s.Kind.Off && text == Off {
		x.on, x.value, x.given = false, nil, []string{Off}
		return nil
	}
	if !s.Kind.Many || !x.on {
		x.value, x.given = nil, nil
	}
	value, err := s.read(x.value, text)
	if err != nil {
		return err
	}
	x.on, x.value, x.given = true, value, append(x.given, text)
	return nil
}

// severityWords are what a rules file has for the severity of a breach.
var severityWords = map[string]Severity{"error": Error, "warn": Warning}

// Weigh gives the rule of a name a severity, "error" or "warn", or switches it
// off. A severity for a rule that is off would do nothing: it is an error.
func (r *Rules) Weigh(name, word string) error {
	s := SettingNamed(name)
	if s == nil || !s.IsRule() {
		return fmt.Errorf("unknown rule %q: the rules are %s", name, strings.Join(RuleNames(), ", "))
	}
	if word == Off {
		return r.Say(s, Off)
	}
	severity, ok := severityWords[word]
	x := r.of(s)
	switch {
	case !ok:
		return fmt.Errorf(`unknown severity %q: give "error", "warn" or "off"`, word)
	case !x.on:
		return fmt.Errorf("%s is %s, and the rule is off: %s", name, word, pick(s.Kind == switchKind.Kind, "switch it on", "give it a limit"))
	}
	x.severity = severity
	return nil
}

// On reports whether a setting has a value.
func (r *Rules) On(s *Setting) bool { return r.of(s).on }

// Severity returns what the breach of a rule weighs.
func (r *Rules) Severity(s *Setting) Severity { return r.of(s).severity }

// Given returns the values that were said of a setting and count, as they were
// written: Off for one that was switched off, nothing for one that has its
// default.
func (r *Rules) Given(s *Setting) []string { return slices.Clone(r.of(s).given) }

// Base returns which layers are the base image's, as Options.Base takes it; "" if
// nothing was said.
func (r *Rules) Base() string { return baseSetting.in(r) }

// SetBase says which layers are the base image's.
func (r *Rules) SetBase(base string) error { return r.Say(baseSetting.Setting, base) }

// String lists what is on, with limits as numbers: "min-efficiency 0.9 error;
// forbid [*.pem .git] warning; min-wasted 1000000".
func (r *Rules) String() string {
	var out []string
	for _, s := range Settings() {
		x := r.of(s)
		if !x.on {
			continue
		}
		text := fmt.Sprintf("%s %v", s.Name, x.value)
		if s.IsRule() {
			text += " " + x.severity.String()
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}
