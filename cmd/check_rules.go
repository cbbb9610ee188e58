package cmd

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/report"
)

// An origin is where a value was set: a line of a file, or a flag. The zero origin is the
// program's default.
type origin struct {
	file string
	line int
	flag string

	variable string // the flag's environment variable, if that set it
}

func (o origin) String() string {
	switch {
	case o.variable != "":
		return o.variable
	case o.flag != "":
		return "--" + o.flag
	case o.file == "":
		return "default"
	case o.line > 0:
		return fmt.Sprintf("%s:%d", o.file, o.line)
	}
	return o.file
}

// A saying is one statement: a value of a setting, or a rule's severity.
type saying struct {
	setting *analyze.Setting // nil for a severity
	rule    string           // for a severity
	word    string
	from    origin
}

// checkConfig is everything set by files and flags.
type checkConfig struct {
	files []*rulesFile // a file comes before those that extend it
	flags *checkFlags

	// general has the settings for an image that no entry of images names.
	general *ruling
}

// A ruling has the settings for one image.
type ruling struct {
	*analyze.Rules
	dockerfile, baseline *place // nil if none is named
	mayLack              bool   // the baseline may be missing
	waivers              []*analyze.Waiver

	given   map[string][]origin // by setting, as Rules.Given
	weights map[string]origin   // by rule, of its severity
}

func newRuling(r *analyze.Rules) *ruling {
	return &ruling{Rules: r, given: map[string][]origin{}, weights: map[string]origin{}}
}

// take overrides earlier values.
func (r *ruling) take(says []saying) error {
	for _, x := range says {
		if x.setting == nil {
			if err := r.Weigh(x.rule, x.word); err != nil {
				return x.wrong(err)
			}
			if x.word == analyze.Off {
				r.given[x.rule] = []origin{x.from}
			} else {
				r.weights[x.rule] = x.from
			}
			continue
		}
		name := x.setting.Name
		adds := x.setting.Kind.Many && x.word != analyze.Off && r.On(x.setting)
		if err := r.Say(x.setting, x.word); err != nil {
			return x.wrong(fmt.Errorf("%s: %q: %w", name, x.word, err))
		}
		if !adds {
			r.given[name] = nil
		}
		r.given[name] = append(r.given[name], x.from)
	}
	return nil
}

// wrong is an error about a saying of a file.
func (x saying) wrong(err error) error {
	return &lineError{line: x.from.line, file: x.from.file, err: err}
}

// takeSection takes what a section of a file says.
func (r *ruling) takeSection(s *section) error {
	if s.dockerfile != nil {
		r.dockerfile = s.dockerfile
	}
	if s.baseline != nil {
		r.baseline = s.baseline
	}
	return r.take(s.says)
}

// takeFile takes what a file says about an image; "" is an image that no entry of images names.
func (r *ruling) takeFile(f *rulesFile, image string) error {
	if err := r.takeSection(&f.section); err != nil {
		return err
	}
	r.Notes = append(r.Notes, f.notes...)
	r.OfDive = r.OfDive || f.dive
	if f.dir != "" {
		r.From = filepath.ToSlash(f.path)
	}
	for _, w := range f.waivers {
		if w.image == "" || names(w.image, image) {
			r.waivers = append(r.waivers, w.Waiver)
		}
	}
	return nil
}

// of returns the settings for an image.
func (c *checkConfig) of(image string) (*ruling, error) {
	r := newRuling(analyze.NewRules())
	for _, f := range c.files {
		if err := r.takeFile(f, image); err != nil {
			return nil, usage("", "%w", located(err, f.path))
		}
	}
	// A setting for some images takes precedence over one for all, whichever file it is in.
	for _, f := range c.files {
		for _, s := range f.sectionsOf(image) {
			if err := r.takeSection(s); err != nil {
				return nil, usage("", "%w", located(err, f.path))
			}
		}
	}
	return r, c.flags.apply(r, c.limited)
}

// limited reports whether an entry of images sets the limit of a rule.
func (c *checkConfig) limited(rule string) bool {
	for _, f := range c.files {
		for _, s := range f.images {
			if slices.ContainsFunc(s.says, func(x saying) bool { return x.setting != nil && x.setting.Name == rule }) {
				return true
			}
		}
	}
	return false
}

// compared reports whether an entry of images names a baseline.
func (c *checkConfig) compared() bool {
	for _, f := range c.files {
		if slices.ContainsFunc(f.images, func(s *section) bool { return s.baseline != nil }) {
			return true
		}
	}
	return false
}

// check finds errors in all parts of the files, whichever images are checked.
func (c *checkConfig) check() (err error) {
	if c.general, err = c.of(""); err != nil {
		return err
	}
	if !c.compared() {
		if err := c.flags.growing(c.general); err != nil {
			return err
		}
	}
	for _, f := range c.files {
		for _, s := range f.images {
			r := newRuling(analyze.NewRules())
			for _, g := range c.files {
				if err := r.takeFile(g, ""); err != nil {
					return usage("", "%w", located(err, g.path))
				}
			}
			if err := r.takeSection(s); err != nil {
				return usage("", "%w", located(err, f.path))
			}
		}
	}
	return nil
}

// listed returns the images that the files name, without globs.
func (c *checkConfig) listed() (images []string, globs bool) {
	had := map[string]bool{}
	for _, f := range c.files {
		for _, s := range f.images {
			if isGlob(s.name) {
				globs = true
			} else if !had[s.name] {
				had[s.name] = true
				images = append(images, s.name)
			}
		}
	}
	return images, globs
}

// names reports whether a name or glob in a rules file means an image as
// requested: by reference, by name without the kind of source, or by name
// without the tag.
func names(name, image string) bool {
	if image == "" {
		return false
	}
	bare := image
	if _, rest, ok := strings.Cut(image, "://"); ok && !strings.Contains(name, "://") {
		bare = rest
	}
	if name == image || name == bare {
		return true
	}
	key := report.ImageKey(bare)
	if isGlob(name) {
		return doublestar.MatchUnvalidated(name, bare) || doublestar.MatchUnvalidated(name, image) || doublestar.MatchUnvalidated(name, key)
	}
	return name == key
}

// readRules reads one rules file into r, which may not extend others.
func readRules(r *analyze.Rules, path string, named bool) error {
	data, err := readBounded(path, named)
	if err == nil {
		err = parseRules(r, path, data, named)
	}
	if err != nil {
		return located(err, path)
	}
	r.From = filepath.ToSlash(path)
	return nil
}

// parseRules reads the content of a rules file into r: what it says about all images.
func parseRules(r *analyze.Rules, path string, data []byte, named bool) error {
	f := &rulesFile{path: path, dir: "."}
	if err := f.parse(data, named); err != nil {
		return err
	}
	for _, s := range f.images {
		x := newRuling(analyze.NewRules())
		if err := x.takeFile(f, ""); err != nil {
			return err
		}
		if err := x.takeSection(s); err != nil {
			return err
		}
	}
	return newRuling(r).takeFile(f, "")
}

// isDay reports whether text is a date in the form of a waiver.
func isDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}
