package report

import (
	"fmt"
	"io"

	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/internal/human"
)

// FleetMarkdown writes a summary of many images as Markdown for a wiki or a comment, within the
// limits of Markdown.
func FleetMarkdown(w io.Writer, f *Fleet) error {
	m := &mdPage{limit: mdLimit}
	s := f.Summary
	t, l := &s.Totals, &s.Layers
	fmt.Fprintf(m, "### %s wasted of %s stored in %s\n\n", human.Size(t.Wasted), human.Size(t.Stored), human.Count(s.Images, "image", "images"))
	fmt.Fprintf(m, "Plan %s of %s: %s.\n", mdCode(s.Plan.ID), human.Date(s.Plan.Header.Made), imagesText(s))
	m.fits("\n| | bytes | |\n|:--|--:|:--|\n")
	for _, row := range []struct {
		name  string
		bytes int64
		note  string
	}{
		{"stored", t.Stored, "in all images"},
		{"visible", t.Visible, "efficiency " + human.Percent(t.Efficiency())},
		{"wasted", t.Wasted, human.Percent(1-t.Efficiency()) + " of what is stored"},
		{"own layers", t.UserStored, human.Size(t.UserWasted) + " of it wasted"},
		{"in registry", l.Bytes, human.Count(l.Unique, "unique layer", "unique layers")},
		{"shared", l.SharedBytes, "sharing saves " + human.Size(l.UsedBytes-l.Bytes)},
	} {
		m.fits(fmt.Sprintf("| %s | %s | %s |\n", row.name, human.Size(row.bytes), row.note))
	}
	m.fleetFixes(s)
	m.fleetGroups("Teams", s.Teams)
	m.fleetGroups("Repositories", s.Repositories)
	m.details("Images that waste most", func() {
		m.fits("| wasted | stored | image |\n|--:|--:|:--|\n")
		m.list(len(s.Worst), func(i int) string {
			r := &s.Worst[i]
			return fmt.Sprintf("| %s | %s | %s |\n", human.Size(deref(r.WastedBytes)), human.Size(deref(r.StoredBytes)), mdCode(r.Name))
		})
	})
	m.details("Base images", func() {
		m.fits("| images | editions | newest | oldest | on the oldest | base |\n|--:|--:|--:|--:|--:|:--|\n")
		m.list(min(len(s.Bases), 2*fleetRows), func(i int) string {
			b := &s.Bases[i]
			name := "unknown"
			if b.Name != "" {
				name = mdCode(baseName(b))
			}
			return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", human.Comma(b.Images), human.Comma(b.Editions), age(s, b.Newest), age(s, b.Oldest), human.Comma(b.OnOldest), name)
		})
	})
	if g := s.Growth; g != nil {
		m.details("Growth since "+human.Date(g.From.Header.Made), func() {
			m.fits(growthText(g) + ".\n\n| grown | new | gone | repository |\n|--:|--:|--:|:--|\n")
			m.list(min(len(g.Repositories), 2*fleetRows), func(i int) string {
				r := &g.Repositories[i]
				return fmt.Sprintf("| %s | %s | %s | %s |\n", signed(r.NewBytes-r.GoneBytes, human.Size), human.Size(r.NewBytes), human.Size(r.GoneBytes), mdGroup(r.Name))
			})
		})
	}
	_, err := io.WriteString(w, m.String())
	return err
}

func (m *mdPage) fleetFixes(s *fleet.Summary) {
	if len(s.Fixes) == 0 {
		return
	}
	m.fits("\n**What to change first**\n\n")
	m.list(len(s.Fixes), func(i int) string {
		x := &s.Fixes[i]
		item := fmt.Sprintf("%d. %s: %s", i+1, human.Size(x.Saved), mdText(x.Finding.Title))
		if path := deref(x.Finding.Path); path != "" {
			item += ", " + mdCode(path)
		}
		item += ", in " + human.Count(x.Images, "image", "images") + " such as " + mdCode(x.Image)
		if advice := deref(x.Finding.Advice); advice != "" {
			item += ": " + mdText(advice)
		}
		if step := deref(x.Finding.Step); step != "" {
			item += " (step " + mdCode(step) + ")"
		}
		return item + "\n"
	})
}

func (m *mdPage) fleetGroups(title string, groups []fleet.Group) {
	if len(groups) == 0 {
		return
	}
	m.details(title+" by waste"+firstOf(len(groups)), func() {
		m.fits("| wasted | stored | own efficiency | images | |\n|--:|--:|--:|--:|:--|\n")
		m.list(min(len(groups), fleetRows), func(i int) string {
			g := &groups[i]
			return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", human.Size(g.Wasted), human.Size(g.Stored), human.Percent(g.OwnEfficiency()), human.Comma(g.Images), mdGroup(g.Name))
		})
	})
}

// mdGroup returns the name of a group in Markdown.
func mdGroup(name string) string {
	if name == "" {
		return "all others"
	}
	return mdCode(name)
}
