package ui

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
)

// history is the pane below the files: every version of the selected path, newest first, with its
// changes and the step to blame.
type history struct {
	scroller
	lk       *look
	a        *analyze.Analysis
	commands []string           // by layer
	at       []*dockerfile.Line // by layer: its step's; nil if unknown
	node     analyze.NodeID
	some     bool // a path is selected
	wide     int
	lines    styledLines
	items    []historyItem
	owner    []int // by line: the item that it describes, or -1
	cursor   int   // the item that is selected
}

// A historyItem is an item that the history's cursor can select: a version of the path, or
// something below it that is wasted.
type historyItem struct {
	version analyze.Version
	waste   *analyze.Waste // nil for a version
	line    int            // the first of its lines
}

// layer returns the item's layer, or -1 for the summary of nodes below the path.
func (it historyItem) layer() int {
	if it.waste != nil {
		return -1
	}
	return it.version.Layer()
}

// item returns the item under the cursor.
func (p *history) item() (historyItem, bool) {
	if p.cursor >= len(p.items) {
		return historyItem{}, false
	}
	return p.items[p.cursor], true
}

// to moves the cursor to item i, or to the nearest one, and scrolls to it.
func (p *history) to(i int) {
	p.cursor = max(min(i, len(p.items)-1), 0)
	if len(p.items) == 0 {
		return
	}
	first, last := p.items[p.cursor].line, len(p.lines)-1
	if p.cursor+1 < len(p.items) {
		last = p.items[p.cursor+1].line - 1
	}
	p.top = max(p.top, last-p.page+1)
	p.top = min(p.top, first)
	p.scrollBy(0)
}

// key moves the cursor if the key does that.
func (p *history) key(k *keyMap, press fmt.Stringer) bool {
	switch {
	case k.down.matches(press):
		p.to(p.cursor + 1)
	case k.up.matches(press):
		p.to(p.cursor - 1)
	case k.pageDown.matches(press), k.halfDown.matches(press):
		p.to(p.cursor + max(p.page/2, 1))
	case k.pageUp.matches(press), k.halfUp.matches(press):
		p.to(p.cursor - max(p.page/2, 1))
	case k.home.matches(press):
		p.to(0)
	case k.end.matches(press):
		p.to(len(p.items) - 1)
	default:
		return false
	}
	return true
}

// click selects the item of line y of the pane.
func (p *history) click(y int) {
	if i := p.top + y; i < len(p.owner) && p.owner[i] >= 0 {
		p.to(p.owner[i])
	}
}

// oneLine is the minimum number of columns for a version and its step on one line; on fewer, the
// step is below.
const oneLine = 110

// Limits for a directory: how many of an image's wasted versions, largest
// first, are inspected, and how many are listed. The first keeps key presses
// fast on images with a million of them.
const (
	wasteSearched = 20_000
	wasteShown    = 50
)

// show makes the lines for node, on w columns and h rows.
func (p *history) show(node analyze.NodeID, some bool, w, h int) {
	if node != p.node || some != p.some || w != p.wide {
		if node != p.node {
			p.top, p.cursor = 0, 0
		}
		p.node, p.some, p.wide = node, some, w
		p.make()
	}
	p.resize(len(p.lines), h)
}

// title is the path.
func (p *history) title(w int) string {
	if !p.some {
		return "History"
	}
	return cutLeft(p.lk.text(p.a.Tree.Path(p.node)), w, p.lk.sg.tail)
}

// render draws line i into l. The item under the cursor stands out while the pane has the focus;
// otherwise, the version of the selected layer does.
func (p *history) render(l *line, i int, focused bool, selected int) {
	i += p.top
	if i < len(p.owner) && p.owner[i] >= 0 {
		switch at := p.owner[i]; {
		case focused && at == p.cursor:
			l.base = p.lk.st.selected
		case !focused && p.items[at].layer() == selected:
			l.base = p.lk.st.idleSelected
		}
	}
	p.lines.render(l, i)
	l.fill()
}

func (p *history) make() {
	p.lines, p.owner, p.items = p.lines[:0], p.owner[:0], p.items[:0]
	if !p.some {
		return
	}
	versions := p.a.Tree.Versions(p.node)
	facts := make([][]span, len(versions))
	wide := 0 // of the facts
	for i, v := range versions {
		if v.Change() != analyze.Removed {
			facts[i] = p.facts(v, versionBelow(versions[:i], v.Layer()))
			wide = max(wide, spansWidth(facts[i]))
		}
	}
	wide = min(wide, p.wide/2)
	var again []string // layers that have a directory unchanged
	for i, v := range slices.Backward(versions) {
		if p.isAgain(v, i == len(versions)-1) {
			again = append(again, strconv.Itoa(v.Layer()))
			continue
		}
		p.begin(historyItem{version: v})
		p.version(v, facts[i], wide)
		p.end()
	}
	if again != nil {
		st, sg := &p.lk.st, &p.lk.sg
		p.lines.add(span{st.change[analyze.Identical], " " + sg.change[analyze.Identical] + " "},
			span{st.dim, "identical again in "}, span{st.text, plural("layer", len(again)) + " " + strings.Join(again, ", ")})
	}
	p.wasteBelow()
	p.cursor = max(min(p.cursor, len(p.items)-1), 0)
}

// isAgain reports whether a version is a directory that a layer repeats unchanged. Every layer can
// have one, so the history sums them up. The newest version has its own line, because it is the one
// that shows.
func (p *history) isAgain(v analyze.Version, newest bool) bool {
	return !newest && v.Change() == analyze.Identical && v.Type() == analyze.TypeDir
}

// begin begins an item, which has the lines added until end.
func (p *history) begin(it historyItem) {
	for len(p.owner) < len(p.lines) {
		p.owner = append(p.owner, -1)
	}
	it.line = len(p.lines)
	p.items = append(p.items, it)
}

func (p *history) end() {
	for len(p.owner) < len(p.lines) {
		p.owner = append(p.owner, len(p.items)-1)
	}
}

// wasteBelow adds the largest versions below a directory whose bytes are
// wasted.
func (p *history) wasteBelow() {
	st := &p.lk.st
	t := p.a.Tree
	if len(t.Children(p.node)) == 0 {
		return
	}
	shown := 0
	for i := range min(p.a.Waste.Len(), wasteSearched) {
		n := p.a.Waste.Node(i)
		if n <= p.node {
			continue
		}
		for n > p.node { // a parent's number is lower than its children's
			n = t.Parent(n)
		}
		if n != p.node {
			continue
		}
		w := p.a.Waste.At(i)
		if shown == 0 {
			p.lines.gap()
			p.lines.add(span{st.dim, " wasted inside, largest first"})
		}
		facts := fmt.Sprintf("  by %-*d ", p.digits(), w.By)
		if w.By < 0 {
			facts = strings.Repeat(" ", len(facts))
		}
		facts += fmt.Sprintf(" %-11s  ", w.Cause)
		p.begin(historyItem{waste: &w})
		p.lines.add(
			span{st.waste, fmt.Sprintf(" %*s", sizeWidth, human.Size(w.Bytes))},
			span{st.dim, facts},
			span{st.text, cutLeft(p.lk.text(w.Path()), p.wide-1-sizeWidth-len(facts), p.lk.sg.tail)},
		)
		p.end()
		if shown++; shown == wasteShown {
			return
		}
	}
}

// digits is the maximum number of digits of a layer's number.
func (p *history) digits() int { return len(strconv.Itoa(max(len(p.a.Layers)-1, 0))) }

// versionBelow returns the version that shows directly below layer k, if there is one.
func versionBelow(older []analyze.Version, k int) *analyze.Version {
	for i := len(older) - 1; i >= 0; i-- {
		v := &older[i]
		if v.Layer() < k && !v.Duplicate() {
			if v.Change() == analyze.Removed {
				return nil
			}
			return v
		}
	}
	return nil
}

// version adds the facts of v. If everything fits on one line, the facts take wide columns, so that
// the steps are aligned.
func (p *history) version(v analyze.Version, facts []span, wide int) {
	st, sg := &p.lk.st, &p.lk.sg
	digits := p.digits()
	removed := v.Change() == analyze.Removed

	sign := analyze.SignCovered
	switch {
	case removed:
		sign = analyze.SignRemoved
	case v.By() < 0 && v.Cause() == analyze.NotShadowed:
		sign = analyze.SignShows
	}
	change := v.Change().String()
	if open, _ := v.Unsettled(); open {
		change += unsettledMark
	}
	if v.Implied() {
		change = "implied"
	}
	spans := []span{
		{st.strip[sign], " " + sg.strip[sign] + " "},
		{st.strong, fmt.Sprintf("%*d ", digits, v.Layer())},
		{st.change[v.Change()], fmt.Sprintf(" %-9s ", change)},
	}
	spans = append(spans, facts...)
	by := []span{{st.text, p.commands[v.Layer()]}}
	if at := p.lk.buildLine(p.at[v.Layer()]); at != "" {
		by = []span{{st.dim, at + " "}, by[0]}
	}
	switch {
	case p.wide >= oneLine:
		pad := strings.Repeat(" ", max(wide-spansWidth(facts), 0))
		p.lines.add(slices.Concat(spans, []span{{st.dim, pad + "  by "}}, by)...)
		return
	case removed:
		p.lines.add(slices.Concat(spans, []span{{st.dim, " by "}}, by)...)
		return
	}
	p.lines.add(spans...)
	p.lines.add(slices.Concat([]span{{st.dim, strings.Repeat(" ", 3+digits+2) + "by "}}, by)...)
}

// facts returns a version's size, its wasted bytes, its attributes, and the previous attributes.
func (p *history) facts(v analyze.Version, old *analyze.Version) []span {
	st := &p.lk.st
	var spans []span
	dir := v.Type() == analyze.TypeDir
	if dir {
		spans = append(spans, span{st.dim, fmt.Sprintf("%*s ", sizeWidth, "dir")})
	} else {
		spans = append(spans, span{st.text, fmt.Sprintf("%*s ", sizeWidth, human.Size(v.Size()))})
	}
	was := func(text string) span { return span{st.waste, " " + p.lk.sg.was + " " + text} }

	spans = append(spans, span{st.text, fmt.Sprintf(" %04o", v.Mode())})
	if old != nil && old.Mode() != v.Mode() {
		spans = append(spans, was(fmt.Sprintf("%04o", old.Mode())))
	}
	spans = append(spans, span{st.text, fmt.Sprintf("  %d:%d", v.UID(), v.GID())})
	if old != nil && (old.UID() != v.UID() || old.GID() != v.GID()) {
		spans = append(spans, was(fmt.Sprintf("%d:%d", old.UID(), old.GID())))
	}
	spans = append(spans, p.changed(v, old)...)
	if c := v.Cause(); c != analyze.NotShadowed && !dir {
		verdict := span{st.dim, fmt.Sprintf("  hidden by %d", v.By())}
		if v.Wasted() > 0 {
			verdict = span{st.waste, fmt.Sprintf("  wasted by %d", v.By())}
		}
		cause := c.String()
		if _, open := v.Unsettled(); open {
			cause += unsettledMark
		}
		spans = append(spans, verdict, span{st.dim, ": " + cause})
	}
	return spans
}

// unsettledMark follows a word that a comparison may still change.
const unsettledMark = "?"

// changed describes attributes without a column, if they differ.
func (p *history) changed(v analyze.Version, old *analyze.Version) []span {
	st, sg := &p.lk.st, &p.lk.sg
	var spans []span
	note := func(text string) { spans = append(spans, span{st.waste, "  " + text}) }
	switch v.Type() {
	case analyze.TypeSymlink:
		spans = append(spans, span{st.link, "  " + sg.link + " " + p.lk.text(v.Link())})
	case analyze.TypeHardlink:
		spans = append(spans, span{st.link, "  " + sg.hard + " " + p.lk.text(v.Link())})
	}
	if old == nil {
		return spans
	}
	if was, is := old.Kind(), v.Kind(); was != is {
		note("was " + was.String())
		return spans
	}
	if !old.Time().Equal(v.Time()) && v.Change() != analyze.Modified && !v.Implied() && !old.Implied() {
		note("time " + sg.was + " " + old.Time().UTC().Format("2006-01-02 15:04:05"))
	}
	is, ok := v.Entry()
	was, okWas := old.Entry()
	if ok && okWas && !maps.Equal(is.Xattrs, was.Xattrs) {
		var names []string
		for _, m := range []map[string]string{is.Xattrs, was.Xattrs} {
			for name := range m {
				a, inNew := is.Xattrs[name]
				b, inOld := was.Xattrs[name]
				if a != b || inNew != inOld {
					names = append(names, p.lk.text(name))
				}
			}
		}
		slices.Sort(names)
		note("xattr " + strings.Join(slices.Compact(names), " "))
	}
	return spans
}
