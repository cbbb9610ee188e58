package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// A Fleet has the summary of many images, and a function to read each of them.
type Fleet struct {
	Store   string // where the tables are, for people
	Summary *fleet.Summary

	// Each calls fn with every image, in the plan's order, until it fails.
	Each func(fn func(*fleet.ImageRow) error) error
}

// How many rows of each kind a report for people has.
const (
	fleetRows      = 15
	fleetNameWidth = 40 // columns of a name in a table of text, and of the columns before it
)

// FleetText writes a summary of many images for people.
func (l Layout) FleetText(w io.Writer, f *Fleet) error {
	p := page{layout: l}
	s := f.Summary
	p.line("Fleet %s", cutMiddle(clean.Line(f.Store), p.most()-len("Fleet ")))
	p.line("plan %s of %s, %s", clean.Line(s.Plan.ID), human.Date(s.Plan.Header.Made), imagesText(s))
	p.fleetTotals(s)
	p.fleetFixes(s)
	p.fleetGroups("Teams", "team", s.Teams)
	p.fleetGroups("Repositories", "repository", s.Repositories)
	p.fleetWorst(s)
	p.fleetBases(s)
	p.fleetLayers(s)
	p.fleetGrowth(s)
	return p.writeTo(w)
}

// imagesText says how many images there are, and how many without figures.
func imagesText(s *fleet.Summary) string {
	out := []string{human.Count(s.Images, "image", "images")}
	for _, more := range []struct {
		n    int64
		what string
	}{
		{s.Unreadable, "that cannot be read"},
		{s.Waiting, "not analyzed yet"},
		{s.Damaged, "with layers that cannot be read"},
	} {
		if more.n > 0 {
			out = append(out, human.Comma(more.n)+" "+more.what)
		}
	}
	return strings.Join(out, ", ")
}

func (p *page) fleetTotals(s *fleet.Summary) {
	p.heading("Totals")
	row := func(name string, bytes int64, note string) {
		p.line("%s %s  %s", pad(name, 11), padLeft(human.Size(bytes), 7), note)
	}
	t, l := &s.Totals, &s.Layers
	row("stored", t.Stored, "in all images, each with all of its layers")
	row("visible", t.Visible, "efficiency "+human.Percent(t.Efficiency()))
	row("wasted", t.Wasted, human.Percent(1-t.Efficiency())+" of what is stored")
	row("own layers", t.UserStored, "own efficiency "+human.Percent(t.OwnEfficiency())+", "+human.Size(t.UserWasted)+" of it wasted")
	row("in registry", l.Bytes, human.Count(l.Unique, "unique layer", "unique layers")+", each once, compressed")
	row("shared", l.SharedBytes, human.Count(l.Shared, "layer", "layers")+" of several images; sharing saves "+human.Size(l.UsedBytes-l.Bytes))
	if l.Unreadable > 0 {
		p.line("%s of them cannot be read", human.Count(l.Unreadable, "layer", "layers"))
	}
}

func (p *page) fleetFixes(s *fleet.Summary) {
	if len(s.Fixes) == 0 {
		return
	}
	p.heading("What to change first")
	for i := range s.Fixes {
		x := &s.Fixes[i]
		p.paragraph(fmt.Sprintf("%2d. ", i+1), fixText(x))
		if advice := deref(x.Finding.Advice); advice != "" {
			p.paragraph("    → ", clean.Line(advice))
		}
		if step := deref(x.Finding.Step); step != "" {
			p.line("    ↳ %s", cutMiddle(clean.Line(step), max(p.most()-6, 1)))
		}
	}
}

// fixText says, in one sentence, how much a fix saves, and where.
func fixText(x *fleet.Fix) string {
	text := human.Size(x.Saved) + ": " + clean.Line(x.Finding.Title)
	if path := deref(x.Finding.Path); path != "" {
		text += ", " + clean.Line(path)
	}
	text += "; in " + human.Count(x.Images, "image", "images")
	if x.InAll > x.Saved {
		text += ", " + human.Size(x.InAll) + " in all of them"
	}
	return text + ", such as " + clean.Line(x.Image)
}

func (p *page) fleetGroups(title, one string, groups []fleet.Group) {
	if len(groups) == 0 {
		return
	}
	p.heading("%s by waste%s", title, firstOf(len(groups)))
	p.line("   wasted   stored  own eff.  images  %s", one)
	for i := range min(len(groups), fleetRows) {
		g := &groups[i]
		p.line("%s  %s  %s  %s  %s", padLeft(human.Size(g.Wasted), 9), padLeft(human.Size(g.Stored), 7), padLeft(human.Percent(g.OwnEfficiency()), 8),
			padLeft(human.Comma(g.Images), 6), cutName(p, groupName(g.Name)))
	}
}

// firstOf says that a table has only its first rows.
func firstOf(n int) string {
	if n <= fleetRows {
		return ""
	}
	return fmt.Sprintf(" (the first %d of %s)", fleetRows, human.Comma(n))
}

// cutName cuts a name in its middle for a terminal, and leaves it whole elsewhere.
func cutName(p *page, name string) string {
	if !p.layout.Cut {
		return name
	}
	return cutMiddle(name, max(p.columns()-fleetNameWidth, fleetNameWidth))
}

// groupName returns the name of a group, fit for a terminal.
func groupName(name string) string { return cmp.Or(clean.Line(name), "(all others)") }

func (p *page) fleetWorst(s *fleet.Summary) {
	if len(s.Worst) == 0 {
		return
	}
	p.heading("Images that waste most")
	p.line("   wasted   stored  image")
	for i := range min(len(s.Worst), fleetRows) {
		r := &s.Worst[i]
		p.line("%s  %s  %s", padLeft(human.Size(deref(r.WastedBytes)), 9), padLeft(human.Size(deref(r.StoredBytes)), 7), cutName(p, clean.Line(r.Name)))
	}
}

func (p *page) fleetBases(s *fleet.Summary) {
	if len(s.Bases) == 0 {
		return
	}
	p.heading("Base images%s", firstOf(len(s.Bases)))
	p.line(" images  editions     newest     oldest  on oldest  base")
	for i := range min(len(s.Bases), fleetRows) {
		b := &s.Bases[i]
		p.line("%s  %s  %s  %s  %s  %s", padLeft(human.Comma(b.Images), 7), padLeft(human.Comma(b.Editions), 8), padLeft(age(s, b.Newest), 9), padLeft(age(s, b.Oldest), 9),
			padLeft(human.Comma(b.OnOldest), 9), cutName(p, baseName(b)))
	}
}

// age returns how old something was when the plan was made.
func age(s *fleet.Summary, made time.Time) string {
	if made.IsZero() {
		return "-"
	}
	return human.Age(s.Plan.Header.Made, made)
}

// baseName returns the name of a base image, fit for a terminal.
func baseName(b *fleet.BaseUse) string {
	name := cmp.Or(clean.Line(b.Name), "(unknown)")
	if b.Name != "" && !b.Sure {
		name += " (a guess)"
	}
	return name
}

func (p *page) fleetLayers(s *fleet.Summary) {
	most := s.Layers.Most
	if len(most) == 0 {
		return
	}
	p.heading("Layers with the most shared bytes")
	p.line("    bytes  images  layer")
	for i := range min(len(most), fleetRows) {
		r := &most[i]
		p.line("%s  %s  %s", padLeft(human.Size(r.Bytes), 9), padLeft(human.Comma(r.Images), 6), clean.Line(r.Layer))
	}
}

func (p *page) fleetGrowth(s *fleet.Summary) {
	g := s.Growth
	if g == nil {
		return
	}
	p.heading("Growth since plan %s of %s", clean.Line(g.From.ID), human.Date(g.From.Header.Made))
	p.line("%s", growthText(g))
	p.line("     grown      new     gone  repository")
	for i := range min(len(g.Repositories), fleetRows) {
		r := &g.Repositories[i]
		p.line("%s  %s  %s  %s", padLeft(signed(r.NewBytes-r.GoneBytes, human.Size), 10), padLeft(human.Size(r.NewBytes), 7), padLeft(human.Size(r.GoneBytes), 7), cutName(p, groupName(r.Name)))
	}
}

// growthText says, in one sentence, what changed from one plan to the next.
func growthText(g *fleet.Growth) string {
	return fmt.Sprintf("%s in the registry: %s in %s came, %s in %s went; %+d images",
		signed(g.NewBytes-g.GoneBytes, human.Size), human.Size(g.NewBytes), human.Count(g.New, "layer", "layers"), human.Size(g.GoneBytes), human.Count(g.Gone, "layer", "layers"), g.Images)
}

// deref returns what p points to, or zero for nil.
func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
