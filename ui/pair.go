package ui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sync/errgroup"

	"github.com/peelhq/peel/analyze"
)

// A Side is one side of a comparison: an image, or the union after one of its layers.
type Side struct {
	Ref  string // argument for Options.Open
	Name string // as requested
	At   int    // the layer whose union it is; -1 for the last
	Once bool   // it can be read only once, so the way back doesn't lead to it
}

// The two sides of a comparison, in arrays of both.
const (
	then = iota
	now
)

// sideWords are names for the sides if their own are too long.
var sideWords = [2]string{"then", "now"}

// pairing is the current comparison of two images, whose images may still be loading.
type pairing struct {
	sides   [2]Side
	names   [2]string   // clean
	loading [2]*loading // the second is nil if both sides are of one image
	after   *session    // must be over before these are read; nil if it stays
	read    atomic.Bool // both are read, and are being compared
	images  []*analyze.Analysis
	shown   *compared // nil while they are being read
}

func newPairing(lk *look, sides [2]Side, picked bool) *pairing {
	p := &pairing{sides: sides}
	for i, s := range sides {
		p.names[i] = lk.line(s.Name)
		if i == then || s.Ref != sides[then].Ref {
			p.loading[i] = &loading{lk: lk, name: p.names[i], picked: picked}
		}
	}
	return p
}

// again reports whether the comparison can be opened again.
func (p *pairing) again() bool { return p != nil && !p.sides[then].Once && !p.sides[now].Once }

// name returns the comparison's name.
func (p *pairing) name() string { return p.names[then] + " and " + p.names[now] }

// compared is the result of comparing two images. It is computed off the event loop, and immutable.
type compared struct {
	sides    [2]analyze.Side
	commands [2][]string // by layer
	diff     *analyze.Difference
	tree     *analyze.DiffTree
	rows     *diffRows // shown first
}

// A sideError says which of two images can't be read.
type sideError struct {
	side int
	error
}

func (e *sideError) Unwrap() error { return e.error }

// pairedMsg brings two images, compared.
type pairedMsg struct {
	p      *pairing
	c      *compared
	images []*analyze.Analysis // as they were opened
	err    error
	close  func(*analyze.Analysis)
}

// drop closes images that nobody waits for anymore.
func (msg pairedMsg) drop() {
	if msg.close == nil {
		return
	}
	for _, a := range msg.images {
		msg.close(a)
	}
}

func (msg pairedMsg) update(m *model) tea.Cmd {
	p := msg.p
	if m.pair != p {
		msg.drop()
		return nil
	}
	if msg.err != nil {
		msg.drop()
		if e, ok := msg.err.(*sideError); ok { //nolint:errorlint // as it was made
			m.ref = p.sides[e.side].Ref
		}
		return m.broken(msg.err)
	}
	p.images, p.shown = msg.images, msg.c
	m.a = msg.c.sides[now].Analysis
	p.rename(&m.lk)
	m.name = p.name()
	m.views, m.view = nil, 0
	for _, v := range pairViews() {
		m.views = append(m.views, v.open(m, p))
	}
	m.arrange()
	cmd := m.dropParked()
	if at := m.arrive; at != nil {
		m.arrive = nil
		cmd = tea.Batch(cmd, m.views[0].(*differences).reveal(at.path)) //nolint:errcheck // the table says so
	}
	return cmd
}

// rename names the sides after their images; if these have the same name, after their files, or as
// requested.
func (p *pairing) rename(lk *look) {
	file := func(name string) string { return name[strings.LastIndexAny(name, `/\`)+1:] }
	images := p.shown.sides
	for _, called := range []func(i int) string{
		func(i int) string {
			if title := images[i].Analysis.Image.Name; title != "" {
				return imageTitle(title, p.sides[i].Name)
			}
			return p.sides[i].Name
		},
		func(i int) string { return file(p.sides[i].Name) },
		func(i int) string { return p.sides[i].Name },
	} {
		p.names = [2]string{lk.line(called(then)), lk.line(called(now))}
		if p.names[then] != p.names[now] || p.loading[now] == nil { // otherwise they are of one image
			break
		}
	}
	for i, s := range images {
		if s.At < len(s.Analysis.Layers)-1 {
			p.names[i] += fmt.Sprintf(" after layer %d", s.At)
		}
	}
}

// A pairView is a view of a comparison.
type pairView struct {
	title, short, help string
	open               func(m *model, p *pairing) body
}

// pairViews are the views of a comparison, in the order of the number keys.
func pairViews() []pairView {
	return []pairView{
		{"Differences", "files", "the files that differ", func(m *model, p *pairing) body { return openDifferences(m, p) }},
		{"Summary", "summary", "figures, config and packages that differ", func(m *model, p *pairing) body { return openSummary(m, p) }},
	}
}

// viewTitle returns the name of the current view for the header.
func (m *model) viewTitle() string {
	if m.pair != nil {
		return pairViews()[m.view].title
	}
	return views[m.view].title
}

// viewKeys returns the keys of the available views.
func (m *model) viewKeys() keyGroup {
	if m.pair == nil {
		return m.km.viewGroup()
	}
	var g keyGroup
	for i, v := range pairViews() {
		b := m.km.views[i]
		b.SetHelp(b.Help().Key, v.help)
		b.short = v.short
		g.keys = append(g.keys, b)
	}
	return keyGroup{"Views", append(g.keys, m.km.undo)}
}

// pairCmd reads both images, and compares them.
func (m *model) pairCmd() tea.Cmd {
	ctx, p, open, text, done := m.ctx, m.pair, m.options.Open, m.lk.cleaner, m.options.Close
	return func() tea.Msg {
		msg := pairedMsg{p: p, close: done}
		if err := p.after.over(ctx); err != nil {
			msg.err = err
			return msg
		}
		images, err := p.readBoth(ctx, open)
		p.read.Store(true)
		for _, a := range images {
			if a != nil && !slices.Contains(msg.images, a) {
				msg.images = append(msg.images, a)
			}
		}
		if err == nil {
			msg.c, err = compareSides(ctx, p.sides, images, text)
		}
		msg.err = err
		return msg
	}
}

// readBoth reads both images at once, or the one image of both sides. It may return an image and an
// error.
func (p *pairing) readBoth(ctx context.Context, open func(ref string) Loader) ([2]*analyze.Analysis, error) {
	var images [2]*analyze.Analysis
	group, ctx := errgroup.WithContext(ctx)
	for i, l := range p.loading {
		if l == nil {
			continue
		}
		group.Go(func() error {
			a, err := open(p.sides[i].Ref)(ctx, l.report, func(*analyze.Analysis) {})
			if err == nil && (a == nil || a.Image == nil || a.Tree == nil) {
				err = errNothing
			}
			if err != nil {
				return &sideError{i, err}
			}
			images[i] = a
			return nil
		})
	}
	err := group.Wait()
	if p.loading[now] == nil {
		images[now] = images[then]
	}
	return images, err
}

// compareSides compares two images. It takes some passes over the nodes of both.
func compareSides(ctx context.Context, sides [2]Side, images [2]*analyze.Analysis, text cleaner) (*compared, error) {
	c := &compared{}
	for i, a := range images {
		done := a
		if i == now && images[then] == a {
			done = c.sides[then].Analysis
		} else if !a.Settled() {
			var err error
			if done, err = a.Finish(ctx); err != nil {
				return nil, &sideError{i, err}
			}
		}
		c.sides[i] = analyze.Final(done)
		if at := sides[i].At; at >= 0 {
			c.sides[i].At = min(at, c.sides[i].At)
		}
		c.commands[i] = newSnapshot(done, text).commands
	}
	var err error
	if c.diff, c.tree, err = analyze.CompareTree(ctx, c.sides[then], c.sides[now]); err != nil {
		return nil, fmt.Errorf("cannot compare the images: %w", err)
	}
	c.rows, err = makeDiffRows(ctx, c, firstDiffRequest(c.tree))
	return c, err
}

// held are the images that the model has open.
func (m *model) held() []*analyze.Analysis {
	if m.pair != nil {
		return m.pair.images
	}
	if a := m.whole(); a != nil {
		return []*analyze.Analysis{a}
	}
	return nil
}

// comparePair leaves the image on the screen for a comparison of two. The way back
// leads to it.
func (m *model) comparePair(before, after *Candidate) tea.Cmd {
	if m.task != nil {
		return m.busyWith(m.task)
	}
	sides := [2]Side{{Ref: before.Ref, Name: before.Ref, At: -1}, {Ref: after.Ref, Name: after.Ref, At: -1}}
	return m.openPair(sides, m.pastWithThis(), nil)
}

// openPair opens a comparison. The current image or comparison is kept until the new one is ready,
// and comes back on failure. arrive is the place to go to; nil for the default.
func (m *model) openPair(sides [2]Side, past []*pastImage, arrive *pastImage) tea.Cmd {
	before := m.session
	o := m.options
	o.Name, o.Ref, o.Load, o.Compare = "", "", nil, &sides
	m.closePages()
	parked := m.park()
	closing := m.restart(o, parked)
	if parked == nil {
		m.pair.after = before
	}
	m.picked, m.loading.picked = true, true
	m.past, m.arrive = past, arrive
	return tea.Batch(closing, m.startLoading())
}

// sideHost is the host of a page on a file of one side.
type sideHost struct {
	host
	a *analyze.Analysis
	l *loading
}

func (h *sideHost) analysis() *analyze.Analysis { return h.a }

func (h *sideHost) reread() rereading { return rereading{&h.l.newest, h.l.newest.Load()} }

// sideHost returns the host for pages on files of a side.
func (p *pairing) sideHost(h host, side int) host {
	l := p.loading[side]
	if l == nil {
		l = p.loading[then]
	}
	return &sideHost{h, p.shown.sides[side].Analysis, l}
}

// pairLoadingRows returns the rows of the loading screen of a comparison, on a terminal of h rows.
func (m *model) pairLoadingRows(h int) int {
	n := 0
	for _, l := range m.pair.loading {
		if l != nil {
			n += len(pairLoadingParts(h)) + 1
		}
	}
	return n + 1
}

// pairLoadingParts returns the rows of the loading screen for each image.
func pairLoadingParts(h int) []int {
	if h >= 16 {
		return []int{0, 1, 2, 3, 4}
	}
	return []int{0, 2}
}

// pairLoadingRow draws row i of them.
func (m *model) pairLoadingRow(l *line, i int) {
	parts := pairLoadingParts(m.h)
	for _, s := range m.pair.loading {
		switch {
		case s == nil:
			continue
		case i < len(parts):
			s.render(l, parts[i], loadingRows, m.km)
			return
		case i == len(parts):
			l.fill()
			return
		}
		i -= len(parts) + 1
	}
	if m.pair.read.Load() {
		spin := m.lk.sg.spin
		l.put(m.lk.st.key, spin[m.pair.loading[then].ticks%len(spin)]+" ")
		l.put(m.lk.st.strong, "Comparing  ")
	}
	m.loading.render(l, 6, loadingRows, m.km) // the keys
}

// pairFacts returns the facts in the header of a comparison.
func (m *model) pairFacts() []fact {
	st, p := &m.lk.st, m.pair
	next := (m.view + 1) % viewID(len(m.views))
	facts := []fact{
		{[]span{{st.title, p.names[then] + " " + m.lk.sg.link + " " + p.names[now]}}, 0, nil},
		{[]span{{st.dim, " " + m.lk.sg.dot + " "}, {st.strong, m.viewTitle()}}, 0, toView(next)},
	}
	d := p.shown.diff
	grown := d.After.Visible - d.Before.Visible
	facts = append(facts,
		fact{[]span{{st.dim, "visible "}, {st.strong, signedSize(grown)}}, 0, nil},
		fact{[]span{{st.dim, "wasted "}, {st.strong, signedSize(d.After.Wasted - d.Before.Wasted)}}, 3, nil},
		fact{[]span{{st.dim, "stored "}, {st.strong, signedSize(d.After.Stored - d.Before.Stored)}}, 4, nil},
	)
	if n := d.Differing(); n > 0 {
		facts = append(facts, fact{[]span{{st.strong, counted(n, "path")}, {st.dim, " differ"}}, lastDrop, nil})
	} else {
		facts = append(facts, fact{[]span{{st.strong, "no path differs"}}, lastDrop, nil})
	}
	return facts
}
