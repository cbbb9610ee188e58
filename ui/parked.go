package ui

import (
	"context"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// A parkedImage is an image that was left for another one that is still being
// read: the whole model and its session. If reading the other one fails, it
// comes back unchanged.
type parkedImage struct {
	model             // as it was
	waiting []tea.Msg // of its session, that arrived meanwhile
}

// park keeps the current image; nil if there is none to keep. If that isn't read completely yet,
// the image that was kept for it stays.
func (m *model) park() *parkedImage {
	if m.a == nil || m.parked != nil && !m.a.Whole() {
		return m.parked
	}
	p := &parkedImage{model: *m}
	p.prompt, p.pending, p.notice.text = nil, nil, ""
	return p
}

// unpark brings back the kept image.
func (m *model) unpark() tea.Cmd {
	p := m.parked
	now := *m
	m.session.end()
	closing := closeCmd(m.options, m.session, m.held())
	*m = p.model
	m.parked = nil
	m.w, m.h, m.areas = now.w, now.h, now.areas
	m.isDark, m.colours, m.mouse, m.picker = now.isDark, now.colours, now.mouse, now.picker
	m.restyle()
	cmds := []tea.Cmd{closing}
	for _, msg := range p.waiting {
		cmds = append(cmds, m.receive(msg))
	}
	return tea.Batch(cmds...)
}

// dropParked releases the kept image, once the current one is read completely.
func (m *model) dropParked() tea.Cmd {
	p := m.parked
	if p == nil {
		return nil
	}
	m.parked = nil
	p.session.end()
	return closeCmd(m.options, p.session, p.held())
}

// whole returns the analysis if it is complete, or nil.
func (m *model) whole() *analyze.Analysis {
	if m.a == nil || !m.a.Whole() {
		return nil
	}
	return m.a
}

// closeCmd closes analyses once nothing of their session is running.
func closeCmd(o Options, s *session, images []*analyze.Analysis) tea.Cmd {
	if len(images) == 0 || o.Close == nil {
		return nil
	}
	return func() tea.Msg {
		if s.over(context.Background()) == nil { // its context has ended, so its commands will end too
			for _, a := range images {
				o.Close(a)
			}
		}
		return nil
	}
}

// pastLength is the maximum number of images on the way back.
const pastLength = 20

// A pastImage is an image that was left: how to open it, and the user's place
// in it. Nodes are stored as paths, because another reading of the image may
// number them differently.
type pastImage struct {
	ref   string
	trail []pastPlace // the last one is the place where the user left it

	pair *[2]Side // a comparison, in place of an image
	path string   // the place where the user left that
}

// A pastPlace is a location with a path in place of a node.
type pastPlace struct {
	location
	path string
}

// leaving returns the place at which the user leaves the current image.
func (m *model) leaving() *pastImage {
	if m.pair != nil {
		return &pastImage{pair: &m.pair.sides, path: m.views[0].(*differences).path()} //nolint:errcheck // the table says so
	}
	p := &pastImage{ref: m.ref}
	for _, l := range append(slices.Clip(m.trail), m.here()) {
		p.trail = append(p.trail, pastPlace{l, m.a.Tree.Path(l.files.node)})
	}
	return p
}

// arriveAgain goes to the place where the user left the image that is open again.
func (m *model) arriveAgain() tea.Cmd {
	p := m.arrive
	if p == nil || m.a == nil || !m.a.Whole() {
		return nil
	}
	m.arrive = nil
	m.trail = nil
	for _, l := range p.trail {
		n, _ := m.a.Tree.Lookup(l.path)
		l.files.node = n
		m.trail = append(m.trail, l.location)
	}
	last := m.trail[len(m.trail)-1]
	m.trail = m.trail[:len(m.trail)-1]
	return m.goTo(last)
}

// backToImage opens the image that the user left last.
func (m *model) backToImage() tea.Cmd {
	n := len(m.past)
	if m.task != nil {
		return m.busyWith(m.task)
	}
	p := m.past[n-1]
	if p.pair != nil {
		return m.openPair(*p.pair, m.past[:n-1:n-1], p)
	}
	return m.openRef(p.ref, m.past[:n-1:n-1], p)
}
