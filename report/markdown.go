package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

const (
	worstShown = 10  // findings that aren't folded
	mdGrown    = 20  // paths that grew
	mdFolded   = 100 // findings in the fold
)

// commentMark is the first line of a check's Markdown, invisible when rendered. A pipeline uses
// it to find and replace its comment. It contains a hash of the images and the rules file, so
// that two steps of a pipeline have separate comments.
func commentMark(all []subject) string {
	sum := sha256.New()
	for i := range all {
		io.WriteString(sum, all[i].key+"\x00") //nolint:errcheck // a sum takes everything
		if o := all[i].Outcome; o != nil {
			io.WriteString(sum, o.RulesFrom+"\x00") //nolint:errcheck // a sum takes everything
		}
	}
	return "<!-- peel check " + hex.EncodeToString(sum.Sum(nil)[:6]) + " -->"
}

// mdLeast is the minimum number of bytes for a section about one of several images.
const mdLeast = 5000

// CheckMarkdown writes the verdict as Markdown for a comment or a run's
// summary: the verdict, the figures (next to the baseline's, if any), the worst
// findings, and in folded sections all rules and the rest; several images start
// with a table. It is always shorter than 60,000 bytes, and no text of an image
// can become Markdown, HTML, or a mention. It fails only if w does.
func CheckMarkdown(w io.Writer, vs ...*Verdict) error {
	all := subjects(vs)
	m := &mdPage{limit: mdLimit}
	m.WriteString(commentMark(all) + "\n")
	if len(all) == 1 {
		m.check(&all[0])
	} else {
		m.checks(all)
	}
	_, err := io.WriteString(w, m.String())
	return err
}

// checks adds several images: a table, and as many sections as fit.
func (m *mdPage) checks(all []subject) {
	t := tally(all)
	fmt.Fprintf(m, "### %s %s\n\n| image | | stored | wasted | own efficiency |\n|:--|:--|--:|--:|--:|\n", t.sign(), t.sentence())
	// The table may take a third.
	m.limit = mdLimit / 3
	rows := m.list(len(all), func(i int) string {
		s := &all[i]
		if s.Err != nil {
			return "| " + mdCode(s.name) + " | ⚠️ cannot be loaded | | | |\n"
		}
		t := s.Analysis.Totals
		return fmt.Sprintf("| %s | %s %s | %s | %s | %s |\n", mdCode(s.name), s.sign(), s.counts().sentence(" "),
			human.Size(t.Stored), human.Size(t.Wasted), human.Percent(t.OwnEfficiency))
	})
	m.limit = mdLimit
	if left := len(all) - rows; left > 0 {
		m.fits("\n" + human.Count(left, "more image is", "more images are") + " not listed.\n")
	}
	told := 0
	for i := range all {
		share := (mdLimit - m.Len()) / (len(all) - i)
		if all[i].calm() {
			told++ // the table shows it
			continue
		}
		if mdLimit-m.Len() < mdLeast+200 {
			break
		}
		told++
		m.limit = m.Len() + max(share, mdLeast)
		m.WriteString("\n")
		m.check(&all[i])
		m.limit = mdLimit
	}
	if left := len(all) - told; left > 0 {
		m.fits("\n" + human.Count(left, "image has", "images have") + " no section here, to keep this comment short.\n")
	}
}

// calm reports whether an image has nothing to report.
func (s *subject) calm() bool {
	c := s.counts()
	return s.Err == nil && c.passed == c.rules() && c.rules() > 0 && len(s.Outcome.Findings)+len(s.Outcome.Waived)+len(s.Outcome.Notes) == 0 && s.Outcome.Growth == nil
}

// check adds the facts about one image.
func (m *mdPage) check(s *subject) {
	if s.Err != nil {
		fmt.Fprintf(m, "### ⚠️ %s cannot be loaded\n\n- %s\n", mdCode(s.name), mdText(s.unloaded().Message))
		return
	}
	v := s.Verdict
	fmt.Fprintf(m, "### %s %s %s\n\n", v.sign(), mdCode(s.name), v.counts().sentence(" "))
	m.figures(v)
	m.base(v.Analysis.Base)
	m.failures(v)
	m.findings(v)
	m.waived(v.Outcome.Waived)
}

// sign is the verdict as a sign.
func (v *Verdict) sign() string {
	c := v.counts()
	switch {
	case c.failed > 0:
		return "❌"
	case c.passed+c.waived < c.rules() || c.rules() == 0:
		return "⚠️"
	}
	return "✅"
}

// waived adds, folded, the findings that no longer count.
func (m *mdPage) waived(all []analyze.Waived) {
	if len(all) == 0 {
		return
	}
	m.details(human.Count(len(all), "finding is", "findings are")+" waived", func() {
		n := m.list(min(len(all), mdFolded), func(i int) string {
			x := &all[i]
			until := ""
			if x.Waiver.Until != "" {
				until = " until " + mdText(x.Waiver.Until)
			}
			return "- " + mdCode(x.ID) + until + ": " + mdText(x.Waiver.Reason) + "\n"
		})
		if left := len(all) - n; left > 0 {
			m.fits("\n" + human.Count(left, "more is", "more are") + " not listed.\n")
		}
	})
}

// figures adds the table of the image's figures, against the baseline's if
// there is one.
func (m *mdPage) figures(v *Verdict) {
	if g := v.Outcome.Growth; g != nil {
		fmt.Fprintf(m, "| against %s | before | now | change |\n|:--|--:|--:|--:|\n", mdCode(g.Baseline))
		for _, c := range changes(g) {
			fmt.Fprintf(m, "| %s | %s | %s | %s |\n", c.name, c.before, c.after, c.difference)
		}
		return
	}
	m.totals(v.Analysis.Totals)
}

func (m *mdPage) totals(t analyze.Totals) {
	m.WriteString("| stored | visible | wasted | image efficiency | own efficiency | layers | entries |\n|--:|--:|--:|--:|--:|--:|--:|\n")
	fmt.Fprintf(m, "| %s | %s | %s | %s | %s | %s | %s |\n", human.Size(t.Stored), human.Size(t.Visible), human.Size(t.Wasted),
		human.Percent(t.Efficiency), human.Percent(t.OwnEfficiency), human.Comma(t.Layers), human.Comma(t.Entries))
}

// failures adds the rules that don't pass, the most severe first, and the notes.
func (m *mdPage) failures(v *Verdict) {
	results := slices.Clone(v.Outcome.Results)
	slices.SortStableFunc(results, func(a, b analyze.Result) int { return cmp.Compare(gravity(&b), gravity(&a)) })
	var items []string
	for i := range results {
		r := &results[i]
		if gravity(r) == 0 {
			break
		}
		item := "- " + ruleSign(r) + " " + mdCode(r.Rule) + ": " + mdText(r.Message)
		if advice := v.advice(r.Rule); advice != "" {
			item += "<br>→ " + mdText(advice)
		}
		items = append(items, item+"\n")
	}
	for _, note := range v.Outcome.Notes {
		items = append(items, "- ℹ️ "+mdText(note)+"\n")
	}
	if len(items) > 0 {
		m.WriteString("\n")
	}
	m.list(len(items), func(i int) string { return items[i] })
}

// gravity ranks results: 0 if everything passed.
func gravity(r *analyze.Result) int {
	switch {
	case r.Failed && r.Severity == analyze.Error:
		return 3
	case r.Failed:
		return 2
	case r.Unchecked:
		return 1
	}
	return 0
}

func ruleSign(r *analyze.Result) string {
	if r.Waived {
		return "☑ waived"
	}
	return [...]string{"✅ holds", "❔ not checked", "⚠️ warns", "❌ fails"}[gravity(r)]
}

// findings adds the worst findings and, folded, what changed, the rules and the
// other findings.
func (m *mdPage) findings(v *Verdict) {
	sorted := analyze.Sort(v.details())
	all := sorted.Shown
	item := func(i int) string { return mdFinding(v.Analysis, &all[i], i) }
	shown := min(len(all), worstShown)
	if shown > 0 {
		heading := "\n**What to change**"
		if len(all) > shown {
			heading += fmt.Sprintf(" (the %d worst of %s)", shown, human.Comma(len(all)))
		}
		if m.fits(heading + "\n\n") {
			shown = m.list(shown, item)
		}
	}
	if g := v.Outcome.Growth; g != nil && len(g.Paths) > 0 {
		m.details("Paths that changed most", func() { m.grown(g) })
	}
	if results := v.Outcome.Results; len(results) > 0 {
		m.details("All rules"+rulesFrom(v.Outcome.RulesFrom), func() {
			m.fits("| rule | | image | limit |\n|:--|:--|--:|--:|\n")
			m.list(len(results), func(i int) string {
				r := &results[i]
				return fmt.Sprintf("| %s | %s | %s | %s |\n", mdCode(r.Rule), ruleSign(r), mdText(r.Value), mdText(r.Limit))
			})
		})
	}
	if rest := all[shown:]; len(rest) > 0 {
		m.details(human.Count(len(rest), "more finding", "more findings")+", "+human.Size(total(rest)), func() {
			n := m.list(min(len(rest), mdFolded), func(i int) string { return mdFinding(v.Analysis, &rest[i], shown+i) })
			if left := len(rest) - n; left > 0 {
				m.fits("\n" + human.Count(left, "more is", "more are") + " not listed.\n")
			}
		})
	}
	if base := sorted.OfBase; len(base) > 0 {
		m.details("Of the base image: "+human.Count(len(base), "finding", "findings")+", "+human.Size(total(base)), func() {
			n := m.list(min(len(base), mdFolded), func(i int) string { return mdFinding(v.Analysis, &base[i], i) })
			if left := len(base) - n; left > 0 {
				m.fits("\n" + human.Count(left, "more is", "more are") + " not listed.\n")
			}
		})
	}
	if small := sorted.BelowFloor; len(small) > 0 {
		m.fits("\nNot listed: " + human.Count(len(small), "finding of waste", "findings of waste") + " of less than " + human.Size(v.Outcome.Floor) + " each, " + human.Size(total(small)) + " in all.\n")
	}
}

func rulesFrom(file string) string {
	if file == "" {
		return ""
	}
	return ", from " + mdText(file)
}

func total(findings []analyze.Finding) int64 {
	n := int64(0)
	for i := range findings {
		n += findings[i].Bytes
	}
	return n
}

func mdFinding(a *analyze.Analysis, f *analyze.Finding, i int) string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(i+1) + ". ")
	switch f.Severity {
	case analyze.Error:
		b.WriteString("❌ ")
	case analyze.Warning:
		b.WriteString("⚠️ ")
	case analyze.Note:
	}
	if f.Bytes > 0 {
		b.WriteString("**" + human.Size(f.Bytes) + "** ")
	}
	b.WriteString(mdText(f.Title))
	var where []string
	if f.Path != "" {
		where = append(where, mdCode(f.Path))
	}
	if f.Layer >= 0 && f.Layer < len(a.Layers) {
		where = append(where, "layer "+strconv.Itoa(f.Layer))
	}
	if l := place(f); l != "" {
		where = append(where, mdCode(l))
	}
	if len(where) > 0 {
		b.WriteString(" · " + strings.Join(where, " · "))
	}
	if f.Message != "" {
		b.WriteString("<br>" + mdText(f.Message))
	}
	if f.Step != "" {
		b.WriteString("<br>↳ " + mdStep(f.Step))
	}
	if f.Advice != "" {
		b.WriteString("<br>→ " + mdAdvice(f))
	}
	return b.String() + "\n"
}

func (m *mdPage) grown(g *analyze.Growth) {
	shown := m.list(min(len(g.Paths), mdGrown), func(i int) string {
		return "- " + pathChange(g.Paths[i]) + " " + mdCode(g.Paths[i].Path) + "\n"
	})
	if left := g.Grown - shown; left > 0 {
		m.fits("\n" + human.Count(left, "more path", "more paths") + " changed.\n")
	}
}
