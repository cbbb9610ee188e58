package ui

import (
	"context"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/redact"
)

// openPicker opens the picker, and requests the lists of images.
func (m *model) openPicker() tea.Cmd {
	switch {
	case len(m.options.Sources) == 0:
		return m.say("no list of images to pick from")
	case m.task != nil:
		return m.busyWith(m.task)
	case m.picker == nil:
		m.picker = newPicker(m, m.options.Sources, m.now)
	}
	if m.picker.inside = m.a != nil; m.picker.inside {
		m.picker.search = "" // the previous search found its image
	}
	m.picker.startAt(m.ref)
	m.open(m.picker)
	return m.picker.askSources()
}

// openImage leaves the image on the screen for another one. The way back leads to
// it.
func (m *model) openImage(c *Candidate) tea.Cmd {
	if m.task != nil {
		return m.busyWith(m.task)
	}
	return m.openRef(c.Ref, m.pastWithThis(), nil)
}

// pastWithThis returns the images of the way back after leaving the current one.
func (m *model) pastWithThis() []*pastImage {
	past := m.past
	if m.a != nil && (m.ref != "" || m.pair.again()) {
		past = append(slices.Clip(past), m.leaving())
		past = past[max(len(past)-pastLength, 0):]
	}
	return past
}

// openRef opens the image of a reference. The current one is kept until the other has been read
// completely, and comes back on failure. arrive is the place to go to; nil for the default.
func (m *model) openRef(ref string, past []*pastImage, arrive *pastImage) tea.Cmd {
	before, load := m.session, m.options.Open(ref)
	o := m.options
	o.Name, o.Ref, o.Compare = ref, ref, nil
	o.Load = load
	m.closePages()
	parked := m.park()
	if parked == nil {
		o.Load = func(ctx context.Context, progress func(Progress), show func(*analyze.Analysis)) (*analyze.Analysis, error) {
			if err := before.over(ctx); err != nil {
				return nil, err
			}
			return load(ctx, progress, show)
		}
	}
	closing := m.restart(o, parked)
	m.picked, m.loading.picked = true, true
	m.past, m.arrive = past, arrive
	return tea.Batch(closing, m.startLoading())
}

// backToPicker leaves a picked image, which failed or is no longer wanted, for the previous one,
// if any, with the picker on top.
func (m *model) backToPicker(wrong error) tea.Cmd {
	ref, back := m.ref, m.arrive != nil
	m.closePages()
	var cmd tea.Cmd
	if m.parked != nil {
		cmd = m.unpark()
	} else {
		o := m.options
		o.Name, o.Ref, o.Load, o.Compare = "", "", nil, nil
		cmd = m.restart(o, nil)
	}
	if back && m.a != nil { // the user wanted to go back, and not to the picker
		if wrong != nil {
			cmd = tea.Batch(cmd, m.fail(wrong))
		}
		return cmd
	}
	search := ""
	if m.picker != nil {
		search = m.picker.search
	}
	cmd = tea.Batch(cmd, m.openPicker())
	m.picker.search = search
	m.picker.fill()
	if wrong != nil {
		m.picker.refuse(ref, m.lk.line(redact.Text(wrong.Error())))
	}
	return cmd
}

// restart resets everything except the facts about the terminal and the list of images. It ends
// the current session, unless that is parked and can come back. The command closes what is no
// longer needed.
func (m *model) restart(o Options, parked *parkedImage) tea.Cmd {
	var closing tea.Cmd
	m.closePages()
	if parked == nil || parked.session != m.session {
		m.session.end()
		closing = closeCmd(o, m.session, m.held())
	}
	m.set(o)
	m.parked = parked
	m.arrange()
	return closing
}

// startLoading begins to read the image.
func (m *model) startLoading() tea.Cmd {
	if m.pair != nil {
		return tea.Batch(m.after(tickEvery, tickMsg{}), m.pairCmd())
	}
	return tea.Batch(m.after(tickEvery, tickMsg{}), m.loadCmd(), m.shownCmd())
}

// broken handles an error that makes it impossible to continue with an image.
func (m *model) broken(err error) tea.Cmd {
	if m.picked {
		return m.backToPicker(err)
	}
	m.err = err
	return tea.Quit
}

// leaveLoading handles esc before the image can be shown: it goes to the list of images, if any,
// and never ends the program.
func (m *model) leaveLoading() tea.Cmd {
	if len(m.options.Sources) == 0 {
		return nil
	}
	return m.backToPicker(nil)
}
