package report

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

const (
	checkWaste    = 10 // rows of waste shown for a failed check without findings of waste
	findingsShown = 10 // findings of one severity
	decisiveShown = 30 // of these, the ones that must go for a failed rule to pass
	pathsShown    = 5  // paths that grew
	findingIndent = 11 // columns before a finding's text: its bytes
)

// checkPage is the text of a check while it is written.
type checkPage struct {
	page
	coloured bool
}

// CheckText writes the verdict for people: one line per rule, the comparison
// with the baseline, findings by severity with the step to blame and what to
// change, waived findings, and the verdict at the end, where a log ends.
// Several images follow one another, and the last line is about all of them. It
// fails only if w does.
func CheckText(w io.Writer, vs ...*Verdict) error {
	all := subjects(vs)
	for i := range all {
		p := checkPage{page: page{layout: all[i].Layout}, coloured: all[i].Coloured}
		if i > 0 {
			p.WriteByte('\n')
		}
		p.check(&all[i], len(all) > 1)
		if len(all) > 1 && i == len(all)-1 {
			c := tally(all)
			p.WriteByte('\n')
			p.begun(c.paint(), c.sentence(), "")
		}
		if err := p.writeTo(w); err != nil {
			return err
		}
	}
	return nil
}

// check adds the text for one image.
func (p *checkPage) check(s *subject, several bool) {
	v := s.Verdict
	if v.Err != nil {
		p.line("Image %s", cutMiddle(s.name, p.most()-len("Image ")))
		p.WriteByte('\n')
		p.begun(red, "cannot be loaded", "")
		p.paragraph("  ", clean.Line(v.unloaded().Message))
		return
	}
	if several && v.Name != "" && s.name != title(v.Analysis.Image) {
		p.begun(bold, cutMiddle(unordered(s.name), p.most()), "")
	}
	p.image(v.Analysis)
	p.stored(v.Analysis.Totals)
	from := "flags and defaults"
	if v.Outcome.RulesFrom != "" {
		from = cutMiddle(clean.Line(v.Outcome.RulesFrom), p.most()-len("rules from "))
	}
	p.line("rules from %s", from)
	p.base(v.Analysis.Base)
	p.rules(v)
	p.notes(v.Outcome.Notes)
	p.growth(v.Outcome.Growth)
	details := v.details()
	sorted := analyze.Sort(details)
	for s := analyze.Error; ; s-- {
		of := slices.DeleteFunc(slices.Clone(sorted.Shown), func(f analyze.Finding) bool { return f.Severity != s })
		p.listed(v, severities[s].paint, severities[s].heading, of)
		if s == analyze.Note {
			break
		}
	}
	p.rest(v, &sorted)
	if v.Outcome.Failed() && !tellsOfWaste(sorted.Shown) {
		p.waste(v.Analysis, v.Outcome.Waste, checkWaste)
	}
	p.waived(v.Outcome.Waived)
	p.verdict(v.counts())
}

// stored says, in one line, how much the image stores and wastes.
func (p *checkPage) stored(t analyze.Totals) {
	text := "stored " + human.Size(t.Stored) + ", visible " + human.Size(t.Visible) + ", wasted " + human.Size(t.Wasted)
	if t.BaseLayers > 0 && t.BaseLayers < t.Layers {
		text += "; own layers waste " + human.Size(t.UserWasted)
	}
	p.paragraph("", text)
}

// waivedShown is how many waived findings are listed.
const waivedShown = 20

// waived adds the waived findings and the reasons.
func (p *checkPage) waived(all []analyze.Waived) {
	if len(all) == 0 {
		return
	}
	p.WriteByte('\n')
	p.begun(bold, "Waived", "")
	for i := range all[:min(len(all), waivedShown)] {
		x := &all[i]
		size := strings.Repeat(" ", findingIndent)
		if x.Bytes > 0 {
			size = padLeft(human.Size(x.Bytes), findingIndent-2) + "  "
		}
		p.line("%s%s", size, cutMiddle(unordered(clean.Line(x.ID)), p.most()-findingIndent))
		until := ""
		if x.Waiver.Until != "" {
			until = "until " + clean.Line(x.Waiver.Until) + ": "
		}
		p.paragraph(strings.Repeat(" ", findingIndent), until+clean.Line(x.Waiver.Reason))
	}
	if left := len(all) - waivedShown; left > 0 {
		p.line("%sand %s", strings.Repeat(" ", findingIndent), human.Count(left, "more", "more"))
	}
}

// rest adds the findings that only another base image resolves, and the summaries.
func (p *checkPage) rest(v *Verdict, s *analyze.Sorted) {
	var listed, summed []analyze.Finding
	for _, f := range analyze.Brief(slices.Concat(s.OfBase, s.BelowFloor), v.Outcome.Floor) {
		if v.Outcome.Floor > 0 && f.Rule == analyze.RuleWaste && !f.Decisive {
			summed = append(summed, f)
		} else {
			listed = append(listed, f)
		}
	}
	p.listed(v, bold, "Of the base image", listed)
	if len(summed) > 0 {
		p.WriteByte('\n')
		p.begun(bold, "Not listed", " (--min-finding off lists all)")
	}
	for i := range summed {
		p.paragraph(padLeft(human.Size(summed[i].Bytes), findingIndent-2)+"  ", summed[i].Title)
	}
}

// tellsOfWaste reports whether a finding is about waste.
func tellsOfWaste(findings []analyze.Finding) bool {
	for i := range findings {
		if findings[i].Rule == analyze.RuleWaste {
			return true
		}
	}
	return false
}

// begun adds a line with a coloured start.
func (p *checkPage) begun(c paint, lead, rest string) {
	lead = cut(lead, p.most())
	rest = strings.TrimRight(cut(rest, p.most()-width(lead)), " ")
	if width(lead) >= p.most() {
		rest = ""
	}
	p.WriteString(c.on(lead, p.coloured) + rest + "\n")
}

func (p *checkPage) rules(v *Verdict) {
	results := v.Outcome.Results
	if len(results) == 0 {
		return
	}
	p.WriteByte('\n')
	name, value := 0, 0
	for i := range results {
		name = max(name, width(clean.Line(results[i].Rule)))
		value = max(value, width(clean.Line(results[i].Value)))
	}
	for i := range results {
		r := &results[i]
		verdict, c := "pass", green
		switch {
		case r.Unchecked, r.Waived:
			verdict, c = "----", yellow
		case r.Failed && r.Severity == analyze.Error:
			verdict, c = "FAIL", red
		case r.Failed:
			verdict, c = "warn", yellow
		}
		p.begun(c, "  "+verdict, "  "+pad(clean.Line(r.Rule), name)+"  "+padLeft(clean.Line(r.Value), value)+"  (limit "+clean.Line(r.Limit)+")")
		const below = "        " // the rule's name
		if r.Unchecked || r.Waived {
			p.paragraph(below, clean.Line(r.Message))
		}
		if advice := clean.Line(v.advice(r.Rule)); advice != "" {
			p.paragraph(below+"→ ", advice)
		}
	}
}

// notes adds what readers of the figures should know.
func (p *checkPage) notes(notes []string) {
	if len(notes) > 0 {
		p.WriteByte('\n')
	}
	for _, note := range notes {
		p.paragraph("  note: ", clean.Line(note))
	}
}

func (p *checkPage) growth(g *analyze.Growth) {
	if g == nil {
		return
	}
	p.WriteByte('\n')
	p.begun(bold, "Against "+cutMiddle(orUnknown(g.Baseline), p.most()-len("Against ")), "")
	for _, c := range changes(g) {
		p.line("  %s  %s → %s  %s", pad(c.name, changeName), padLeft(c.before, 9), padLeft(c.after, 9), padLeft(c.difference, 9))
	}
	for _, x := range g.Paths[:min(len(g.Paths), pathsShown)] {
		p.line("  %s  %s", padLeft(pathChange(x), 10), cutMiddle(clean.Text(x.Path), p.most()-14))
	}
	if more := g.Grown - pathsShown; more > 0 {
		p.line("  and %s that changed", human.Count(more, "more path", "more paths"))
	}
}

// severities are the headings of findings, and their colours.
var severities = map[analyze.Severity]struct {
	heading string
	paint   paint
}{
	analyze.Error:   {"Errors", red},
	analyze.Warning: {"Warnings", yellow},
	analyze.Note:    {"To improve", bold},
}

// listed adds findings under a heading, the first ones in full.
func (p *checkPage) listed(v *Verdict, c paint, heading string, findings []analyze.Finding) {
	if len(findings) == 0 {
		return
	}
	p.WriteByte('\n')
	p.begun(c, heading, "")
	shown := min(len(findings), findingsShown)
	for shown < min(len(findings), decisiveShown) && findings[shown].Decisive {
		shown++
	}
	for i := range findings[:shown] {
		p.finding(v, &findings[i])
	}
	if more := findings[shown:]; len(more) > 0 {
		p.line("%s  and %s", padLeft(human.Size(total(more)), findingIndent-2), human.Count(len(more), "more", "more"))
	}
}

// finding adds a finding: its bytes and title, where it is, the step, and what
// to change.
func (p *checkPage) finding(v *Verdict, f *analyze.Finding) {
	size := strings.Repeat(" ", findingIndent)
	if f.Bytes > 0 {
		size = padLeft(human.Size(f.Bytes), findingIndent-2) + "  "
	}
	for i, line := range wrap(clean.Line(f.Title), p.columns()-findingIndent) {
		if i > 0 {
			size = strings.Repeat(" ", findingIndent)
		}
		p.WriteString(size + bold.on(line, p.coloured) + "\n")
	}
	indent := strings.Repeat(" ", findingIndent)
	if f.Message != "" {
		p.paragraph(indent, clean.Line(f.Message))
	}
	if where := p.where(v, f); where != "" {
		p.line("%s%s", indent, where)
	}
	if f.Step != "" {
		mark := "↳ "
		for _, line := range stepLines(f.Step) {
			p.line("%s%s%s", indent, mark, line)
			mark = "│ " // not blank: a pipeline may interpret the line as a command
		}
	}
	if f.Advice != "" {
		p.paragraph(indent+"→ ", clean.Line(f.Advice))
	}
	if f.Severity > analyze.Note {
		p.line("%s%s", indent, p.id(f))
	}
}

// id returns a finding's ID for a waiver on one line: the full ID or, if that is too long, the
// short one.
func (p *checkPage) id(f *analyze.Finding) string {
	id := clean.Line(f.ID)
	if id != f.ID || width(id) > p.columns()-findingIndent-len("id: ") || unordered(id) != id {
		id = analyze.ShortID(f.ID)
	}
	return "id: " + id
}

// where returns the path, the layer and the line of a finding, as far as known.
func (p *checkPage) where(v *Verdict, f *analyze.Finding) string {
	var parts []string
	if f.Layer >= 0 && f.Layer < len(v.Analysis.Layers) {
		parts = append(parts, "layer "+strconv.Itoa(f.Layer))
	}
	if l := clean.Line(place(f)); l != "" {
		parts = append(parts, l)
	}
	rest := strings.Join(parts, ", ")
	if f.Path == "" {
		return rest
	}
	if rest != "" {
		rest = "  (" + rest + ")"
	}
	return cutMiddle(unordered(clean.Text(f.Path)), max(p.most()-findingIndent-width(rest), 20)) + rest
}

func (p *checkPage) verdict(c counts) {
	p.WriteByte('\n')
	colour := green
	switch {
	case c.failed > 0:
		colour = red
	case c.passed < c.rules() || c.rules() == 0:
		colour = yellow
	}
	p.begun(colour, c.sentence(": "), "")
}
