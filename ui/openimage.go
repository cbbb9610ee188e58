package ui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// openPicker lays the picker over what is shown, and asks for images.
func (m *model) openPicker() tea.Cmd {
	switch {
	case len(m.options.Sources) == 0:
		return m.say("there is no list of images to pick from")
	case m.task != nil:
		return m.busyWith(m.task)
	case m.picker == nil:
		m.picker = newPicker(m, m.options.Sources, m.now)
	}
	if m.picker.inside = m.a != nil; m.picker.inside {
		m.picker.search = "" // the one before has found its image
	}
	m.open(m.picker)
	return m.picker.askSources()
}

// openImage leaves the image on the screen for another one.
func (m *model) openImage(c *Candidate) tea.Cmd {
	if m.task != nil {
		return m.busyWith(m.task)
	}
	before, load := m.session, m.options.Open(c.Ref)
	o := m.options
	o.Name = c.Ref
	o.Load = func(ctx context.Context, progress func(Progress), show func(*analyze.Analysis)) (*analyze.Analysis, error) {
		if err := before.over(ctx); err != nil {
			return nil, err
		}
		return load(ctx, progress, show)
	}
	m.restart(o)
	m.picked, m.loading.picked = true, true
	return m.startLoading()
}

// backToPicker leaves an image that was picked, since it is not wanted any more
// or because of what is wrong with it.
func (m *model) backToPicker(wrong error) tea.Cmd {
	o := m.options
	o.Name, o.Load = "", nil
	m.restart(o)
	cmd := m.openPicker()
	if wrong != nil {
		m.picker.failure, m.picker.stale = m.lk.line(wrong.Error()), true
	}
	return cmd
}

// restart ends the session of what is shown, and makes everything as it is at the
// start, but what is known of the terminal and of the images to pick from.
func (m *model) restart(o Options) {
	m.closePages()
	m.session.end()
	m.set(o)
	m.arrange()
}

// startLoading begins to read the image.
func (m *model) startLoading() tea.Cmd {
	return tea.Batch(m.after(tickEvery, tickMsg{}), m.loadCmd(), m.shownCmd())
}

// broken takes what makes it impossible to go on with an image.
func (m *model) broken(err error) tea.Cmd {
	if m.picked {
		return m.backToPicker(err)
	}
	m.err = err
	return tea.Quit
}

// leaveLoading is what esc does while nothing of the image can be shown yet.
func (m *model) leaveLoading() tea.Cmd {
	if m.picked {
		return m.backToPicker(nil)
	}
	return tea.Quit
}
