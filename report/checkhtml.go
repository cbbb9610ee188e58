package report

import (
	"context"
	"errors"
	"html/template"
	"io"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// Limits of the page of a check, in addition to those of a report's.
const (
	htmlImageRows     = 500       // of several images, in the table
	htmlSectionBytes  = 1_200_000 // of the sections of all images, if there are several
	htmlSeveralFinds  = 20        // findings of one of several images
	htmlBaseFindings  = 30
	htmlWaivedRows    = 50
	htmlGrownRows     = 50
	htmlRuleRows      = 50
	htmlNoteRows      = 20
	htmlNoteRunes     = 500 // of a note, a rule's message, or the reason of a waiver
	htmlCheckFindings = 60
)

// htmlCheck is the data of check.html. All text is safe to show.
type htmlCheck struct {
	htmlShell

	// Of several images.
	Several        bool
	Verdict, Class string
	Images         []*htmlChecked
	MoreImages     int
	Untold         int

	Sections []template.HTML // of the template "checked"
}

// htmlChecked is one image of a check.
type htmlChecked struct {
	ID             string // suffix of its sections' IDs; "" for the only image
	Name           string
	Error          string // why peel couldn't load it; "" if it could
	Verdict, Class string
	Told           bool // it has sections
	Stored, Wasted int64
	Own            float64

	RulesFrom string
	Notes     []string
	Rules     []htmlRule
	Against   string
	Changes   []htmlChange
	Grown     []htmlGrown
	MoreGrown int

	Findings   []htmlFinding
	MoreFind   int
	OfBase     []htmlFinding
	OfBaseSum  string
	MoreBase   int
	Small      string
	Waived     []htmlWaived
	WaivedSum  string
	MoreWaived int

	Figures *htmlPage
}

type (
	htmlRule struct{ Class, Word, Rule, Value, Limit, Message, Advice string }

	htmlChange struct{ Name, Before, After, Difference string }

	htmlGrown struct{ Difference, Path string }

	htmlWaived struct {
		Finding, Until, Reason string
		Bytes                  int64
	}
)

// CheckHTML writes the verdict as one self-contained HTML page: the verdict, the rules, findings,
// waived findings, and the figures, with the map of a report (see HTML). For several images, it
// starts with a table, followed by the sections of each image, without a map, within the page's
// limits: failed images first. It fails only if w does, or if ctx ends.
func CheckHTML(ctx context.Context, w io.Writer, vs ...*Verdict) error {
	p := assets()
	page, err := newHTMLCheck(ctx, p, subjects(vs))
	if err != nil {
		return err
	}
	return p.template.ExecuteTemplate(w, checkTemplate, page)
}

func newHTMLCheck(ctx context.Context, p *pageAssets, all []subject) (*htmlCheck, error) {
	if len(all) == 1 {
		s := &all[0]
		page := &htmlCheck{htmlShell: p.shell("check", s.name)}
		c := newHTMLChecked(s, "", htmlCheckFindings)
		page.Nav = []htmlLink{{"image", "Verdict"}}
		if len(c.Findings) > 0 {
			page.Nav = append(page.Nav, htmlLink{"findings", "Findings"})
		}
		if c.Figures != nil {
			c.Figures.fill(ctx, s.Analysis)
			page.HasMap, page.About, page.Source = true, c.Figures.About, c.Figures.Source
			page.Nav = append(append(page.Nav, htmlLink{"summary", "Figures"}), c.Figures.sections()...)
		}
		section, err := p.section(c)
		page.Sections = []template.HTML{section}
		return page, errors.Join(err, ctx.Err())
	}
	t := tally(all)
	page := &htmlCheck{htmlShell: p.shell("check", human.Count(len(all), "image", "images")), Several: true, Verdict: t.sentence(), Class: "passed"}
	if t.passed < t.images {
		page.Class = "failed"
	}
	page.Nav = []htmlLink{{"verdict", "Verdict"}}
	return page, page.several(ctx, p, all)
}

// several adds the images, with as many sections as fit.
func (page *htmlCheck) several(ctx context.Context, p *pageAssets, all []subject) error {
	sections := make([]template.HTML, len(all))
	rows := make([]*htmlChecked, len(all))
	left := htmlSectionBytes
	for _, failing := range []bool{true, false} {
		for i := range all {
			s := &all[i]
			if failing != (s.Err != nil || s.Outcome.Failed()) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if left <= 0 {
				rows[i] = newHTMLRow(s)
				continue
			}
			c := newHTMLChecked(s, "-"+strconv.Itoa(i+1), htmlSeveralFinds)
			section, err := p.section(c)
			if err != nil {
				return err
			}
			if left -= len(section); left > 0 {
				sections[i], c.Told = section, true
			}
			rows[i] = c
		}
	}
	for i := range all {
		if rows[i].Told {
			page.Sections = append(page.Sections, sections[i])
		} else {
			page.Untold++
		}
	}
	page.Images = rows[:min(len(rows), htmlImageRows)]
	page.MoreImages = len(rows) - len(page.Images)
	return nil
}

// section writes the sections of an image.
func (p *pageAssets) section(c *htmlChecked) (template.HTML, error) {
	var b strings.Builder
	err := p.template.ExecuteTemplate(&b, "checked", c)
	return template.HTML(b.String()), err //nolint:gosec // html/template has written it
}

// newHTMLRow returns the row of an image in the table of several.
func newHTMLRow(s *subject) *htmlChecked {
	c := &htmlChecked{Name: cutRunes(s.name, htmlPathRunes)}
	if s.Err != nil {
		c.Verdict, c.Class = "cannot be loaded", "failed"
		c.Error = cutRunes(clean.Line(s.unloaded().Message), htmlCommandRunes)
		return c
	}
	n := s.counts()
	c.Verdict = n.sentence(": ")
	switch {
	case n.failed > 0:
		c.Class = "failed"
	case n.passed+n.waived < n.rules() || n.rules() == 0:
		c.Class = "warned"
	default:
		c.Class = "passed"
	}
	t := &s.Analysis.Totals
	c.Stored, c.Wasted, c.Own = t.Stored, t.Wasted, t.OwnEfficiency
	return c
}

// newHTMLChecked returns the page's data about an image, with at most findings findings.
func newHTMLChecked(s *subject, id string, findings int) *htmlChecked {
	c := newHTMLRow(s)
	c.ID = id
	if s.Err != nil {
		return c
	}
	v, o := s.Verdict, s.Outcome
	c.RulesFrom = "flags and defaults"
	if o.RulesFrom != "" {
		c.RulesFrom = cutRunes(clean.Line(o.RulesFrom), htmlPathRunes)
	}
	for _, note := range o.Notes[:min(len(o.Notes), htmlNoteRows)] {
		c.Notes = append(c.Notes, cutRunes(clean.Line(note), htmlNoteRunes))
	}
	for i := range o.Results[:min(len(o.Results), htmlRuleRows)] {
		c.Rules = append(c.Rules, newHTMLRule(v, &o.Results[i]))
	}
	c.growth(o.Growth)
	sorted := analyze.Sort(v.details())
	c.Findings, c.MoreFind = newHTMLFindings(sorted.Shown, findings)
	c.OfBase, c.MoreBase = newHTMLFindings(sorted.OfBase, min(findings, htmlBaseFindings))
	c.OfBaseSum = human.Count(len(sorted.OfBase), "finding", "findings") + ", " + human.Size(total(sorted.OfBase))
	if small := sorted.BelowFloor; len(small) > 0 {
		c.Small = human.Count(len(small), "finding of waste", "findings of waste") + " of less than " + human.Size(o.Floor) + " each, " + human.Size(total(small)) + " in all"
	}
	c.waived(o.Waived)
	c.Figures = newFigures(htmlShell{}, s.Analysis)
	c.Figures.ID = id
	return c
}

// newHTMLRule returns the row of a rule.
func newHTMLRule(v *Verdict, r *analyze.Result) htmlRule {
	row := htmlRule{
		Class: "passed", Word: "pass", Rule: cutRunes(clean.Line(r.Rule), nameRunes), Value: cutRunes(clean.Line(r.Value), nameRunes),
		Limit: cutRunes(clean.Line(r.Limit), nameRunes), Message: cutRunes(clean.Line(r.Message), htmlNoteRunes), Advice: cutRunes(clean.Line(v.advice(r.Rule)), htmlNoteRunes),
	}
	switch {
	case r.Waived:
		row.Class, row.Word = "warned", "waived"
	case r.Unchecked:
		row.Class, row.Word = "warned", "not checked"
	case r.Failed && r.Severity == analyze.Error:
		row.Class, row.Word = "failed", "fail"
	case r.Failed:
		row.Class, row.Word = "warned", "warning"
	}
	return row
}

// growth adds the figures against a baseline, if there is one.
func (c *htmlChecked) growth(g *analyze.Growth) {
	if g == nil {
		return
	}
	c.Against = cutRunes(orUnknown(g.Baseline), htmlPathRunes)
	c.Changes = htmlChanges(changes(g))
	for _, x := range g.Paths[:min(len(g.Paths), htmlGrownRows)] {
		c.Grown = append(c.Grown, htmlGrown{pathChange(x), cutRunes(clean.Text(x.Path), htmlPathRunes)})
	}
	c.MoreGrown = max(g.Grown-len(c.Grown), 0)
}

func htmlChanges(all []change) []htmlChange {
	rows := make([]htmlChange, len(all))
	for i, x := range all {
		rows[i] = htmlChange{x.name, x.before, x.after, x.difference}
	}
	return rows
}

// waived adds the findings that no longer count, with the reasons.
func (c *htmlChecked) waived(all []analyze.Waived) {
	var bytes int64
	for i := range all {
		x := &all[i]
		bytes += x.Bytes
		if i < htmlWaivedRows {
			c.Waived = append(c.Waived, htmlWaived{
				cutRunes(clean.Line(x.ID), htmlPathRunes), cutRunes(clean.Line(x.Waiver.Until), nameRunes), cutRunes(clean.Line(x.Waiver.Reason), htmlNoteRunes), x.Bytes,
			})
		}
	}
	c.MoreWaived = len(all) - len(c.Waived)
	c.WaivedSum = human.Count(len(all), "finding", "findings") + ", " + human.Size(bytes)
}
