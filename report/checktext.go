package report

import (
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

const (
	pathsShown    = 5  // paths that grew
	findingIndent = 11 // columns before a finding's text: its bytes
)

// A detail is how much the text of a check has.
type detail struct {
	brief    bool // findings have only what one needs to act
	findings int  // of one severity
	ofRule   int  // findings of one rule, or notes
	decisive int  // findings of one severity, if failed rules depend on them
	rows     int  // rows of waste shown for a failed check without findings of waste
	waived   int  // waived findings
}

var (
	brief = detail{brief: true, findings: 10, ofRule: 3, decisive: 10, rows: 5, waived: 5}
	usual = detail{findings: 10, ofRule: math.MaxInt, decisive: 30, rows: 10, waived: 20}
	whole = detail{findings: math.MaxInt, ofRule: math.MaxInt, decisive: math.MaxInt, rows: 10, waived: math.MaxInt}
)

// checkPage is the text of a check while it is written.
type checkPage struct {
	page
	detail
	coloured bool
	left     bool // something is left out
	leftFix  bool // part of that is advice on waste
}

// CheckText writes the verdict for people: first the result, then one line per rule, the comparison
// with the baseline, the largest findings by severity with the step to blame and what to change,
// and waived findings. A check that failed says so again at the end, where a log ends. For several
// images, the result of all comes first, and they follow one another. It fails only if w does.
func CheckText(w io.Writer, vs ...*Verdict) error { return checkText(w, brief, vs) }

// checkText is CheckText with this much detail at least.
func checkText(w io.Writer, d detail, vs []*Verdict) error {
	all := subjects(vs)
	sum, several := tally(all), len(all) > 1
	left, leftFix := false, false
	for i := range all {
		p := checkPage{page: page{layout: all[i].Layout}, detail: d, coloured: all[i].Coloured}
		if all[i].Details {
			p.detail = whole
		}
		if several && i == 0 {
			p.begun(sum.paint(), sum.sentence(), "")
		}
		if several {
			p.WriteByte('\n')
		}
		p.check(&all[i], several)
		left, leftFix = left || p.left, leftFix || p.leftFix
		if several && i == len(all)-1 {
			p.left, p.leftFix = left, leftFix
			p.hint()
			if sum.passed < sum.images {
				p.WriteByte('\n')
				p.begun(sum.paint(), sum.sentence(), "")
			}
		}
		if err := p.writeTo(w); err != nil {
			return err
		}
	}
	return nil
}

// hint says what lists what is left out.
func (p *checkPage) hint() {
	if !p.left {
		return
	}
	fix := ""
	if p.leftFix {
		fix = "; peel fix IMAGE says what to change in the Dockerfile"
	}
	p.WriteByte('\n')
	p.paragraph("", "peel check --details lists all findings in full"+fix)
}

// check adds the text for one image.
func (p *checkPage) check(s *subject, several bool) {
	v := s.Verdict
	if v.Err != nil {
		p.begun(red, "cannot be loaded", "")
		p.line("Image %s", cutMiddle(s.name, p.most()-len("Image ")))
		p.paragraph("  ", clean.Line(v.unloaded().Message))
		return
	}
	c := v.counts()
	p.begun(c.paint(), c.sentence(": "), "")
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
		p.waste(v.Analysis, v.Outcome.Waste, p.detail.rows)
	}
	p.listWaived(v.Outcome.Waived)
	if !several {
		p.hint()
	}
	if c.failed > 0 && !several {
		p.WriteByte('\n')
		p.begun(c.paint(), c.sentence(": "), "")
	}
}

// stored says, in one line, how much the image stores and wastes.
func (p *checkPage) stored(t analyze.Totals) {
	text := "stored " + human.Size(t.Stored) + ", visible " + human.Size(t.Visible) + ", wasted " + human.Size(t.Wasted)
	if t.BaseLayers > 0 && t.BaseLayers < t.Layers {
		text += "; own layers waste " + human.Size(t.UserWasted)
	}
	p.paragraph("", text)
}

// listWaived adds the waived findings and the reasons.
func (p *checkPage) listWaived(all []analyze.Waived) {
	if len(all) == 0 {
		return
	}
	p.WriteByte('\n')
	p.begun(bold, "Waived", "")
	for i := range all[:min(len(all), p.detail.waived)] {
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
	if left := len(all) - p.detail.waived; left > 0 {
		p.left = true
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

// listed adds findings under a heading, the first ones of each rule in full.
func (p *checkPage) listed(v *Verdict, c paint, heading string, findings []analyze.Finding) {
	if len(findings) == 0 {
		return
	}
	p.WriteByte('\n')
	p.begun(c, heading, "")
	if p.brief {
		findings = byRule(findings)
	}
	fails := slices.ContainsFunc(findings, func(f analyze.Finding) bool { return f.Decisive })
	shown, of := 0, map[string]int{}
	var last *analyze.Finding
	var more []analyze.Finding
	for i := range findings {
		f := &findings[i]
		most, group := p.detail.findings, f.Rule
		if f.Decisive {
			most = p.decisive
		}
		if f.Severity == analyze.Note {
			group = ""
		}
		full := shown >= most && (!p.brief || of[group] > 0) // in brief, each rule has its first finding
		if full || of[group] >= p.ofRule || p.brief && fails && !f.Decisive && group == "" {
			more = append(more, *f)
			p.leftFix = p.leftFix || f.Rule == analyze.RuleWaste
			continue
		}
		shown++
		of[group]++
		p.finding(v, f, last)
		last = f
	}
	if len(more) == 0 {
		return
	}
	p.left = true
	p.line("%s  and %s", padLeft(human.Size(total(more)), findingIndent-2), human.Count(len(more), "more", "more"))
}

// byRule returns findings with those of each rule together, the rules in the order of their first
// findings. Notes stay where they are: their order is that of their bytes.
func byRule(findings []analyze.Finding) []analyze.Finding {
	if findings[0].Severity == analyze.Note {
		return findings
	}
	first := map[string]int{}
	for i := range findings {
		if _, ok := first[findings[i].Rule]; !ok {
			first[findings[i].Rule] = i
		}
	}
	findings = slices.Clone(findings)
	slices.SortStableFunc(findings, func(a, b analyze.Finding) int { return first[a.Rule] - first[b.Rule] })
	return findings
}

// finding adds a finding: its bytes and title, where it is, the step, and what
// to change. In brief, it leaves out what last says too, what a note about waste says in detail,
// and advice that no rule depends on.
func (p *checkPage) finding(v *Verdict, f, last *analyze.Finding) {
	size, indent := strings.Repeat(" ", findingIndent), strings.Repeat(" ", findingIndent)
	if f.Bytes > 0 {
		size = padLeft(human.Size(f.Bytes), findingIndent-2) + "  "
	}
	where := p.where(v, f)
	title, message, step, advice := true, f.Message != "", f.Step != "", f.Advice != ""
	if p.brief {
		same := last != nil && last.Rule == f.Rule
		title = f.Path == "" || !same || last.Title != f.Title
		note := f.Severity == analyze.Note && f.Path != ""
		message = message && title && !note
		advice = advice && !(note && !f.Decisive) && !(same && last.Advice == f.Advice)
		step = step && !(note && !f.Decisive) && !(!title && last.Step == f.Step)
		p.left = p.left || message != (f.Message != "") || advice != (f.Advice != "")
		p.leftFix = p.leftFix || f.Rule == analyze.RuleWaste && !advice
	}
	if title {
		for i, line := range wrap(clean.Line(f.Title), p.columns()-findingIndent) {
			if i > 0 {
				size = indent
			}
			p.WriteString(size + bold.on(line, p.coloured) + "\n")
		}
		size = indent
	}
	if message {
		p.paragraph(indent, clean.Line(f.Message))
	}
	if where != "" {
		p.line("%s%s", size, where)
	}
	if step {
		mark := "↳ "
		for _, line := range stepLines(f.Step) {
			p.line("%s%s%s", indent, mark, line)
			mark = "│ " // not blank: a pipeline may interpret the line as a command
			if p.brief {
				break
			}
		}
	}
	if advice {
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

// paint returns the colour of a check's result.
func (c counts) paint() paint {
	switch {
	case c.failed > 0:
		return red
	case c.passed < c.rules() || c.rules() == 0:
		return yellow
	}
	return green
}
