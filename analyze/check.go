package analyze

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
)

// A Result is the outcome of one rule for an image.
type Result struct {
	Rule     string // "min-efficiency"
	Severity Severity
	Failed   bool
	// Unchecked is true if the image lacks the figure for the limit (the
	// compressed size of plain layers, the growth without a baseline) or has
	// only part of it. Such a rule has neither failed nor passed.
	Unchecked bool
	// Waived is true if all findings of the rule are waived: the rule has not failed.
	Waived  bool
	Value   string // the image's value, for people: "63.6 %"; or "unknown"
	Limit   string // the rule's limit
	Message string // one sentence

	// Number and Bound are Value and Limit as numbers in the same unit; nil without a number. The
	// limit is a maximum or a minimum.
	Number, Bound *Quantity
}

// CheckOptions are inputs of a check besides the image and the rules. The zero value is ready to
// use.
type CheckOptions struct {
	// Growth compares the image with a baseline; nil without one: growth rules are then
	// unchecked.
	Growth *Growth

	// Dockerfile is the file that the image was built from; findings then name its lines. Nil:
	// the lines from the image's provenance, if it has one.
	Dockerfile *dockerfile.File
}

// Check checks an image against rules and says what to change in the build. It
// returns one result for each rule that is on, in the order of Settings; a
// finding for each rule that failed or could not be checked (several for layers
// and paths, see Finding.ID); and Advise's findings about the waste that
// counts. It compares exact figures, not rounded ones. The error is ctx's.
func Check(ctx context.Context, a *Analysis, r *Rules, opts CheckOptions) (*Outcome, error) {
	o, err := hold(ctx, a, r, opts)
	if err != nil {
		return nil, err
	}
	advice, err := advise(ctx, a, o.Waste, AdviceOptions{Dockerfile: opts.Dockerfile})
	if err != nil {
		return nil, err
	}
	o.Floor = findingFloor(r, a.Totals.Stored)
	markBelow(o.Floor, advice)
	markDecisive(o.excess, advice)
	o.add(advice...)
	return o, nil
}

// hold is Check without the advice on waste.
func hold(ctx context.Context, a *Analysis, r *Rules, opts CheckOptions) (*Outcome, error) {
	c := &checker{
		a: a, rules: r, file: opts.Dockerfile,
		out: &Outcome{RulesFrom: r.From, Notes: slices.Clone(r.Notes), Growth: opts.Growth},
	}
	c.unreadable = unreadable(a)
	if err := c.ignore(ctx); err != nil {
		return nil, err
	}
	c.noteDive()
	for _, s := range Settings() {
		said := r.of(s)
		if s.check == nil || !said.on {
			continue
		}
		v := verdict{unknown: "no baseline to compare with", try: "Name one with --baseline."}
		if missing, ok := c.withoutBase(); ok && s.OfBase {
			v = missing
		} else if !s.OfGrowth || opts.Growth != nil {
			var err error
			if v, err = s.check(ctx, c, said.value); err != nil {
				return nil, err
			}
		}
		if v.limit == "" {
			v.limit = s.show(said.value)
		}
		if v.bound == nil {
			v.bound = limitOf(s, said.value)
		}
		c.conclude(s, said.severity, v)
	}
	return c.out, nil
}

// checker is a check in progress.
type checker struct {
	a          *Analysis
	rules      *Rules
	file       *dockerfile.File // that the image was built from, or nil
	out        *Outcome
	unreadable string // "layers 3 and 5"; "" if every layer is readable

	// The figures that count: without what the setting "ignore" excludes.
	stored, wasted         int64
	userStored, userWasted int64
}

// ignore computes the figures without ignored waste.
func (c *checker) ignore(ctx context.Context) error {
	t := &c.a.Totals
	c.out.Waste = c.a.Waste
	c.stored, c.wasted, c.userStored, c.userWasted = t.Stored, t.Wasted, t.UserStored, t.UserWasted
	if c.unreadable != "" {
		c.out.Notes = append(c.out.Notes, c.unreadable+" cannot be read: the figures are those of the others")
	}
	ignored := ignoreSetting.in(c.rules)
	if len(ignored) == 0 {
		return nil
	}
	covered, err := ignored.covered(ctx, c.a.Tree, false)
	if err != nil {
		return err
	}
	excepted, err := ignored.covered(ctx, c.a.Tree, true)
	if err != nil {
		return err
	}
	work := &ticker{ctx: ctx}
	c.out.Waste, err = c.a.Waste.Only(func(w *Waste) (bool, error) {
		counts := w.Node == none || !covered.has(int(w.Node)) || excepted.has(int(w.Node))
		if w.Node == none {
			path := w.Path()
			if err := work.done(len(path) * len(ignored)); err != nil {
				return false, err
			}
			counts = !ignored.coverPath(path)
		}
		if counts {
			return true, nil
		}
		c.out.Ignored += w.Bytes
		c.out.IgnoredVersions++
		if w.Layer >= t.BaseLayers {
			c.userStored -= w.Bytes
			c.userWasted -= w.Bytes
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	c.stored -= c.out.Ignored
	c.wasted -= c.out.Ignored
	if c.out.Ignored > 0 {
		c.out.Notes = append(c.out.Notes, fmt.Sprintf("%s of waste in %s is ignored: no rule counts it",
			human.Size(c.out.Ignored), human.Count(c.out.IgnoredVersions, "version", "versions")))
	}
	return nil
}

// A verdict is the outcome of a rule before it becomes a Result.
type verdict struct {
	failed  bool
	unknown string // why it could not be checked, or ""
	try     string // what to do about that

	value, limit string // for people; limit may be omitted if the kind's text will do
	message      string

	number, bound *Quantity // value and limit; bound may be omitted if the kind has it

	// The rule's own finding if it failed; without a title there is none.
	title, advice string
	bytes         int64 // bytes of the finding; for a rule about waste, the waste
	excess        excess

	// Findings about layers and paths, in any order. Their IDs hold only the part after the
	// rule's name; the rule and its severity are filled in.
	findings []Finding
}

// conclude stores a verdict as a result and findings. A limit that only the readable layers
// respect counts as unknown.
func (c *checker) conclude(s *Setting, severity Severity, v verdict) {
	if floor := minWastedSetting.in(c.rules); s.OfWaste && v.failed && v.bytes < floor {
		v.failed = false
		amount, floor := sizes(v.bytes, floor)
		why := fmt.Sprintf("the waste, %s, is below the floor of %s", amount, floor)
		v.message += ", but " + why
		c.out.Notes = append(c.out.Notes, s.Name+" does not fail: "+why)
	}
	if !v.failed && v.unknown == "" && c.unreadable != "" && !s.KnownUnread {
		v.unknown = c.unreadable + " cannot be read"
	}
	r := Result{Rule: s.Name, Severity: severity, Failed: v.failed, Value: v.value, Limit: v.limit, Message: v.message, Number: v.number, Bound: v.bound}
	var found []Finding
	if v.unknown != "" {
		r.Unchecked = true
		r.Message = fmt.Sprintf("%s is not checked: %s", s.Name, v.unknown)
		if v.value == "" {
			r.Value = unknownValue
		}
		found = append(found, Finding{ID: s.Name, Rule: s.Name, Severity: Warning, Title: "Rule not checked", Message: r.Message, Advice: v.try, Layer: -1})
	}
	c.out.Results = append(c.out.Results, r)
	if v.failed {
		c.out.excess.own, c.out.excess.all = max(c.out.excess.own, v.excess.own), max(c.out.excess.all, v.excess.all)
	}
	if v.failed && v.title != "" {
		found = append(found, Finding{ID: s.Name, Rule: s.Name, Severity: severity, Title: v.title, Message: v.message, Advice: v.advice, Layer: -1, Bytes: v.bytes})
	}
	for _, f := range limited(v.findings, maxFindings, s.Name, severity) {
		if f.Rule == "" {
			f.ID, f.Rule, f.Severity = s.Name+"/"+f.ID, s.Name, severity
		}
		found = append(found, f)
	}
	distinct(found)
	c.out.add(found...)
}

// unknownValue replaces a figure that an image lacks.
const unknownValue = "unknown"

// unreadable names the layers that can't be read.
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

// stepOf says what made a layer, or "".
func (c *checker) stepOf(k int) string {
	if k < 0 || k >= len(c.a.Layers) || c.a.Layers[k].Layer == nil {
		return ""
	}
	return ShownStep(c.a.Layers[k].Layer.Step)
}

// layerName names a layer with its step for a sentence: "layer 6 (RUN chmod …)".
func (c *checker) layerName(k int) string {
	name := "layer " + strconv.Itoa(k)
	if step := brief(c.stepOf(k)); step != "" {
		name += " (" + step + ")"
	}
	return name
}

// stepID returns the part of a finding's ID that identifies a layer: its step, which stays the
// same in the next build although the layer's index may change.
func (c *checker) stepID(k int) string {
	if step := c.stepOf(k); step != "" {
		return step
	}
	return "layer " + strconv.Itoa(k)
}

// brief returns a step's text on one line, shortened to fit a sentence.
func brief(step string) string {
	const most = 80
	runes := []rune(strings.Join(strings.Fields(step), " "))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}

// percents prints two ratios with enough digits to show that they differ.
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

// sizes prints two sizes, in exact bytes if they differ but would look the same.
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
