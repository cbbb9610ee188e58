package ui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// A host is what views and pages see of the program. The model is one; nothing
// that is drawn knows more of it than this. The methods are called on the event
// loop.
type host interface {
	shared
	speaker
	navigator
	runner
}

// shared is what everything on the screen looks up.
type shared interface {
	// look is how things are drawn. The value stays the same, the styles in it
	// change with the theme: texts that hold styles are made anew by restyle.
	look() *look
	keys() *keyMap

	// analysis is what has been read of the image; nil until there is something
	// to show.
	analysis() *analyze.Analysis

	// actions are what can be done outside of the screen.
	actions() Actions

	// noDockerfile says why no Dockerfile is known of an image whose analysis has none.
	noDockerfile() string

	// context ends when another image is opened, or the program ends.
	context() context.Context
}

// speaker has the lowest row of the screen.
type speaker interface {
	// say and fail show a message for a while. What say shows must be clean.
	say(text string) tea.Cmd
	fail(err error) tea.Cmd

	// ask shows a prompt, and asking reports whether it is still there.
	ask(p *prompt)
	asking(p *prompt) bool
}

// navigator goes elsewhere.
type navigator interface {
	// open lays a page over what is shown, closePage takes the uppermost away.
	open(p page)
	closePage()

	// jump goes to a node in the files view, as after a layer or as that layer
	// alone has it, and jumpToLayer to what a layer alone holds, the cursor where
	// it is. Both leave a way back.
	jump(node analyze.NodeID, layer int, mode analyze.Mode) tea.Cmd
	jumpToLayer(layer int) tea.Cmd

	// jumpTo shows the files in a mode, only those that a filter leaves, with the
	// cursor on a node. It leaves a way back.
	jumpTo(node analyze.NodeID, from, layer int, mode analyze.Mode, filter analyze.Filter) tea.Cmd

	// here is where the reader is, and remember leaves a way back to there.
	here() location
	remember(l location)
}

// runner has things done that take time.
type runner interface {
	// start runs a task, unless one is under way: the footer says what is done,
	// in the words of what, and how far it has come.
	start(what string, run taskFunc) tea.Cmd

	// startThen is the same for a task that something follows.
	startThen(what string, run thenFunc) tea.Cmd

	// runOwn runs one of the reader's own commands on a path of a layer.
	runOwn(i int, path string, layer int) tea.Cmd

	// outside gives the terminal to a program until that ends; done is called then.
	outside(name string, run func() error, done func()) tea.Cmd

	// after brings a message once some time has passed.
	after(d time.Duration, msg tea.Msg) tea.Cmd

	// reread begins to watch whether opening a file takes reading the image again.
	reread() rereading

	// doubleClick notes a click of the mouse, and reports whether it is the second
	// at one place.
	doubleClick(x, y int) bool
}

var _ host = (*model)(nil)

func (m *model) look() *look                 { return &m.lk }
func (m *model) keys() *keyMap               { return m.km }
func (m *model) analysis() *analyze.Analysis { return m.a }
func (m *model) actions() Actions            { return m.options.Actions }
func (m *model) context() context.Context    { return m.ctx }
func (m *model) noDockerfile() string        { return m.options.NoDockerfile }

func (m *model) after(d time.Duration, msg tea.Msg) tea.Cmd { return m.timer(m.ctx, d, msg) }
