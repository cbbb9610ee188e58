package analyze

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
)

// Rules are what an image must keep to. The zero value asks for nothing.
type Rules struct {
	MinEfficiency Limit[float64] // visible ÷ stored, 0 to 1
	MaxWasted     Limit[int64]   // bytes
	MaxUserWasted Limit[float64] // of what user layers store, 0 to 1

	MaxSize           Limit[int64] // stored bytes of all layers
	MaxCompressedSize Limit[int64] // bytes of the layers' blobs
	MaxLayers         Limit[int64]
	MaxLayerSize      Limit[int64] // stored bytes of any one layer, the base's too
	MaxFiles          Limit[int64] // files, links and the like of the final union
	MaxGrowth         Limit[Growing]

	// Forbid names what no layer may hold, whether it shows or not.
	Forbid Limit[Globs]

	// Ignore names what is left out when waste is counted. Sizes, and what is
	// forbidden, are not its business.
	Ignore Globs
	// MinWasted is the floor, in bytes: waste below it fails no rule of waste.
	MinWasted int64
}

// A Limit is how far something may go. The zero Limit is off.
type Limit[T any] struct {
	On       bool
	Value    T
	Severity Severity // of its breach: Error or Warning
}

// Limited returns a limit that is on.
func Limited[T any](value T, severity Severity) Limit[T] {
	return Limit[T]{On: true, Value: value, Severity: severity}
}

// Growing is by how much an image may store more than its baseline: bytes, or a
// share of what the baseline stores.
type Growing struct {
	Bytes int64
	Share float64 // 0.05 is 5 %; counts if Bytes is negative
}

// A Result is what one rule says of an image.
type Result struct {
	Rule     string // "min-efficiency"
	Severity Severity
	Failed   bool
	// Unchecked is true where the image has no figure to hold against the limit
	// (the compressed size of plain layers, the growth without a baseline), or
	// a part of it only. Such a rule has not failed, and has not held.
	Unchecked bool
	Value     string // what the image has, for people: "63.6 %"; "unknown" if it is
	Limit     string // what the rule asks for
	Message   string // one sentence
}

// Check holds an image against rules: one result for each rule that is on, in
// the order of their fields, and a finding for each that has failed or could not
// be checked (several for layers and paths, see Finding.ID). Figures are
// compared exactly as they are, not as they are printed. before are the
// baseline's figures, nil if there is none.
func Check(a *Analysis, r Rules, before *Figures) *Outcome {
	c := &checker{a: a, rules: r, before: before, out: &Outcome{}, ids: map[string]int{}}
	c.unreadable = unreadable(a)
	c.ignore()
	c.minEfficiency()
	c.maxWasted()
	c.maxUserWasted()
	c.maxSize()
	c.maxCompressedSize()
	c.maxLayers()
	c.maxLayerSize()
	c.maxFiles()
	c.maxGrowth()
	c.forbid()
	return c.out
}

// checker is a check that is being made.
type checker struct {
	a          *Analysis
	rules      Rules
	before     *Figures
	out        *Outcome
	ids        map[string]int // of findings so far, and how often they were wanted
	unreadable string         // "layers 3 and 5"; "" if every layer could be read

	// What counts, of the figures that Ignore takes from.
	stored, wasted         int64
	userStored, userWasted int64
}

// ignore works out the figures without what is ignored.
func (c *checker) ignore() {
	t := &c.a.Totals
	c.out.Waste = c.a.Waste
	c.stored, c.wasted, c.userStored, c.userWasted = t.Stored, t.Wasted, t.UserStored, t.UserWasted
	if c.unreadable != "" {
		c.out.Notes = append(c.out.Notes, c.unreadable+" cannot be read: the figures are those of the others")
	}
	if len(c.rules.Ignore) == 0 {
		return
	}
	c.out.Waste = nil
	covered := c.rules.Ignore.covered(c.a.Tree)
	for _, w := range c.a.Waste {
		if w.Node == none && !c.rules.Ignore.coverPath(w.Path) || w.Node != none && !covered[w.Node] {
			c.out.Waste = append(c.out.Waste, w)
			continue
		}
		c.out.Ignored += w.Bytes
		c.out.IgnoredVersions++
		if w.Layer >= t.BaseLayers {
			c.userStored -= w.Bytes
			c.userWasted -= w.Bytes
		}
	}
	c.stored -= c.out.Ignored
	c.wasted -= c.out.Ignored
	c.out.Notes = append(c.out.Notes, fmt.Sprintf("%s of waste in %s is ignored, and counts in no rule",
		human.Size(c.out.Ignored), human.Count(c.out.IgnoredVersions, "version", "versions")))
}

// A verdict is what a rule has come to, before it is written down.
type verdict struct {
	rule     string
	severity Severity
	failed   bool
	unknown  string // why it could not be checked; "" if it could
	try      string // what to do about that

	value, limit string
	message      string

	// What the finding says if it has failed.
	title, advice string
	bytes         int64
}

// add writes a verdict down: its result and, if it is not a good one, its
// finding. What holds for the layers that could be read only is not known to
// hold.
func (c *checker) add(v verdict) {
	if !v.failed && v.unknown == "" && c.unreadable != "" && v.rule != ruleMaxLayers {
		v.unknown = c.unreadable + " cannot be read"
	}
	r := Result{Rule: v.rule, Severity: v.severity, Failed: v.failed, Value: v.value, Limit: v.limit, Message: v.message}
	if v.unknown != "" {
		r.Unchecked = true
		r.Message = fmt.Sprintf("%s is not checked: %s", v.rule, v.unknown)
		if v.value == "" {
			r.Value = unknownValue
		}
		c.find(Finding{ID: v.rule, Rule: v.rule, Severity: Warning, Title: "Rule not checked", Message: r.Message, Advice: v.try, Layer: -1})
	}
	c.out.Results = append(c.out.Results, r)
	if v.failed && v.title != "" {
		c.find(Finding{ID: v.rule, Rule: v.rule, Severity: v.severity, Title: v.title, Message: v.message, Advice: v.advice, Layer: -1, Bytes: v.bytes})
	}
}

// unknownValue stands for a figure that an image does not have.
const unknownValue = "unknown"

// find adds a finding, with an ID of its own: the second of the same gets "#2".
func (c *checker) find(f Finding) {
	c.ids[f.ID]++
	if n := c.ids[f.ID]; n > 1 {
		f.ID += "#" + strconv.Itoa(n)
	}
	c.out.Add(f)
}

// unreadable names the layers that could not be read.
func unreadable(a *Analysis) string {
	var which []string
	for k, l := range a.Layers {
		if l.Layer != nil && l.Layer.Err != nil {
			which = append(which, strconv.Itoa(k))
		}
	}
	switch n := len(which); n {
	case 0:
		return ""
	case 1:
		return "layer " + which[0]
	default:
		return "layers " + strings.Join(which[:n-1], ", ") + " and " + which[n-1]
	}
}

// stepOf says what made a layer: "" if that is unknown.
func (c *checker) stepOf(k int) string {
	if k < 0 || k >= len(c.a.Layers) || c.a.Layers[k].Layer == nil {
		return ""
	}
	return dockerfile.StepText(c.a.Layers[k].Layer.Step)
}

// layerName is a layer with its step, for a sentence: "layer 6 (RUN chmod …)".
func (c *checker) layerName(k int) string {
	name := "layer " + strconv.Itoa(k)
	if step := brief(c.stepOf(k)); step != "" {
		name += " (" + step + ")"
	}
	return name
}

// stepID is what a finding's ID has for a layer: its step, which the next build
// still has where the layer's index may differ.
func (c *checker) stepID(k int) string {
	if step := c.stepOf(k); step != "" {
		return step
	}
	return "layer " + strconv.Itoa(k)
}

// brief is a step's text on one line, cut off where a sentence would drown.
func brief(step string) string {
	const most = 80
	runes := []rune(strings.Join(strings.Fields(step), " "))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}

// percents prints two ratios with so many digits that they differ if they do.
func percents(value, limit float64) (string, string) {
	if math.IsInf(value, 0) {
		return "from nothing", human.Percent(limit)
	}
	v, l := human.Percent(value), human.Percent(limit)
	for digits := 2; v == l && value != limit && digits < maxDigits; digits++ {
		v = strconv.FormatFloat(100*value, 'f', digits, 64) + " %"
		l = strconv.FormatFloat(100*limit, 'f', digits, 64) + " %"
	}
	return v, l
}

const maxDigits = 15

// sizes prints two sizes, to the byte if they would look the same and are not.
func sizes(value, limit int64) (string, string) {
	v, l := human.Size(value), human.Size(limit)
	if v == l && value != limit {
		return human.Comma(value) + " B", human.Comma(limit) + " B"
	}
	return v, l
}

func pick(failed bool, yes, no string) string {
	if failed {
		return yes
	}
	return no
}
