package ui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// A host is what views and pages see of the program. The model implements it; nothing that is drawn
// knows more about the model. The methods are called on the event loop.
type host interface {
	shared
	speaker
	navigator
	runner
}

// shared is for everything on the screen.
type shared interface {
	// look is the drawing style. The pointer stays the same, and its styles change with the
	// theme: restyle recreates texts that contain styles.
	look() *look
	keys() *keyMap

	// analysis is the analysis read so far; nil at first.
	analysis() *analyze.Analysis

	// actions are the actions outside of the screen.
	actions() Actions

	// noDockerfile says why an image without a Dockerfile in its analysis has none.
	noDockerfile() string

	// context ends when another image is opened, or the program ends.
	context() context.Context
}

// speaker controls the lowest row of the screen.
type speaker interface {
	// say and fail show a message for a while. The text for say must be clean.
	say(text string) tea.Cmd
	fail(err error) tea.Cmd

	// ask shows a prompt, and asking reports whether it is still on the screen.
	ask(p *prompt)
	asking(p *prompt) bool
}

// navigator goes elsewhere.
type navigator interface {
	// open puts a page on top, closePage removes the topmost one.
	open(p page)
	closePage()

	// jump goes to a node in the files view, after a layer or in that layer
	// alone; jumpToLayer goes to the content of a layer and keeps the cursor.
	// Both leave a way back.
	jump(node analyze.NodeID, layer int, mode analyze.Mode) tea.Cmd
	jumpToLayer(layer int) tea.Cmd

	// jumpTo shows the files in a mode, limited by a filter, with the cursor on a node. It leaves
	// a way back.
	jumpTo(node analyze.NodeID, from, layer int, mode analyze.Mode, filter analyze.Filter) tea.Cmd

	// here returns the current place, and remember leaves a way back to it.
	here() location
	remember(l location)
}

// runner runs tasks that take time.
type runner interface {
	// start runs a task unless one is running. The footer shows what and the progress.
	start(what string, run taskFunc) tea.Cmd

	// startThen is start for a task with a follow-up.
	startThen(what string, run thenFunc) tea.Cmd

	// runOwn runs one of the user's commands on a path of a layer.
	runOwn(i int, path string, layer int) tea.Cmd

	// outside gives the terminal to a program until it ends, and then calls done.
	outside(name string, run func() error, done func()) tea.Cmd

	// after sends a message after a delay.
	after(d time.Duration, msg tea.Msg) tea.Cmd

	// reread starts to observe whether opening a file requires reading the image again.
	reread() rereading

	// doubleClick records a click, and reports whether it is the second one at the same place.
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
