package analyze

import (
	"fmt"
	"slices"
	"strings"
)

// Rules are the rules for an image: a value for each setting that was given. Create them with
// NewRules.
type Rules struct {
	From  string   // the file that they were read from, or ""
	Notes []string // what readers should know about that file, one sentence each

	// OfDive says that limits were written for dive: a check then explains how dive's ratio for
	// user layers differs.
	OfDive bool

	said map[string]*said // by setting
}

// said is the given value of one setting.
type said struct {
	on       bool
	value    any // a T of its kind; nil if off
	severity Severity
	given    []string // the effective values as written; none for the default
}

// NewRules returns the default rules.
func NewRules() *Rules {
	r := NoRules()
	for _, s := range Settings() {
		if s.Default != "" {
			_ = r.Say(s, s.Default) // a test parses them
			r.of(s).given = nil
		}
	}
	return r
}

// NoRules returns rules without any requirement.
func NoRules() *Rules { return &Rules{said: map[string]*said{}} }

// of returns the given value of a setting.
func (r *Rules) of(s *Setting) *said {
	x := r.said[s.Name]
	if x == nil {
		x = &said{severity: s.Severity}
		r.said[s.Name] = x
	}
	return x
}

// Say sets a setting to a value as written in a rules file. The last one counts; globs accumulate
// after the last Off.
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

// severityWords are the words for severities in a rules file.
var severityWords = map[string]Severity{"error": Error, "warn": Warning}

// Weigh sets the severity of a rule, "error" or "warn", or disables it. A severity for a rule
// that is off would have no effect and is an error.
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

// Severity returns the severity of a rule.
func (r *Rules) Severity(s *Setting) Severity { return r.of(s).severity }

// Given returns the effective values of a setting as written: Off if it was
// disabled, nothing if it has its default.
func (r *Rules) Given(s *Setting) []string { return slices.Clone(r.of(s).given) }

// Base returns which layers belong to the base image, in the form of Options.Base; "" if not set.
func (r *Rules) Base() string { return baseSetting.in(r) }

// SetBase sets which layers belong to the base image.
func (r *Rules) SetBase(base string) error { return r.Say(baseSetting.Setting, base) }

// String lists what is on, with limits as numbers: "min-efficiency 0.9 error; forbid [*.pem .git]
// warning; min-wasted 1000000".
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
