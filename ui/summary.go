package ui

import (
	"cmp"
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// summary is the view of a comparison that shows both images' figures, the numbers of changed
// paths, and the differences in configs and packages.
type summary struct {
	factPage
	pair   *pairing
	values []string // by line, to copy
}

// openSummary is the summary's function in the table of comparison views.
func openSummary(h host, p *pairing) body {
	s := &summary{factPage: factPage{h: h, lk: h.look(), name: "Summary"}, pair: p}
	s.fill = s.make
	return inFrame(h.look(), s)
}

func (p *summary) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	switch {
	case p.listKey(k):
	case p.h.keys().copyPath.matches(k) && p.cursor < len(p.values):
		return copyText(p.h, p.values[p.cursor], "value"), true
	default:
		return nil, false
	}
	return nil, true
}

func (p *summary) mouse(msg tea.MouseMsg, _, y int) tea.Cmd {
	p.click(msg, y)
	return nil
}

func (p *summary) hints(k *keyMap) []hint {
	files := k.views[0]
	files.short = pairViews()[0].short
	return []hint{{k.down, k.up}, {k.narrow}, {k.copyPath}, {files}}
}

func (p *summary) groups(k *keyMap) []keyGroup { return summaryKeys(k) }

func summaryKeys(k *keyMap) []keyGroup {
	return []keyGroup{k.moving(), {"Summary", []binding{k.narrow, k.copyPath}}}
}

func (p *summary) add(value string, spans ...span) {
	p.lines.add(spans...)
	p.values = append(p.values, value)
}

func (p *summary) section(title string) {
	if len(p.lines) > 0 {
		p.add("")
	}
	p.add("", span{p.lk.st.title, title})
}

// make writes the lines again.
func (p *summary) make() {
	p.lines, p.values = p.lines[:0], p.values[:0]
	c, st := p.pair.shown, &p.lk.st
	p.section("Images")
	for i, s := range c.sides {
		im := s.Analysis.Image
		about := im.FullPlatform()
		if im.Source != "" {
			about += ", read from " + im.Source
		}
		name := p.pair.names[i]
		p.add(name, span{st.dim, fmt.Sprintf("  %-5s", sideWords[i])}, span{st.strong, name}, span{st.dim, "  " + p.lk.line(about)})
	}
	p.figures()
	p.paths()
	p.config()
	p.packages()
	if p.narrow.on() {
		lines, from := p.narrow.lines(p.lines, func(i int) bool { return len(p.lines[i]) > 0 && p.lines[i][0].st == st.title })
		values := make([]string, len(from))
		for i, k := range from {
			values[i] = p.values[k]
		}
		if p.lines, p.values = lines, values; len(lines) == 0 {
			p.add("", span{st.dim, "  nothing here contains " + p.lk.text(p.narrow.text)})
		}
	}
	p.cursor = max(min(p.cursor, len(p.lines)-1), 0)
}

// row adds a line with a name, both values and their difference.
func (p *summary) row(name, before, after, difference string) {
	st := &p.lk.st
	p.add(after, span{st.dim, fmt.Sprintf("  %-12s", name)}, span{st.text, fmt.Sprintf("%11s%11s", before, after)}, span{st.strong, fmt.Sprintf("%11s", difference)})
}

// figures adds the figures of both images.
func (p *summary) figures() {
	b, a := p.pair.shown.diff.Before, p.pair.shown.diff.After
	p.section("Figures")
	p.row("", "then", "now", "growth")
	count := func(name string, before, after int) {
		sign := ""
		if after > before {
			sign = "+"
		}
		p.row(name, human.Comma(int64(before)), human.Comma(int64(after)), sign+human.Comma(int64(after-before)))
	}
	bytes := func(name string, before, after int64) {
		if before < 0 || after < 0 {
			text := [2]string{"unknown", "unknown"}
			for i, n := range [2]int64{before, after} {
				if n >= 0 {
					text[i] = human.Size(n)
				}
			}
			p.row(name, text[then], text[now], "")
			return
		}
		p.row(name, human.Size(before), human.Size(after), signedSize(after-before))
	}
	count("layers", b.Layers, a.Layers)
	count("entries", b.Entries, a.Entries)
	bytes("stored", b.Stored, a.Stored)
	bytes("compressed", b.Compressed, a.Compressed)
	bytes("visible", b.Visible, a.Visible)
	bytes("wasted", b.Wasted, a.Wasted)
	bytes("own wasted", b.UserWasted, a.UserWasted)
	p.row("efficiency", human.Percent(b.Efficiency), human.Percent(a.Efficiency), "")
}

// paths adds the numbers of changed paths.
func (p *summary) paths() {
	st := &p.lk.st
	p.section("Paths")
	for _, c := range append(slices.Clone(diffChanges[:]), analyze.Identical) {
		t := p.pair.shown.diff.Changes[c]
		p.add("", span{st.change[c], "  " + p.lk.sg.change[c] + " "}, span{st.dim, fmt.Sprintf("%-10s", c)},
			span{st.text, fmt.Sprintf("%11s%11s", human.Size(t.Before), human.Size(t.After))},
			span{st.strong, fmt.Sprintf("%11s", signedSize(t.After-t.Before))}, span{st.dim, "  " + counted(t.Paths, "path")})
	}
}

// config adds the differences between the configs.
func (p *summary) config() {
	all := p.pair.shown.diff.Config
	st := &p.lk.st
	p.section("Config")
	if len(all) == 0 {
		p.add("", span{st.dim, "  no difference"})
	}
	for i, c := range all {
		if i == shownOfMany {
			p.add("", span{st.dim, "  " + human.Comma(int64(len(all)-i)) + " more"})
			return
		}
		name := c.Part.String()
		if c.Name != "" {
			name += " " + c.Name
		}
		spans := []span{{st.change[c.Change], "  " + p.lk.sg.change[c.Change] + " "}, {st.text, p.lk.line(name)}}
		value := cmp.Or(c.After, c.Before)
		switch {
		case c.Change == analyze.Added, c.Change == analyze.Removed:
			spans = append(spans, span{st.dim, "  " + p.lk.line(value)})
		case c.Before == c.After:
			spans = append(spans, span{st.dim, "  changed, which is not shown: it looks like a secret"})
		default:
			spans = append(spans, span{st.text, "  " + p.lk.line(cmp.Or(c.After, `""`))}, span{st.waste, " " + p.lk.sg.was + " " + p.lk.line(cmp.Or(c.Before, `""`))})
		}
		p.add(value, spans...)
	}
}

// packages adds the differences between the packages.
func (p *summary) packages() {
	all := p.pair.shown.diff.Packages
	st := &p.lk.st
	p.section("Packages")
	if len(all) == 0 {
		p.add("", span{st.dim, "  no difference"})
	}
	for i, x := range all {
		if i == shownOfMany {
			p.add("", span{st.dim, "  " + human.Comma(int64(len(all)-i)) + " more"})
			return
		}
		version := p.lk.line(cmp.Or(x.After, x.Before))
		spans := []span{
			{st.change[x.Change], "  " + p.lk.sg.change[x.Change]}, {st.text, fmt.Sprintf("%*s  ", signedWidth+1, signedSize(x.Growth()))},
			{st.dim, fmt.Sprintf("%-7s", x.Type)}, {st.strong, p.lk.line(x.Name)}, {st.text, " " + version},
		}
		if x.Change == analyze.Modified {
			spans = append(spans, span{st.waste, " " + p.lk.sg.was + " " + p.lk.line(x.Before)})
		}
		p.add(x.Name, spans...)
	}
}
