package ui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/peelhq/peel/analyze"
)

// model is the whole program's state. It is the only tea.Model: it routes
// messages to the panes, and holds what they share.
type model struct {
	ctx  context.Context // of the loading; done when the program ends
	load func(context.Context, func(Progress)) (*analyze.Analysis, error)
	name string // of what is opened, clean
	now  func() time.Time
	tick func() tea.Cmd // brings a tickMsg after tickEvery

	look    look
	isDark  bool
	noColor bool // the reader wants none
	colours colorprofile.Profile
	keys    *keyMap
	w, h    int
	layout  layout
	focus   pane

	loading *loading
	a       *analyze.Analysis // nil while loading
	layers  layers
	layer   layer
	files   files
	history history
	help    help
	mode    analyze.Mode
	from    int // the range's other end
	pending []tea.KeyPressMsg

	err error // why the program ends
}

// maxPending is how many key presses are kept while rows are being made.
const maxPending = 64

func newModel(ctx context.Context, o Options) *model {
	m := &model{ctx: ctx, load: o.Load, now: time.Now, colours: colorprofile.TrueColor, isDark: true, focus: filesPane}
	m.tick = func() tea.Cmd { return tea.Tick(tickEvery, func(time.Time) tea.Msg { return tickMsg{} }) }
	getenv := envLookup(o.Environ)
	m.look.ascii = asciiLocale(getenv)
	m.look.sg = unicodeSigns
	if m.look.ascii {
		m.look.sg = asciiSigns
	}
	if getenv("NO_COLOR") != "" {
		m.noColor, m.colours = true, colorprofile.ASCII
	}
	m.name = m.look.line(o.Name)
	m.keys = newKeyMap(m.look.ascii)
	m.loading = &loading{lk: &m.look, name: m.name}
	m.restyle()
	return m
}

// Init starts the loading.
func (m *model) Init() tea.Cmd {
	return tea.Batch(tea.RequestBackgroundColor, m.tick(), m.loadCmd())
}

// Update takes one message in.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.w, m.h = msg.Width, msg.Height
		m.arrange()
	case tea.BackgroundColorMsg:
		m.isDark = msg.IsDark()
		m.restyle()
	case tea.ColorProfileMsg:
		if !m.noColor {
			m.colours = msg.Profile
			m.restyle()
		}
	case tickMsg:
		if m.a == nil {
			m.loading.tick(m.now())
			return m, m.tick()
		}
	case loadedMsg:
		return m, m.loaded(msg)
	case settledMsg:
		return m, m.settled(msg)
	case rowsMsg:
		cmd := m.files.install(msg)
		return m, tea.Batch(cmd, m.replay())
	case tea.KeyPressMsg:
		return m, m.press(msg)
	case tea.MouseMsg:
		if m.a != nil && !m.layout.tooSmall {
			return m, m.mouse(msg)
		}
	}
	return m, nil
}

// press takes a key. Those for the files wait while its rows are being made, so
// that what a key does depends on what was typed alone, and not on how fast.
func (m *model) press(k tea.KeyPressMsg) tea.Cmd {
	switch {
	case m.keys.interrupt.matches(k):
		if m.a == nil {
			m.err = ErrInterrupted
		}
		return tea.Quit
	case m.keys.quit.matches(k):
		return tea.Quit
	case m.keys.suspend.matches(k):
		return tea.Suspend
	case m.a == nil:
		if m.keys.back.matches(k) {
			return tea.Quit
		}
		return nil
	case m.help.shown:
		m.helpKey(k)
		return nil
	case m.keys.help.matches(k):
		m.help.shown, m.help.top = true, 0
		m.arrange()
		return nil
	case m.files.busy && m.focus == filesPane:
		if len(m.pending) < maxPending {
			m.pending = append(m.pending, k)
		}
		return nil
	}
	cmd := m.explore(k)
	m.arrange()
	return cmd
}

// replay takes the keys that have waited, until one has rows made again.
func (m *model) replay() tea.Cmd {
	m.arrange()
	var cmds []tea.Cmd
	for len(m.pending) > 0 && !m.files.busy {
		k := m.pending[0]
		m.pending = m.pending[1:]
		cmds = append(cmds, m.press(k))
	}
	return tea.Batch(cmds...)
}

func (m *model) helpKey(k tea.KeyPressMsg) {
	switch {
	case m.keys.help.matches(k), m.keys.back.matches(k):
		m.help.shown = false
	case m.keys.down.matches(k), m.keys.scrollDown.matches(k):
		m.help.by(1)
	case m.keys.up.matches(k), m.keys.scrollUp.matches(k):
		m.help.by(-1)
	case m.keys.pageDown.matches(k):
		m.help.by(m.help.page)
	case m.keys.pageUp.matches(k):
		m.help.by(-m.help.page)
	case m.keys.home.matches(k):
		m.help.by(-m.help.rows)
	case m.keys.end.matches(k):
		m.help.by(m.help.rows)
	}
}

// arrange lays the screen out anew, and has the panes follow what is selected.
func (m *model) arrange() {
	m.layout = arrange(m.w, m.h, m.focus)
	if m.a == nil || m.layout.tooSmall {
		return
	}
	at := func(p pane) rect { return m.layout.panes[p] }
	m.layers.resize(m.layers.rows, at(layersPane).h-1)
	m.files.resize(len(m.files.rows), at(filesPane).h-1)
	m.layer.show(m.layers.cursor, at(layerPane).w-1, at(layerPane).h)
	n, ok := m.files.current()
	m.history.show(n, ok, at(historyPane).w, at(historyPane).h)
	if m.help.shown {
		m.help.show(&m.look, m.keys, m.w-4, m.h-4)
	}
}

// restyle makes the styles anew, for what is known of the terminal's colours.
func (m *model) restyle() {
	m.look.st = newStyles(themeFor(m.colours, m.isDark))
	// Texts that are kept hold styles.
	m.layer.wide, m.history.wide = 0, 0
	m.arrange()
}

// themeFor returns the theme for a terminal's colours and its background.
func themeFor(p colorprofile.Profile, isDark bool) theme {
	switch {
	case p <= colorprofile.ASCII:
		return plain
	case p == colorprofile.ANSI:
		return basic
	case p == colorprofile.ANSI256 && isDark:
		return dark256
	case p == colorprofile.ANSI256:
		return light256
	case isDark:
		return dark
	}
	return light
}

// spec is the view that the mode and the selected layer ask for.
func (m *model) spec() analyze.Spec {
	at := m.layers.cursor
	switch m.mode {
	case analyze.Range:
		return analyze.Spec{Mode: analyze.Range, From: min(m.from, at), At: max(m.from, at)}
	case analyze.Everything:
		return analyze.Spec{Mode: analyze.Everything, At: max(len(m.a.Layers)-1, 0)}
	}
	return analyze.Spec{Mode: m.mode, At: at}
}

// follow asks for the rows that the mode and the selected layer call for now,
// unless they are what has been asked for last.
func (m *model) follow() tea.Cmd {
	spec := m.spec()
	if spec == m.files.wish.spec {
		return nil
	}
	m.files.wish.spec = spec
	return m.files.ask()
}

// tickMsg has the loading screen look at how far things are.
type tickMsg struct{}
