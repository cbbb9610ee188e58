package cmd

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// diveRules is the key of the rules in a .dive-ci.
const diveRules = "rules"

// diveKeys are dive's rules, in the spellings of all its versions, and peel's of
// the same meaning.
// Source: wagoodman/dive, README.md, "CI Integration"; since 0.13 its own files
// have the names with hyphens.
var diveKeys = map[string]string{
	"lowestEfficiency":            "min-efficiency",
	"lowest-efficiency":           "min-efficiency",
	"lowest-efficiency-threshold": "min-efficiency",
	"highestWastedBytes":          "max-wasted",
	"highest-wasted-bytes":        "max-wasted",
	"highestUserWastedPercent":    "max-user-wasted",
	"highest-user-wasted-percent": "max-user-wasted",
}

// diveDisabled switches a rule of dive's off.
const diveDisabled = "disabled"

// diveNotes say how peel's figures differ from those that a .dive-ci was
// written for.
var diveNotes = []string{
	"the limits are dive's, the figures peel's: wasted is, to the byte, what a squash would save, and efficiency the rest's share of all",
	"dive counts all copies of a path as wasted, the visible one too, but not every deleted directory; its efficiency differs likewise, so that a limit may want another value",
}

// isDive reports whether a rules file is one of dive's.
func isDive(root *yaml.Node) bool {
	for i := 0; i < len(root.Content); i += 2 {
		key := root.Content[i].Value
		if _, ok := diveKeys[key]; ok || key == diveRules {
			return true
		}
	}
	return false
}

// readDive reads the content of a .dive-ci into r. Its shares are from 0 to 1,
// the "percent" too; what it leaves out has dive's defaults, which are peel's.
func (r *ruleset) readDive(root *yaml.Node) error {
	r.notes = append(r.notes, diveNotes...)
	lines := map[string]int{}
	rules := func(key, value *yaml.Node) error {
		name, ok := diveKeys[key.Value]
		if !ok {
			return at(key, "%q is no rule of dive's: there are lowestEfficiency, highestWastedBytes, highestUserWastedPercent", key.Value)
		}
		if first := lines[name]; first > 0 {
			return at(key, "%q stands there twice, with another spelling: in line %d, too", key.Value, first)
		}
		lines[name] = key.Line
		word, err := text(key, value)
		if err != nil {
			return err
		}
		if strings.EqualFold(word, diveDisabled) {
			word = off
		}
		if err := r.say(settingNamed(name), word); err != nil {
			return at(value, "%s: %q: %w", key.Value, word, err)
		}
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
