package ui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// reading reports whether layers are still being read.
func (m *model) reading() bool { return m.a == nil || !m.a.Whole() }

// loadedMsg brings the analysis, and what is needed to show it at once.
type loadedMsg struct {
	a     *analyze.Analysis
	hides []hides
	rows  rowsMsg
	start analyze.NodeID // where the cursor begins
	err   error
}

// do opens the explorer on an analysis, or puts it in the place of one of fewer
// layers, or ends the program if there is none.
func (msg loadedMsg) do(m *model) tea.Cmd {
	switch {
	case msg.err != nil:
		return m.broken(msg.err)
	case m.a != nil && m.a.Whole():
		return nil // of fewer layers, and too late
	}
	var next tea.Cmd
	if !msg.a.Whole() {
		next = m.shownCmd()
	}
	if m.a != nil {
		return tea.Batch(m.take(msg), next)
	}
	m.a = msg.a
	if m.a.Image.Name != "" {
		m.name = m.look.line(m.a.Image.Name)
	}
	m.layers = newLayers(&m.look, m.a)
	m.layers.to(max(m.a.Read()-1, 0))
	m.layer = layer{lk: &m.look, a: m.a, hides: msg.hides, index: -1}
	m.history = history{lk: &m.look, a: m.a, commands: m.layers.commands}
	m.files = files{ctx: m.ctx, lk: &m.look, a: m.a, wish: msg.rows.wish, anchor: msg.start, attrs: m.begin.attrs}
	m.mode, m.from = m.begin.mode, rangeStart(m.a)
	m.files.page = max(msg.rows.rows.len(), 1) // until arrange knows better
	m.files.install(msg.rows)
	m.views[wasteView] = newWaste(m)
	m.views[imageView] = newImagePage(m)
	return tea.Batch(next, m.settleCmd(), m.wasteCmd())
}

// take puts an analysis of more layers in the place of what is shown. Nodes keep
// their IDs, so that the reader's place stays; who is at the highest layer that
// was there goes along to the highest one.
func (m *model) take(msg loadedMsg) tea.Cmd {
	atTop := m.layers.cursor == m.a.Read()-1
	m.adopt(msg.a, msg.hides)
	if atTop && m.mode != analyze.Range {
		m.layers.to(max(m.a.Read()-1, 0))
		m.files.wish.spec = m.spec()
	}
	return tea.Batch(m.settleCmd(), m.wasteCmd(), m.relightCmd(), m.files.ask())
}

// adopt has every pane and page show another analysis of the same image.
func (m *model) adopt(a *analyze.Analysis, h []hides) {
	m.a = a
	m.layers.take(a)
	m.history.a, m.files.a = a, a
	m.layer.a, m.layer.hides = a, h
	m.files.sieve = nil // its views are of another tree
	m.renew()
}

// settledMsg brings the analysis with its comparisons made.
type settledMsg struct {
	a     *analyze.Analysis
	hides []hides
	err   error
}

// do takes in what the comparisons have changed: words and counts, but no size
// and no row.
func (msg settledMsg) do(m *model) tea.Cmd {
	if msg.err != nil {
		return m.broken(msg.err)
	}
	m.adopt(msg.a, msg.hides)
	return tea.Batch(m.wasteCmd(), m.files.ask()) // for the signs: rows and order stay
}

// settleCmd makes the comparisons that loading has left, if it has.
func (m *model) settleCmd() tea.Cmd {
	ctx, a := m.ctx, m.a
	if a.Unsettled() == 0 {
		return nil
	}
	return func() tea.Msg {
		done, err := a.Finish(ctx)
		if err != nil {
			return settledMsg{err: err}
		}
		return settledMsg{a: done, hides: hidesByLayer(done)}
	}
}

// loadCmd reads and analyses the image.
func (m *model) loadCmd() tea.Cmd {
	ctx, load, report, shown, begin := m.ctx, m.load, m.loading.report, m.shown, m.begin
	return func() tea.Msg {
		defer close(shown)
		a, err := load(ctx, report, func(a *analyze.Analysis) {
			select { // the newest replaces one that has not been taken yet
			case <-shown:
			default:
			}
			shown <- a
		})
		if err != nil {
			return loadedMsg{err: err}
		}
		if a == nil || a.Image == nil || a.Tree == nil {
			return loadedMsg{err: errNothing}
		}
		return loadedFrom(ctx, a, begin)
	}
}

// shownCmd waits for an analysis of what has been read so far.
func (m *model) shownCmd() tea.Cmd {
	ctx, shown, begin := m.ctx, m.shown, m.begin
	return func() tea.Msg {
		select {
		case a, ok := <-shown:
			if !ok {
				return nil
			}
			return loadedFrom(ctx, a, begin)
		case <-ctx.Done(): // the loading may not even have begun
			return nil
		}
	}
}

// loadedFrom gets ready what the first frame shows.
func loadedFrom(ctx context.Context, a *analyze.Analysis, b beginning) loadedMsg {
	start, open := begin(a)
	wish := rowsWish{
		spec:   specOf(a, b.mode, rangeStart(a), max(a.Read()-1, 0)),
		order:  b.order,
		opened: open,
	}
	sifted := &sieve{}
	rows, err := makeRows(ctx, a.Tree, &wish, sifted, nil)
	if err != nil {
		return loadedMsg{err: err}
	}
	return loadedMsg{
		a: a, hides: hidesByLayer(a), start: start,
		rows: rowsMsg{wish: wish, rows: rows, sieve: sifted},
	}
}

// begin chooses where the explorer opens: at the most wasted path, or as near
// to it as the final union goes, with the directories above it open.
func begin(a *analyze.Analysis) (analyze.NodeID, opened) {
	var open opened
	if len(a.Waste) == 0 {
		return 0, open
	}
	start := a.Waste[0].Node
	for n := a.Tree.Parent(start); n != 0; n = a.Tree.Parent(n) {
		open.set(n, true)
	}
	return start, open
}
