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
	root    context.Context // of the program
	options Options
	stay    *stay           // nil unless another image can be opened
	ctx     context.Context // of the image that is shown; done when the program ends
	load    Loader          // nil while there is only the picker
	picked  bool            // the image was picked
	places  []Place         // where images can be picked from
	picker  *picker         // nil until it was open

	name string // of what is opened, clean
	now  func() time.Time
	// after brings a message once some time has passed.
	after func(time.Duration, tea.Msg) tea.Cmd

	look    look
	isDark  bool
	theme   int // in Themes
	begin   beginning
	noColor bool // the reader wants none
	colours colorprofile.Profile
	keys    *keyMap
	w, h    int
	layout  layout
	divide  int // columns of the left frame; 0: as the width has it
	drag    bool
	focus   pane

	loading *loading
	a       *analyze.Analysis // what has been read; nil until there is something to show
	shown   chan *analyze.Analysis
	layers  layers
	layer   layer
	files   files
	history history
	search  search
	mode    analyze.Mode
	from    int // the range's other end
	pending []tea.KeyPressMsg
	clicked click // the last one

	view      viewID
	views     [viewCount]page // that of the files is the explorer, and no page
	over      []page          // what lies over the view, uppermost last
	prompt    *prompt         // nil unless something is asked
	filtering *prompt         // the one that asks for a filter, the last time
	notice    notice
	acts      Acts
	errand    *errand // nil unless one is under way
	errands   *errands
	trail     []place // where the reader has been, the last place last

	err error // why the program ends
}

// maxPending is how many key presses are kept while rows are being made.
const maxPending = 64

func newModel(ctx context.Context, o Options) *model {
	m := &model{root: ctx, now: time.Now, colours: colorprofile.TrueColor, isDark: true, errands: &errands{}}
	m.after = func(d time.Duration, msg tea.Msg) tea.Cmd { return later(m.ctx, d, msg) }
	m.set(o)
	return m
}

// set makes everything as it is at the start of opening o, but what is known of
// the terminal, and of the images to pick from.
func (m *model) set(o Options) {
	*m = model{
		root: m.root, options: o, stay: m.stay, ctx: m.root, load: o.Load, places: o.Places, picker: m.picker,
		now: m.now, after: m.after, errands: m.errands,
		isDark: m.isDark, colours: m.colours, w: m.w, h: m.h, divide: m.divide, focus: filesPane,
	}
	if len(o.Places) > 0 {
		m.ctx, m.stay = newStay(m.root, m.stay)
	}
	getenv := envLookup(o.Environ)
	m.look.ascii = asciiLocale(getenv)
	m.look.sg = unicodeSigns
	if m.look.ascii {
		m.look.sg = asciiSigns
	}
	if getenv("NO_COLOR") != "" {
		m.noColor, m.colours = true, colorprofile.ASCII
	}
	m.name, m.acts = m.look.line(o.Name), o.Acts
	m.shown = make(chan *analyze.Analysis, 1)
	m.keys = newKeyMap(m.look.ascii)
	m.use(o.Settings)
	m.loading = &loading{lk: &m.look, name: m.name}
	m.restyle()
}

// Init starts the loading, or has an image picked.
func (m *model) Init() tea.Cmd {
	start := m.startLoading
	if m.load == nil {
		start = m.openPicker
	}
	return m.stay.bind(tea.Batch(tea.RequestBackgroundColor, start()))
}

// Update takes one message in.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.receive(msg)
	return m, m.stay.bind(cmd)
}

func (m *model) receive(msg tea.Msg) tea.Cmd {
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
	case tea.KeyPressMsg:
		return m.press(msg)
	case tea.PasteMsg:
		if m.prompt != nil {
			return m.prompt.edit(msg)
		}
	case tea.MouseMsg:
		if (m.a != nil || m.top() != nil) && !m.layout.tooSmall {
			return m.mouse(msg)
		}
	case deed:
		cmd := msg.do(m)
		m.arrange()
		return cmd
	}
	return nil
}

// A deed is a message of the program's own, mostly what a command has brought.
// It changes the model as it is by then.
type deed interface{ do(m *model) tea.Cmd }

// press takes a key. Those for the files wait while its rows are being made, so
// that what a key does depends on what was typed alone, and not on how fast.
func (m *model) press(k tea.KeyPressMsg) tea.Cmd {
	switch {
	case m.keys.interrupt.matches(k):
		if m.reading() {
			m.err = ErrInterrupted
		}
		return tea.Quit
	case m.keys.suspend.matches(k):
		return tea.Suspend
	case m.a == nil && m.top() == nil:
		switch {
		case m.keys.back.matches(k):
			return m.leaveLoading()
		case m.keys.quit.matches(k):
			return tea.Quit
		}
		return nil
	}
	m.notice.text = ""
	if m.errand != nil && m.prompt == nil && m.keys.back.matches(k) {
		m.errand.stop()
		return nil
	}
	var cmd tea.Cmd
	switch top := m.top(); {
	case m.prompt != nil:
		cmd = m.promptKey(k)
	case top != nil:
		cmd = m.pageKey(top, k)
	case m.waits():
		if len(m.pending) < maxPending {
			m.pending = append(m.pending, k)
		}
		return nil
	default:
		cmd = m.explore(k)
	}
	m.arrange()
	return cmd
}

// waits reports whether keys are to wait for what a command is at. What is typed
// into a prompt never does.
func (m *model) waits() bool {
	return m.prompt == nil && (m.search.busy || m.files.busy && m.focus != layersPane)
}

// replay takes the keys that have waited, until one has rows made again.
func (m *model) replay() tea.Cmd {
	m.arrange()
	var cmds []tea.Cmd
	for len(m.pending) > 0 && !m.waits() {
		k := m.pending[0]
		m.pending = m.pending[1:]
		cmds = append(cmds, m.press(k))
	}
	return tea.Batch(cmds...)
}

// arrange lays the screen out anew, and has the panes follow what is selected.
func (m *model) arrange() {
	m.layout = arrange(m.w, m.h, m.divide, m.focus)
	if m.layout.tooSmall {
		return
	}
	if p := m.top(); p != nil {
		in := m.pageRoom()
		p.resize(in.w, in.h)
		return
	}
	if m.a == nil {
		return
	}
	at := func(p pane) rect { return m.layout.panes[p] }
	m.layers.resize(m.layers.rows, at(layersPane).h-1)
	m.files.resize(m.files.rows.len(), at(filesPane).h-1)
	m.layer.show(m.layers.cursor, at(layerPane).w-1, at(layerPane).h)
	n, ok := m.files.current()
	m.history.show(n, ok, at(historyPane).w, at(historyPane).h)
}

// restyle makes the styles anew, for what is known of the terminal's colours.
func (m *model) restyle() {
	m.look.st = newStyles(m.themeOf())
	// Texts that are kept hold styles.
	m.renew()
	m.arrange()
}

// renew has everything that keeps texts make them anew.
func (m *model) renew() {
	m.layer.wide, m.history.wide = 0, 0
	for _, p := range m.pages() {
		p.renew(m)
	}
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
func (m *model) spec() analyze.Spec { return specOf(m.a, m.mode, m.from, m.layers.cursor) }

func specOf(a *analyze.Analysis, mode analyze.Mode, from, at int) analyze.Spec {
	switch mode {
	case analyze.Range:
		return analyze.Spec{Mode: analyze.Range, From: min(from, at), At: max(from, at)}
	case analyze.Everything:
		return analyze.Spec{Mode: analyze.Everything, At: max(len(a.Layers)-1, 0)}
	}
	return analyze.Spec{Mode: mode, At: at}
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
