package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v4"

	"github.com/peelhq/peel/analyze"
	words "github.com/peelhq/peel/internal/alike"
)

// The keys of a rules file besides the settings.
const (
	severityKey   = "severity"
	extendsKey    = "extends"
	dockerfileKey = "dockerfile"
	baselineKey   = "baseline"
	imagesKey     = "images"
	waiveKey      = "waive"
	nameKey       = "name"
)

// maxImages bounds the entries of images, and the images of a check.
const maxImages = 1000

// rulesFile is what one rules file says.
type rulesFile struct {
	path string // for people: ".peel.yaml", "https://example.com/rules.yaml"
	dir  string // that its paths are relative to; "" for a fetched file

	section
	notes   []string // what people need to know to read the figures
	dive    bool     // it is a .dive-ci
	extends []extension
	images  []*section
	waivers []*imageWaiver
}

// A section is the part of a rules file about all images, or about some.
type section struct {
	name string // of the images: their name or a glob; "" for all
	from origin

	says       []saying // severities come last
	dockerfile *place
	baseline   *place
}

// A place is a path or a reference that a rules file names.
type place struct {
	text string
	from origin
	file *rulesFile // nil for a flag
	own  bool       // it is in an entry of images
}

// An imageWaiver is a waiver for some images.
type imageWaiver struct {
	*analyze.Waiver
	image string // a name or a glob; "" for all
}

// readPeel reads the content of a .peel.yaml into f.
func readPeel(f *rulesFile, root *yaml.Node) error {
	return f.section.read(f, root, func(key, value *yaml.Node) (bool, error) {
		switch key.Value {
		case extendsKey:
			return true, f.readExtends(key, value)
		case imagesKey:
			return true, f.readImages(key, value)
		case waiveKey:
			return true, f.readWaivers(key, value)
		}
		return false, nil
	})
}

// read parses a map about images. other parses the keys that are specific to this place.
func (s *section) read(f *rulesFile, root *yaml.Node, other func(key, value *yaml.Node) (bool, error)) error {
	var weights []saying
	err := pairs(root, func(key, value *yaml.Node) (err error) {
		if known, err := other(key, value); known {
			return err
		}
		switch key.Value {
		case severityKey:
			weights, err = f.readWeights(value)
			return err
		case dockerfileKey:
			s.dockerfile, err = f.readPlace(key, value)
			return err
		case baselineKey:
			s.baseline, err = f.readPlace(key, value)
			return err
		}
		setting := analyze.SettingNamed(key.Value)
		if setting == nil {
			return unknownKey(key, fileKeys(s == &f.section))
		}
		if setting.Kind.Many && value.Kind == yaml.SequenceNode {
			return s.readList(f, setting, key, value)
		}
		return s.readValue(f, setting, key, value)
	})
	s.says = append(s.says, weights...)
	return err
}

// unknownKey returns the error for a key that isn't one of the allowed keys.
func unknownKey(key *yaml.Node, known []string) error {
	meant := ""
	if m := words.Meant(known, key.Value); m != "" {
		meant = fmt.Sprintf("did you mean %q? ", m)
	}
	if key.Value == diveRules {
		meant = "rules are at the top level of the file, without it. "
	}
	if meant == "" {
		return at(key, "unknown key %q: the keys are %s", key.Value, strings.Join(known, ", "))
	}
	return at(key, "unknown key %q: %sThe keys are %s", key.Value, meant, strings.Join(known, ", "))
}

// readValue adds the value of a setting's key.
func (s *section) readValue(f *rulesFile, setting *analyze.Setting, key, value *yaml.Node) error {
	word, err := text(key, value)
	if err != nil {
		return err
	}
	if err := analyze.NoRules().Say(setting, word); err != nil {
		return at(value, "%s: %q: %w", key.Value, word, err)
	}
	s.says = append(s.says, saying{setting: setting, word: word, from: origin{file: f.path, line: value.Line}})
	return nil
}

// readList adds every value of a list.
func (s *section) readList(f *rulesFile, setting *analyze.Setting, key, list *yaml.Node) error {
	if len(list.Content) == 0 {
		return at(list, "%s: the list is empty; leave it out, or write off", key.Value)
	}
	for _, item := range list.Content {
		if item.Kind == yaml.ScalarNode && item.Value == analyze.Off {
			return at(item, `%s: off in a list of other values; write it alone`, key.Value)
		}
		if err := s.readValue(f, setting, key, item); err != nil {
			return err
		}
	}
	return nil
}

// readWeights reads the map of severities.
func (f *rulesFile) readWeights(weights *yaml.Node) (all []saying, err error) {
	if weights.Kind != yaml.MappingNode || len(weights.Content) == 0 {
		return nil, at(weights, `%s has to be a map, as "max-layers: warn"`, severityKey)
	}
	err = pairs(weights, func(key, value *yaml.Node) error {
		word, err := text(key, value)
		if err != nil {
			return err
		}
		all = append(all, saying{rule: key.Value, word: word, from: origin{file: f.path, line: value.Line}})
		return nil
	})
	return all, err
}

// readPlace reads a path or a reference.
func (f *rulesFile) readPlace(key, value *yaml.Node) (*place, error) {
	word, err := text(key, value)
	switch {
	case err != nil:
		return nil, err
	case f.dir == "":
		return nil, at(key, "%s: a fetched file belongs to no repository and cannot name a file in one", key.Value)
	}
	return &place{text: word, from: origin{file: f.path, line: value.Line}, file: f}, nil
}

// readImages reads the list of images with rules of their own.
func (f *rulesFile) readImages(key, list *yaml.Node) error {
	if list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		return at(key, `%s has to be a list, as "- name: app"`, imagesKey)
	}
	if len(list.Content) > maxImages {
		return at(key, "%s: more than %d entries", imagesKey, maxImages)
	}
	for _, item := range list.Content {
		if item.Kind != yaml.MappingNode {
			return at(item, `%s: each entry has to be a map, as "name: app"`, imagesKey)
		}
		s := &section{from: origin{file: f.path, line: item.Line}}
		err := s.read(f, item, func(key, value *yaml.Node) (bool, error) {
			if key.Value != nameKey {
				return false, nil
			}
			word, err := text(key, value)
			if err == nil && isGlob(word) && !doublestar.ValidatePattern(word) {
				err = at(value, "%s: %q is not a glob", nameKey, word)
			}
			s.name = word
			return true, err
		})
		for _, p := range []*place{s.dockerfile, s.baseline} {
			if p != nil {
				p.own = true
			}
		}
		switch {
		case err != nil:
			return err
		case s.name == "":
			return at(item, "%s: an entry has no %s", imagesKey, nameKey)
		}
		f.images = append(f.images, s)
	}
	return nil
}

// readWaivers reads the list of waivers.
func (f *rulesFile) readWaivers(key, list *yaml.Node) error {
	if list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		return at(key, `%s has to be a list, as "- {id: max-wasted, reason: why}"`, waiveKey)
	}
	for _, item := range list.Content {
		if item.Kind != yaml.MappingNode {
			return at(item, `%s: each entry has to be a map, as "id: max-wasted"`, waiveKey)
		}
		w, err := f.readWaiver(item)
		if err != nil {
			return err
		}
		f.waivers = append(f.waivers, w)
	}
	return nil
}

func (f *rulesFile) readWaiver(item *yaml.Node) (*imageWaiver, error) {
	w := analyze.Waiver{From: origin{file: f.path, line: item.Line}.String()}
	image := ""
	fields := map[string]*string{"id": &w.ID, "rule": &w.Rule, "path": &w.Path, "reason": &w.Reason, "until": &w.Until, "image": &image}
	err := pairs(item, func(key, value *yaml.Node) (err error) {
		to := fields[key.Value]
		if to == nil {
			return unknownKey(key, []string{"id", "rule", "path", "image", "reason", "until"})
		}
		if *to, err = text(key, value); err != nil {
			return err
		}
		switch {
		case key.Value == "until" && !isDay(*to):
			return at(value, "until: %q: give a day as 2027-01-31", *to)
		case key.Value == "image" && isGlob(*to) && !doublestar.ValidatePattern(*to):
			return at(value, "image: %q is not a glob", *to)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	made, err := analyze.NewWaiver(w)
	if err != nil {
		return nil, at(item, "%s: %w", waiveKey, err)
	}
	return &imageWaiver{made, image}, nil
}

// fileKeys are the keys of a rules file, or of an entry of its images.
func fileKeys(whole bool) []string {
	var keys []string
	for _, s := range analyze.Settings() {
		keys = append(keys, s.Name)
	}
	keys = append(keys, severityKey, dockerfileKey, baselineKey)
	if whole {
		return append(keys, imagesKey, waiveKey, extendsKey)
	}
	return append(keys, nameKey)
}

// isGlob reports whether the name of an image is a glob, which may name several.
func isGlob(name string) bool { return strings.ContainsAny(name, "*?[{") }

// sectionsOf returns the sections of f that are about an image, in order.
func (f *rulesFile) sectionsOf(image string) []*section {
	return slices.DeleteFunc(slices.Clone(f.images), func(s *section) bool { return !names(s.name, image) })
}
