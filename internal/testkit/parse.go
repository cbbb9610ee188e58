package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var wantSections = []string{"tree", "waste", "totals", "layers", "flaws", "steps", "removed"}

// Fixtures reads every .image file in the folder, by name, and fails the test if there is none.
func Fixtures(t testing.TB, dir string) []*Fixture {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.image"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures in %s (%v)", dir, err)
	}
	slices.Sort(files)
	var all []*Fixture
	for _, file := range files {
		all = append(all, Load(t, file))
	}
	return all
}

// Load reads one .image file.
func Load(t testing.TB, file string) *Fixture {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(string(text))
	if err != nil {
		t.Fatalf("%s:%v", file, err)
	}
	f.Name = strings.TrimSuffix(filepath.Base(file), ".image")
	return f
}

// Parse parses the text of a fixture. Errors begin with the line number.
func Parse(text string) (*Fixture, error) {
	p := &parser{f: &Fixture{}}
	for i, line := range strings.Split(text, "\n") {
		if err := p.line(strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("%d: %w", i+1, err)
		}
	}
	for _, im := range p.f.Images {
		if im.Steps == nil {
			for i := range im.Layers {
				im.Steps = append(im.Steps, Step{Command: fmt.Sprintf("layer %d", i)})
			}
		}
		if p.noHistory[im] {
			im.Steps = nil
		}
	}
	return p.f, nil
}

type parser struct {
	f         *Fixture
	section   string
	im        *Image
	layer     *Layer
	begun     bool // the opening comment has ended
	noHistory map[*Image]bool
}

func (p *parser) line(line string) error {
	if comment, ok := strings.CutPrefix(line, "#"); ok {
		if !p.begun {
			p.f.Doc += strings.TrimSpace(comment) + "\n"
		}
		return nil
	}
	if line == "" {
		return nil
	}
	p.begun = true
	if head, ok := strings.CutPrefix(line, "-- "); ok {
		head, ok = strings.CutSuffix(head, " --")
		if !ok {
			return fmt.Errorf("a section's line ends in \" --\"")
		}
		return p.head(strings.Fields(head))
	}
	if slices.Contains(wantSections, p.section) {
		p.im.Want[p.section] = append(p.im.Want[p.section], strings.Join(strings.Fields(line), " "))
		return nil
	}
	words, err := split(line)
	if err != nil {
		return err
	}
	switch p.section {
	case "":
		return p.option(words)
	case "image":
		return p.imageLine(words)
	default:
		e, err := entry(words)
		if err != nil {
			return err
		}
		p.layer.Entries = append(p.layer.Entries, e)
		return nil
	}
}

// head parses the first line of a section.
func (p *parser) head(words []string) error {
	p.section = words[0]
	if p.section == "image" {
		if len(words) < 3 {
			return fmt.Errorf("want: image TAG PLATFORM")
		}
		p.newImage(words[1], words[2])
		if len(words) > 3 {
			p.im.Absent = words[3]
		}
		return nil
	}
	if p.im == nil {
		p.newImage("fixture:1", "linux/amd64")
	}
	if p.section != "layer" {
		if !slices.Contains(wantSections, p.section) {
			return fmt.Errorf("unknown section %q", p.section)
		}
		p.im.Want[p.section] = []string{}
		return nil
	}
	p.layer = &Layer{}
	p.im.Layers = append(p.im.Layers, p.layer)
	for _, w := range words[1:] {
		switch key, value, _ := strings.Cut(w, "="); key {
		case "as":
			p.layer.As = value
		case "end":
			p.layer.End = value
		default:
			return fmt.Errorf("unknown attribute %q of a layer", w)
		}
	}
	return nil
}

func (p *parser) newImage(tag, platform string) {
	p.im = &Image{Tag: tag, Platform: platform, Want: map[string][]string{}, Labels: map[string]string{}}
	p.f.Images = append(p.f.Images, p.im)
}

func (p *parser) option(words []word) error {
	var rest []string
	for _, w := range words[1:] {
		rest = append(rest, w.text)
	}
	switch words[0].text {
	case "only":
		p.f.Only = append(p.f.Only, rest...)
	case "not":
		p.f.Not = append(p.f.Not, rest...)
	case "refuse":
		if len(rest) != 3 {
			return fmt.Errorf("want: refuse TAG PLATFORM \"TEXT\"")
		}
		none := func(s string) string { return strings.TrimPrefix(s, "-") }
		p.f.Refusals = append(p.f.Refusals, Refusal{none(rest[0]), none(rest[1]), rest[2]})
	default:
		return fmt.Errorf("unknown option %q", words[0].text)
	}
	return nil
}

func (p *parser) imageLine(words []word) error {
	if len(words) != 2 {
		return fmt.Errorf("want two words")
	}
	value := words[1].text
	if words[0].text != "label" && words[1].key != "" {
		return fmt.Errorf("quote a value that holds =")
	}
	switch words[0].text {
	case "history":
		if p.noHistory == nil {
			p.noHistory = map[*Image]bool{}
		}
		p.noHistory[p.im] = value == "none"
	case "step":
		p.im.Steps = append(p.im.Steps, Step{Command: value})
	case "empty":
		p.im.Steps = append(p.im.Steps, Step{Command: value, Empty: true})
	case "label":
		p.im.Labels[words[1].key] = value
	case "env":
		p.im.Env = append(p.im.Env, value)
	case "user":
		p.im.User = value
	case "healthcheck":
		p.im.Healthcheck = strings.Fields(value)
	default:
		return fmt.Errorf("unknown line %q of an image", words[0].text)
	}
	return nil
}

// word is a word of a line; KEY=VALUE is one with a key.
type word struct {
	key, text string
	quoted    bool
}

// split splits a line into words at spaces outside quotes.
func split(line string) ([]word, error) {
	var words []word
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		var w word
		end := strings.IndexAny(line, " \"")
		if end >= 0 && line[end] == '"' {
			if end > 0 && line[end-1] != '=' {
				return nil, fmt.Errorf("a quote inside a word: %s", line)
			}
			w.key = strings.TrimSuffix(line[:end], "=")
			quoted, err := strconv.QuotedPrefix(line[end:])
			if err != nil {
				return nil, fmt.Errorf("%w: %s", err, line[end:])
			}
			w.text, _ = strconv.Unquote(quoted)
			w.quoted = true
			line = line[end+len(quoted):]
		} else {
			if end < 0 {
				end = len(line)
			}
			w.text = line[:end]
			if key, value, ok := strings.Cut(w.text, "="); ok {
				w.key, w.text = key, value
			}
			line = line[end:]
		}
		words = append(words, w)
	}
	return words, nil
}
