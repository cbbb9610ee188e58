package cmd

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// severityKey is the key of the severities in a rules file.
const severityKey = "severity"

// readPeel reads the content of a .peel.yaml into r.
func (r *ruleset) readPeel(root *yaml.Node) error {
	var weights *yaml.Node
	err := pairs(root, func(key, value *yaml.Node) error {
		if key.Value == severityKey {
			weights = value
			return nil
		}
		s := settingNamed(key.Value)
		if s == nil {
			return at(key, "%q is no rule: there are %s", key.Value, strings.Join(fileKeys(), ", "))
		}
		if s.many() && value.Kind == yaml.SequenceNode {
			return r.readList(s, key, value)
		}
		return r.readValue(s, key, value)
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
		if err := r.weigh(key.Value, word); err != nil {
			return at(value, "%w", err)
		}
		return nil
	})
}

// readValue gives s the value of its key.
func (r *ruleset) readValue(s *setting, key, value *yaml.Node) error {
	word, err := text(key, value)
	if err != nil {
		return err
	}
	if err := r.say(s, word); err != nil {
		return at(value, "%s: %q: %w", key.Value, word, err)
	}
	return nil
}

// readList gives s every value of a list.
func (r *ruleset) readList(s *setting, key, list *yaml.Node) error {
	if len(list.Content) == 0 {
		return at(list, "%s: the list is empty; leave it out, or write off", key.Value)
	}
	for _, item := range list.Content {
		if item.Kind == yaml.ScalarNode && item.Value == off {
			return at(item, `%s: off among globs; a file of that name is "**/off"`, key.Value)
		}
		if err := r.readValue(s, key, item); err != nil {
			return err
		}
	}
	return nil
}

// fileKeys are the keys of a rules file.
func fileKeys() []string {
	keys := make([]string, 0, len(settings)+1)
	for _, s := range settings {
		keys = append(keys, s.name)
	}
	return append(keys, severityKey)
}
