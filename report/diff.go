package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// A Comparison has two unions and their differences.
type Comparison struct {
	Before, After analyze.Side
	*analyze.Difference

	Layout Layout // of text
}

// The states of a layer in a comparison.
const (
	layerShared  = "shared"  // both have it
	layerChanged = "changed" // both have the build step, but with different results
	layerNew     = "new"
	layerGone    = "gone"
)

func layerState(l *analyze.LayerGrowth) string {
	switch {
	case l.Before < 0:
		return layerNew
	case l.After < 0:
		return layerGone
	case l.Same:
		return layerShared
	}
	return layerChanged
}

// shownChanges are the rows of the table of changes, in order.
var shownChanges = [...]analyze.Change{analyze.Added, analyze.Removed, analyze.Modified, analyze.Metadata, analyze.Identical}

// DiffText writes a comparison for people: its two sides, the figures side by side, shared and
// unshared layers, and the listed paths that differ. It fails only if w does.
func DiffText(w io.Writer, c *Comparison) error {
	p := page{layout: c.Layout}
	p.side("Before", c.Before)
	p.side("After", c.After)
	if c.None() {
		p.heading("no difference in config, layers and files")
		return p.writeTo(w)
	}
	p.figures(c)
	p.configChanges(c.Config)
	p.layerGrowth(c.Layers)
	p.packageChanges(c.Packages)
	p.changes(c)
	p.largest(c)
	return p.writeTo(w)
}

// sideName names a side: the image, and the layer if it is not the last.
func sideName(s analyze.Side) string {
	name := title(s.Analysis.Image)
	if s.At < len(s.Analysis.Layers)-1 {
		name += " after layer " + strconv.Itoa(s.At)
	}
	return name
}

func (p *page) side(what string, s analyze.Side) {
	const lead = len("Before  ")
	p.line("%s", pad(what, lead)+cutMiddle(sideName(s), p.most()-lead))
	im := s.Analysis.Image
	about := human.Count(s.At+1, "layer", "layers") + ", " + platform(im)
	if im.Source != "" {
		about += ", read from "
		about += cutMiddle(clean.Line(im.Source), max(p.most()-lead-width(about), 1))
	}
	p.line("%s%s", pad("", lead), about)
	for k := range s.At + 1 {
		if err := s.Analysis.Layers[k].Layer.Err; err != nil {
			p.line("%slayer %d cannot be read: %s", pad("", lead), k, clean.Line(err.Error()))
		}
	}
}

// figures returns the figures that both sides have.
func (c *Comparison) figures() []change {
	b, a := c.Difference.Before, c.Difference.After
	user := change{"own wasted", human.Size(b.UserWasted), human.Size(a.UserWasted), signed(a.UserWasted-b.UserWasted, human.Size)}
	return append(changes(&analyze.Growth{Before: b, After: a}), user)
}

func (p *page) figures(c *Comparison) {
	p.heading("%s  %s  %s  %s", pad("", changeName), padLeft("before", 9), padLeft("after", 9), padLeft("difference", 10))
	for _, f := range c.figures() {
		p.line("%s  %s  %s  %s", pad(f.name, changeName), padLeft(f.before, 9), padLeft(f.after, 9), padLeft(f.difference, 10))
	}
}

// layerCounts says how many layers are in which state: "1 shared, 11 new".
func layerCounts(layers []analyze.LayerGrowth) string {
	counts := map[string]int{}
	for i := range layers {
		counts[layerState(&layers[i])]++
	}
	var out []string
	for _, state := range []string{layerShared, layerChanged, layerNew, layerGone} {
		if n := counts[state]; n > 0 {
			out = append(out, human.Comma(n)+" "+state)
		}
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

// layerIndex returns a layer's number, or "-" for none.
func layerIndex(k int) string {
	if k < 0 {
		return "-"
	}
	return strconv.Itoa(k)
}

func (p *page) layerGrowth(layers []analyze.LayerGrowth) {
	p.heading("Layers: %s", layerCounts(layers))
	if len(layers) == 0 {
		return
	}
	p.line("         before  after   stored     growth  step")
	for i := range layers {
		l := &layers[i]
		p.line("%s  %s  %s  %s  %s  %s", pad(layerState(l), 7), padLeft(layerIndex(l.Before), 6), padLeft(layerIndex(l.After), 5),
			padLeft(human.Size(l.Bytes), 7), padLeft(signed(l.Stored, human.Size), 9), orUnknown(l.Step))
	}
}

// configParts are the labels of config parts, if they differ from their names.
var configParts = map[analyze.ConfigPart]string{analyze.ConfigWorkingDir: "working directory", analyze.ConfigStopSignal: "stop signal", analyze.ConfigHealthCheck: "health check"}

// configName says what a config change is about, raw: "env PATH", "user".
func configName(c *analyze.ConfigChange) string {
	name := cmp.Or(configParts[c.Part], c.Part.String())
	if c.Name != "" {
		name += " " + c.Name
	}
	return name
}

// configValues returns the values of a change, raw, new one first; "" if only the name was added
// or removed.
func configValues(c *analyze.ConfigChange) string {
	switch {
	case c.Change == analyze.Added:
		return c.After
	case c.Change == analyze.Removed:
		return c.Before
	case c.Before == c.After:
		return "changed, which is not shown: it looks like a secret"
	}
	return cmp.Or(c.After, `""`) + " ← " + cmp.Or(c.Before, `""`)
}

// configChanges lists the differences of configs.
func (p *page) configChanges(changes []analyze.ConfigChange) {
	if len(changes) == 0 {
		return
	}
	p.heading("Config: %s", human.Count(len(changes), "difference", "differences"))
	for i := range changes {
		c := &changes[i]
		line := pad(c.Change.String(), 8) + "  " + clean.Line(configName(c))
		if v := configValues(c); v != "" {
			line += "  " + clean.Line(v)
		}
		p.line("%s", line)
	}
}

func (p *page) changes(c *Comparison) {
	p.heading("%s  %s  %s  %s  %s", pad("Paths", 9), padLeft("number", 9), padLeft("before", 9), padLeft("after", 9), padLeft("difference", 10))
	for _, change := range shownChanges {
		t := c.Changes[change]
		p.line("%s  %s  %s  %s  %s", pad(change.String(), 9), padLeft(human.Comma(t.Paths), 9), padLeft(human.Size(t.Before), 9),
			padLeft(human.Size(t.After), 9), padLeft(signed(t.After-t.Before, human.Size), 10))
	}
}

// largest lists the paths that differ, with their differences.
func (p *page) largest(c *Comparison) {
	if len(c.Paths) == 0 {
		return
	}
	p.heading("%s", c.largestTitle())
	const indent = 22
	for i := range c.Paths {
		x := &c.Paths[i]
		p.line("%s  %s  %s", padLeft(signed(x.Growth(), human.Size), 9), pad(x.Change.String(), 9), cutMiddle(pathName(x), p.most()-indent))
		if d := pathDetails(x); len(d) > 0 {
			p.line("%s%s", pad("", indent), strings.Join(d, ", "))
		}
	}
}

func (c *Comparison) largestTitle() string {
	if n := c.Differing(); len(c.Paths) < n {
		return fmt.Sprintf("The largest differences (%s of %s)", human.Comma(len(c.Paths)), human.Count(n, "path", "paths"))
	}
	return "The differences"
}

// pathName returns a path fit for a terminal; a directory's ends in a slash.
func pathName(x *analyze.PathDifference) string {
	name := clean.Text(x.Path)
	v := x.New
	if v == nil {
		v = x.Old
	}
	if v != nil && v.Kind() == source.Dir && x.Path != "/" {
		name += "/"
	}
	return name
}

// pathDetails describes the differences of a path that both sides have, new value first.
func pathDetails(x *analyze.PathDifference) []string {
	if x.Old == nil || x.New == nil {
		return nil
	}
	d := differences(*x.Old, *x.New, x.What&analyze.WhatContent != 0)
	if x.What&analyze.WhatStorage != 0 {
		d = append(d, "stored "+exactSize(x.After, x.Before)+" ← "+exactSize(x.Before, x.After))
	}
	return slices.Clip(d)
}
