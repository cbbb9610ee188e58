package cmd

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/peelhq/peel/analyze"
)

// severityKey is the key of the severities in a rules file.
const severityKey = "severity"

// readPeel reads the content of a .peel.yaml into r.
func readPeel(r *analyze.Rules, root *yaml.Node) error {
	var weights *yaml.Node
	err := pairs(root, func(key, value *yaml.Node) error {
		if key.Value == severityKey {
			weights = value
			return nil
		}
		s := analyze.SettingNamed(key.Value)
		if s == nil {
			return at(key, "unknown rule %q: the keys are %s", key.Value, strings.Join(fileKeys(), ", "))
		}
		if s.Kind.Many && value.Kind == yaml.SequenceNode {
			return readList(r, s, key, value)
		}
		return readValue(r, s, key, value)
	})
	if err != nil || weights == nil {
		return err
	}
	if weights.Kind != yaml.MappingNode || len(weights.Content) == 0 {
		return at(weights, `%s has to be a map, as "max-layers: warn"`, severityKey)
	}
	return pairs(weights, func(key, value *yaml.Node) error {
		word, err := text(key, value)
		if err != nil {
			return err
		}
		if err := r.Weigh(key.Value, word); err != nil {
			return at(value, "%w", err)
		}
		return nil
	})
}

// readValue gives s the value of its key.
func readValue(r *analyze.Rules, s *analyze.Setting, key, value *yaml.Node) error {
	word, err := text(key, value)
	if err != nil {
		return err
	}
	if err := r.Say(s, word); err != nil {
		return at(value, "%s: %q: %w", key.Value, word, err)
	}
	return nil
}

// readList gives s every value of a list.
func readList(r *analyze.Rules, s *analyze.Setting, key, list *yaml.Node) error {
	if len(list.Content) == 0 {
		return at(list, "%s: the list is empty; leave it out, or write off", key.Value)
	}
	for _, item := range list.Content {
		if item.Kind == yaml.ScalarNode && item.Value == analyze.Off {
			return at(item, `%s: off among globs; a file of that name is "**/off"`, key.Value)
		}
		if err := readValue(r, s, key, item); err != nil {
			return err
		}
	}
	return nil
}

// fileKeys are the keys of a rules file.
func fileKeys() []string {
	var keys []string
	for _, s := range analyze.Settings() {
		keys = append(keys, s.Name)
	}
	return append(keys, severityKey)
}
