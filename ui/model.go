package ui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/peelhq/peel/analyze"
)

// model is the state of the whole program and the only tea.Model. It holds what doesn't belong to a
// view, and routes messages. Views and pages see it as a host.
type model struct {
	root    context.Context // of the program
	options Options
	session *session        // nil unless another image can be opened
	ctx     context.Context // of the image on the screen; done when the program ends
	load    Loader          // nil while only the picker or a comparison is open
	picked  bool            // the image was picked from the list
	picker  *picker         // nil until it was opened

	now func() time.Time
	// timer brings a message after some time, unless ctx ends first.
	timer func(ctx context.Context, d time.Duration, msg tea.Msg) tea.Cmd

	// Facts about the terminal, and what depends on them.
	w, h    int
	areas   areas
	isDark  bool
	noColor bool // the user doesn't want colours
	colours colorprofile.Profile
	theme   int    // in Themes
	mouse   choice // whether the program uses the mouse; unsaid: as in the settings
	lk      look
	km      *keyMap

	// The image.
	name    string // of the image being opened, clean
	initial initial
	loading *loading
	pair    *pairing // the comparison of two images, in place of one; nil without
	shown   chan *analyze.Analysis
	a       *analyze.Analysis // what is read so far; nil until it can be shown

	// What is on the screen: a view, pages on top of it, and in the lowest row a prompt, else a
	// task's progress, else a notice, else hints.
	explorer *explorer // the first of the views
	views    []body    // in the order of the table; none until they can show something
	view     viewID
	over     []body // pages on top of the view, topmost last
	prompt   *prompt
	task     *task
	tasks    *taskGroup
	notice   notice

	pending []tea.KeyPressMsg // keys that wait for a view to be ready
	clicked click             // the last one
	trail   []location        // where the user was, the last place last
	ahead   []location        // the places of the way forward, the next one last
	touched bool              // the user pressed a key, or used the mouse, since the image was opened

	ref    string       // how to open the image again; "" if that is impossible
	parked *parkedImage // comes back if this image can't be read; may be nil
	past   []*pastImage // images that the way back leads to, the last one last
	arrive *pastImage   // where to go once the image is read; nil for the initial place

	err error // why the program ends
}

// maxPending is the maximum number of key presses to keep while a view isn't ready.
const maxPending = 64

func newModel(ctx context.Context, o Options) *model {
	m := &model{root: ctx, now: time.Now, timer: later, colours: colorprofile.TrueColor, isDark: true, tasks: &taskGroup{}}
	m.set(o)
	return m
}

// set resets everything to the start of opening o, except what is known about the terminal and
// the list of images.
func (m *model) set(o Options) {
	divide := 0
	if m.explorer != nil {
		divide = m.explorer.divide
	}
	*m = model{
		root: m.root, options: o, session: m.session, ctx: m.root, load: o.Load, picker: m.picker,
		now: m.now, timer: m.timer, tasks: m.tasks,
		isDark: m.isDark, colours: m.colours, mouse: m.mouse, w: m.w, h: m.h, areas: m.areas,
		ref: o.Ref,
	}
	if len(o.Sources) > 0 {
		m.ctx, m.session = newSession(m.root, m.session)
	}
	getenv := envLookup(o.Environ)
	m.lk.ascii = asciiLocale(getenv)
	m.lk.sg = unicodeSigns
	if m.lk.ascii {
		m.lk.sg = asciiSigns
	}
	if getenv("NO_COLOR") != "" {
		m.noColor, m.colours = true, colorprofile.ASCII
	}
	m.name = m.lk.line(o.Name)
	m.shown = make(chan *analyze.Analysis, 1)
	m.km = newKeyMap(m.lk.ascii)
	m.use(o.Settings)
	m.initial.divide = divide
	m.loading = &loading{lk: &m.lk, name: m.name, picked: len(o.Sources) > 0}
	if o.Compare != nil {
		m.pair = newPairing(&m.lk, *o.Compare, len(o.Sources) > 0)
		m.name = m.pair.name()
	}
	m.restyle()
}

// Init starts loading an image, or opens the picker.
func (m *model) Init() tea.Cmd {
	start := m.startLoading
	if m.load == nil && m.pair == nil {
		start = m.openPicker
	}
	return m.session.bind(tea.Batch(tea.RequestBackgroundColor, start()))
}

// A modelMsg is an internal message that changes the model, in its state at that time.
type modelMsg interface{ update(m *model) tea.Cmd }

// A pageMsg is a message of a view or a page to itself, usually a command's result.
type pageMsg interface{ update() tea.Cmd }

// Update handles one message.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.receive(msg)
	return m, m.session.bind(cmd)
}

func (m *model) receive(msg tea.Msg) tea.Cmd {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.w, m.h = msg.Width, msg.Height
		m.areas = divideScreen(m.w, m.h)
	case tea.BackgroundColorMsg:
		m.isDark = msg.IsDark()
		m.restyle()
	case tea.ColorProfileMsg:
		if !m.noColor {
			m.colours = msg.Profile
			m.restyle()
		}
	case tea.KeyPressMsg:
		cmd = m.press(msg)
	case tea.PasteMsg:
		if m.prompt != nil {
			cmd = m.prompt.edit(msg)
		}
	case tea.MouseMsg:
		m.touched = m.touched || m.a != nil
		if click, ok := msg.(tea.MouseClickMsg); ok && click.Button == tea.MouseLeft {
			if cmd, ok := m.clickAround(click.X, click.Y); ok {
				return tea.Batch(cmd, m.replay())
			}
		}
		if top := m.top(); top != nil && !m.areas.tooSmall {
			cmd = top.mouse(msg)
		}
	case modelMsg:
		cmd = msg.update(m)
	case pageMsg:
		cmd = msg.update()
	default:
		return nil
	}
	return tea.Batch(cmd, m.replay())
}

// press handles a key. Keys for a view wait until it is ready, so that their effect depends only
// on what was typed, not on speed.
func (m *model) press(k tea.KeyPressMsg) tea.Cmd {
	top := m.top()
	switch {
	case m.km.interrupt.matches(k):
		if m.reading() {
			m.err = ErrInterrupted
		}
		return tea.Quit
	case m.km.suspend.matches(k):
		return tea.Suspend
	case m.km.redraw.matches(k):
		return tea.ClearScreen
	case top == nil:
		switch {
		case m.km.back.matches(k):
			return m.leaveLoading()
		case m.km.quit.matches(k):
			return tea.Quit
		}
		return nil
	}
	m.notice.text = ""
	m.touched = m.touched || m.a != nil
	switch {
	case m.task != nil && m.prompt == nil && m.km.back.matches(k):
		m.task.stop()
		return nil
	case m.prompt != nil:
		return m.promptKey(k)
	case m.waits():
		if len(m.pending) < maxPending {
			m.pending = append(m.pending, k)
		}
		return nil
	}
	return m.bodyKey(top, k)
}

// A waiter is a view that is not always ready for keys.
type waiter interface{ waits() bool }

// waits reports whether keys must wait for the current view. Text for a prompt never waits.
func (m *model) waits() bool {
	w, ok := m.top().(waiter)
	return ok && m.prompt == nil && w.waits()
}

// replay lays out the screen for what changed, and handles the keys that waited, until one of them
// makes the others wait again.
func (m *model) replay() tea.Cmd {
	m.arrange()
	var cmds []tea.Cmd
	for len(m.pending) > 0 && !m.waits() {
		k := m.pending[0]
		m.pending = m.pending[1:]
		cmds = append(cmds, m.press(k))
		m.arrange()
	}
	if w, ok := m.top().(worker); ok {
		cmds = append(cmds, w.pending())
	}
	return tea.Batch(cmds...)
}

// arrange lays out the screen for its size and the selection.
func (m *model) arrange() {
	if top := m.top(); top != nil && !m.areas.tooSmall {
		top.arrange(m.areas.body)
	}
}

// restyle recreates the styles, for what is known about the terminal's colours.
func (m *model) restyle() {
	m.lk.st = newStyles(m.themeOf(), m.options.Settings.Colours)
	for _, b := range m.bodies() {
		b.restyle()
	}
	m.arrange()
}
