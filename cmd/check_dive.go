package cmd

import (
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/peelhq/peel/analyze"
)

// diveRules is the key of the rules in a .dive-ci.
const diveRules = "rules"

// diveRule returns the rule that dive has under a name, in the spelling of any of
// its versions; nil if it has none.
func diveRule(name string) *analyze.Setting {
	for _, s := range analyze.Settings() {
		if slices.Contains(s.Dive, name) {
			return s
		}
	}
	return nil
}

// diveNames are the names of dive's rules, each in one spelling.
func diveNames() []string {
	var names []string
	for _, s := range analyze.Settings() {
		if len(s.Dive) > 0 {
			names = append(names, s.Dive[0])
		}
	}
	return names
}

// diveOff are the values that switch off a rule of dive's, in any case. Source: wagoodman/dive,
// cmd/dive/cli/internal/command/ci/rules.go.
var diveOff = []string{"disabled", "off", "false", ""}

// diveDefaults are the defaults of a .dive-ci. Source: wagoodman/dive,
// cmd/dive/cli/internal/options/ci_rules.go.
var diveDefaults = []struct{ name, value string }{
	{"scope", "image"}, {"min-efficiency", "0.9"}, {"max-user-wasted", "0.1"},
}

// diveNotes say how peel's figures differ from those that a .dive-ci was
// written for.
var diveNotes = []string{
	"peel applies dive's limits to its own figures: wasted is exactly what a squash would save, and efficiency is the visible share of what the image stores (scope: image)",
	"dive counts all copies of a path as wasted, including the visible one, but not every deleted directory; its efficiency differs too, so you may need another limit",
}

// isDive reports whether a rules file is one of dive's.
func isDive(root *yaml.Node) bool {
	for i := 0; i < len(root.Content); i += 2 {
		key := root.Content[i].Value
		if key == diveRules || diveRule(key) != nil {
			return true
		}
	}
	return false
}

// readDive parses a .dive-ci into f. Its shares are from 0 to 1, even the "percent"; missing
// values have dive's defaults. Its efficiency is that of the whole image.
func readDive(f *rulesFile, root *yaml.Node) error {
	f.notes, f.dive = append(f.notes, diveNotes...), true
	for _, d := range diveDefaults {
		f.says = append(f.says, saying{setting: analyze.SettingNamed(d.name), word: d.value, from: origin{file: f.path}})
	}
	lines := map[*analyze.Setting]int{}
	rules := func(key, value *yaml.Node) error {
		s := diveRule(key.Value)
		if s == nil {
			hint := ""
			if filepath.Base(f.path) != diveFile {
				hint = "; dive's files have a key \"rules\", peel's files don't: their rules are at the top level"
			}
			return at(key, "unknown rule of dive %q: the rules are %s%s", key.Value, strings.Join(diveNames(), ", "), hint)
		}
		if first := lines[s]; first > 0 {
			return at(key, "%q occurs twice, also on line %d with another spelling", key.Value, first)
		}
		lines[s] = key.Line
		word, err := diveText(key, value)
		if err != nil {
			return err
		}
		if err := analyze.NoRules().Say(s, word); err != nil {
			return at(value, "%s: %q: %w", key.Value, word, err)
		}
		f.says = append(f.says, saying{setting: s, word: word, from: origin{file: f.path, line: value.Line}})
		return nil
	}
	return pairs(root, func(key, value *yaml.Node) error {
		if key.Value != diveRules {
			return rules(key, value)
		}
		if value.Kind != yaml.MappingNode || len(value.Content) == 0 {
			return at(key, `%s has to be a map, as "lowestEfficiency: 0.95"`, diveRules)
		}
		return pairs(value, rules)
	})
}

// diveText returns the value of one of dive's keys as the rule's setting takes it.
func diveText(key, value *yaml.Node) (string, error) {
	if value.Kind == yaml.ScalarNode && value.Tag != "!!null" && slices.Contains(diveOff, strings.ToLower(strings.TrimSpace(value.Value))) {
		return analyze.Off, nil
	}
	return text(key, value)
}
