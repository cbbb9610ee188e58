package ui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// do opens the explorer on an analysis, or ends the program if there is none.
func (msg loadedMsg) do(m *model) tea.Cmd {
	if msg.err != nil {
		m.err = msg.err
		return tea.Quit
	}
	m.a = msg.a
	if m.a.Image.Name != "" {
		m.name = m.look.line(m.a.Image.Name)
	}
	m.layers = newLayers(&m.look, m.a)
	m.layer = layer{lk: &m.look, a: m.a, hides: msg.hides, index: -1}
	m.history = history{lk: &m.look, a: m.a, commands: m.layers.commands}
	m.files = files{lk: &m.look, a: m.a, wish: msg.rows.wish, anchor: msg.start}
	m.files.page = max(len(msg.rows.rows), 1) // until arrange knows better
	m.files.install(msg.rows)
	m.views[wasteView] = newWaste(m)
	m.views[imageView] = newImagePage(m)
	return tea.Batch(m.settleCmd(), m.wasteCmd())
}

// do takes in what the comparisons have changed: words and counts, but no size
// and no row.
func (msg settledMsg) do(m *model) tea.Cmd {
	if msg.err != nil {
		m.err = msg.err
		return tea.Quit
	}
	m.a = msg.a
	m.layers.a, m.history.a, m.files.a = m.a, m.a, m.a
	m.layer.a, m.layer.hides = m.a, msg.hides
	m.renew()
	return tea.Batch(m.wasteCmd(), m.files.ask()) // for the signs: rows and order stay
}

// settledMsg brings the analysis with its comparisons made.
type settledMsg struct {
	a     *analyze.Analysis
	hides []hides
	err   error
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

// loadedMsg brings the analysis, and what is needed to show it at once.
type loadedMsg struct {
	a     *analyze.Analysis
	hides []hides
	rows  rowsMsg
	start analyze.NodeID // where the cursor begins
	err   error
}

// loadCmd reads and analyses the image.
func (m *model) loadCmd() tea.Cmd {
	ctx, load, report := m.ctx, m.load, m.loading.report
	return func() tea.Msg {
		a, err := load(ctx, report)
		if err != nil {
			return loadedMsg{err: err}
		}
		if a == nil || a.Image == nil || a.Tree == nil {
			return loadedMsg{err: errNothing}
		}
		return loadedFrom(a)
	}
}

// loadedFrom gets ready what the first frame shows.
func loadedFrom(a *analyze.Analysis) loadedMsg {
	start, open := begin(a)
	wish := rowsWish{
		spec:   analyze.Spec{Mode: analyze.Union, At: max(len(a.Layers)-1, 0)},
		opened: open,
	}
	rows, cache := makeRows(a.Tree, wish, nil)
	return loadedMsg{
		a: a, hides: hidesByLayer(a), start: start,
		rows: rowsMsg{wish: wish, rows: rows, cache: cache},
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
