package ui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
)

// A snapshot is an analysis with the data that the screen needs to show it immediately,
// computed off the event loop.
type snapshot struct {
	a        *analyze.Analysis
	commands []string           // in words and clean, by layer
	lines    []*dockerfile.Line // of the Dockerfile, by layer; nil if unknown
	layers   []layerFacts

	// The initial rows of the files. An analysis that replaces another one of the same image
	// has none.
	initial initial
	rows    rowsMsg
	start   analyze.NodeID // where the cursor begins
}

// newSnapshot computes everything but the rows. It goes through lists that may be long, so call
// it from a command.
func newSnapshot(a *analyze.Analysis, t cleaner) *snapshot {
	s := &snapshot{a: a, commands: make([]string, len(a.Layers)), lines: dockerfile.Lines(a.Image, a.Dockerfile), layers: factsByLayer(a)}
	for i, l := range a.Layers {
		if s.commands[i] = t.line(dockerfile.StepText(l.Layer.Step)); s.commands[i] == "" {
			s.commands[i] = unknownStep
		}
	}
	return s
}

// unknownStep stands for an unknown build step.
const unknownStep = "unknown"

// firstSnapshot prepares the first frame. It fails only if the context ends.
func firstSnapshot(ctx context.Context, a *analyze.Analysis, in initial, t cleaner) (*snapshot, error) {
	s := newSnapshot(a, t)
	s.initial = in
	start, open := firstNode(a)
	s.start = start
	s.rows.request = rowsRequest{
		spec:   specOf(a, in.mode, rangeStart(a), max(a.Read()-1, 0)),
		order:  in.order,
		opened: open,
	}
	s.rows.cache = &viewCache{}
	var err error
	s.rows.rows, err = makeRows(ctx, a.Tree, &s.rows.request, s.rows.cache, nil)
	return s, err
}

// firstNode chooses where the explorer opens: at the most wasted path, or its nearest parent in
// the final union, with the directories above it open.
func firstNode(a *analyze.Analysis) (analyze.NodeID, opened) {
	var open opened
	if a.Waste.Len() == 0 {
		return 0, open
	}
	start := a.Waste.At(0).Node
	for n := a.Tree.Parent(start); n != 0; n = a.Tree.Parent(n) {
		open.set(n, true)
	}
	return start, open
}

// reading reports whether layers are still being read.
func (m *model) reading() bool { return m.a == nil || !m.a.Whole() }

// loadedMsg delivers an analysis.
type loadedMsg struct {
	s     *snapshot
	err   error
	close func() // releases the analysis, if it is complete
}

// drop closes an image that nobody waits for any more.
func (msg loadedMsg) drop() {
	if msg.close != nil {
		msg.close()
	}
}

// update opens the views on an analysis, or replaces an analysis of fewer layers. If loading
// failed, it goes back to the list of images, or ends the program.
func (msg loadedMsg) update(m *model) tea.Cmd {
	switch {
	case msg.err != nil:
		return m.broken(msg.err)
	case m.a != nil && m.a.Whole():
		return nil // this one has fewer layers, and comes too late
	}
	var next tea.Cmd
	if !msg.s.a.Whole() {
		next = m.shownCmd()
	}
	var settled, dropped tea.Cmd
	switch {
	case m.a == nil:
		next = tea.Batch(next, m.openViews(msg.s))
	case m.untouched():
		next = tea.Batch(next, m.openViews(msg.s))
	default:
		next = tea.Batch(next, m.adopt(msg.s))
	}
	settled = m.settleCmd()
	if m.a.Whole() {
		dropped = m.dropParked()
	}
	return tea.Batch(next, settled, dropped, m.arriveAgain())
}

// untouched reports whether the user hasn't done anything yet. If so, the first view is made
// again for what has been read, so that it doesn't depend on the speed of reading.
func (m *model) untouched() bool {
	return !m.touched && len(m.over) == 0 && m.prompt == nil && m.view == filesView
}

// openViews makes the views of an image.
func (m *model) openViews(s *snapshot) tea.Cmd {
	m.a = s.a
	if m.a.Image.Name != "" {
		m.name = m.lk.line(imageTitle(m.a.Image.Name, m.options.Name))
	}
	cmds := make([]tea.Cmd, len(views))
	m.views = make([]body, len(views))
	for i, v := range views {
		m.views[i], cmds[i] = v.open(m, s)
	}
	m.explorer = m.views[filesView].(*explorer) //nolint:errcheck // the table says so
	return tea.Batch(cmds...)
}

// adopt makes every view and page show another analysis of the same image.
func (m *model) adopt(s *snapshot) tea.Cmd {
	m.a = s.a
	var cmds []tea.Cmd
	for _, b := range m.bodies() {
		if b, ok := b.(adopter); ok {
			cmds = append(cmds, b.adopt(s))
		}
	}
	return tea.Batch(cmds...)
}

// settledMsg delivers the analysis after its comparisons.
type settledMsg struct {
	s   *snapshot
	err error
}

// update applies the results of the comparisons, which change words and counts, but no sizes
// and no rows.
func (msg settledMsg) update(m *model) tea.Cmd {
	if msg.err != nil {
		return m.broken(msg.err)
	}
	return m.adopt(msg.s)
}

// settleCmd runs the comparisons that loading left for later, and waits for the base if it
// hasn't been found yet.
func (m *model) settleCmd() tea.Cmd {
	ctx, a, text := m.ctx, m.a, m.lk.cleaner
	if a.Settled() {
		return nil
	}
	return func() tea.Msg {
		done, err := a.Finish(ctx)
		if err != nil {
			return settledMsg{err: err}
		}
		return settledMsg{s: newSnapshot(done, text)}
	}
}

// loadCmd reads and analyses the image.
func (m *model) loadCmd() tea.Cmd {
	ctx, load, report, shown, loaded, done := m.ctx, m.load, m.loading.report, m.shown, m.loadedFrom(), m.options.Close
	return func() tea.Msg {
		defer close(shown)
		a, err := load(ctx, report, func(a *analyze.Analysis) {
			select { // the newest progress replaces one that hasn't been received yet
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
		msg := loaded(ctx, a)
		if done != nil {
			msg.close = func() { done(a) }
		}
		return msg
	}
}

// imageTitle returns an image's title on the screen. If its name is only a tag, as in OCI
// archives, the title also has what was opened.
func imageTitle(name, opened string) string {
	if strings.ContainsAny(name, ":/@") || opened == "" {
		return name
	}
	file := opened[strings.LastIndexAny(opened, `/\`)+1:]
	if strings.HasSuffix(file, ":"+name) {
		return file
	}
	return file + ":" + name
}

// shownCmd waits for an analysis of the layers read so far.
func (m *model) shownCmd() tea.Cmd {
	ctx, shown, loaded := m.ctx, m.shown, m.loadedFrom()
	return func() tea.Msg {
		select {
		case a, ok := <-shown:
			if !ok {
				return nil
			}
			return loaded(ctx, a)
		case <-ctx.Done(): // loading may not even have begun
			return nil
		}
	}
}

// loadedFrom returns a function that makes a message from an analysis.
func (m *model) loadedFrom() func(ctx context.Context, a *analyze.Analysis) loadedMsg {
	in, text := m.initial, m.lk.cleaner
	return func(ctx context.Context, a *analyze.Analysis) loadedMsg {
		s, err := firstSnapshot(ctx, a, in, text)
		return loadedMsg{s: s, err: err}
	}
}
