package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"

	"github.com/peelhq/peel/analyze"
)

// ErrInterrupted is what Run returns when ctrl+c ended it before the image was
// read.
var ErrInterrupted = errors.New("interrupted")

var errNothing = errors.New("nothing to show")

// Options says what the screen shows. Load is required, or Compare and Open, or Sources
// and Open are.
type Options struct {
	// Load reads and analyses the image to begin with. Nil: the screen begins
	// with the picker.
	Load Loader

	// Name is what is being opened, as it was asked for.
	Name string

	// Flags are those that the program was called with, for every command alike: a
	// command that is copied has them too. Each is one word.
	Flags []string

	// Ref is what Open takes to read that image again: the way back may lead to it.
	// "" if it can be read only once.
	Ref string

	// Sources are where the images are that can be picked, and Open returns what
	// reads one of them. The analysis that was shown before stays in use until the
	// other one is whole. Close is called with each that a loader has returned, once
	// nothing uses it any more, but for those in use when the program ends. It may be
	// called on any goroutine. Nil: there is nothing to close.
	Sources []Source
	Open    func(ref string) Loader
	Close   func(*analyze.Analysis)

	// Compare is what the screen begins with, in place of an image: a comparison of two,
	// the earlier one first, which Open reads. A side that names the same image as the
	// other is read once.
	Compare *[2]Side

	// Settings are how the reader wants the screen; see Settings.Check.
	Settings Settings

	// Actions are what the screen can have done. Those that are nil are not
	// offered.
	Actions Actions

	// NoDockerfile says, in a sentence for people, why no Dockerfile is known of an
	// image whose analysis has none.
	NoDockerfile string

	// Input and Output are the terminal. Nil: the process's own.
	Input  io.Reader
	Output io.Writer

	// Environ is the environment, as of os.Environ. Nil: the process's own. It
	// says what the terminal can show: TERM, COLORTERM, NO_COLOR, LC_ALL ...
	Environ []string
}

// A Loader reads and analyses an image. It is called once, on a goroutine of its
// own; its context is cancelled as soon as the reader quits, or does not want the
// image any more. It may call progress from any goroutine, as often as it likes,
// and show with what has been read so far (see analyze.Watch).
type Loader func(ctx context.Context, progress func(Progress), show func(*analyze.Analysis)) (*analyze.Analysis, error)

// framesPerSecond is how often it is looked whether there is something new to draw:
// as often as Bubble Tea allows. At 60, a frame would wait for 8 ms on average.
const framesPerSecond = 120

// How long Run waits, once the terminal is restored, for a Load and a task whose
// contexts have been cancelled: after the reader has quit, and when ctx has been
// cancelled, which is in a hurry.
const (
	quitGrace   = 5 * time.Second
	cancelGrace = 200 * time.Millisecond
)

// Run opens the screen, and returns when the reader quits. The terminal is then
// as it was before.
//
// Run returns nil when the reader quits, also while the image is still being
// read; the error of Load as it is; ErrInterrupted after ctrl+c while loading;
// ctx's error when that is cancelled: within a second, also on a terminal that
// nobody reads any more. Signals are the caller's: Run heeds ctx alone. When it
// returns, Load has returned too, unless it does not heed its context within a few
// seconds, or that second.
func Run(ctx context.Context, o Options) error {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	loadCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	loads := newGate()
	if o.Load != nil {
		o.Load = loadEarly(loadCtx, guarded(loads, o.Load))
	}
	if open := o.Open; open != nil {
		o.Open = func(ref string) Loader { return guarded(loads, open(ref)) }
	}

	m := newModel(loadCtx, o)
	err := m.run(ctx)
	grace := quitGrace
	if ctx.Err() != nil {
		grace = cancelGrace
	}
	cancel()
	loads.close()
	late := time.After(grace)
	for _, idle := range []<-chan struct{}{loads.idle, m.tasks.idle()} { // their contexts are cancelled
		select {
		case <-idle:
			continue
		case <-late:
		}
		break
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case m.err != nil:
		return m.err
	case err != nil:
		return fmt.Errorf("running the screen: %w", err)
	}
	return nil
}

// run runs the model until the reader quits or ctx ends, and restores the terminal.
func (m *model) run(ctx context.Context) error {
	o := m.options
	opts := []tea.ProgramOption{tea.WithContext(ctx), tea.WithEnvironment(o.Environ), tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond)}
	if o.Input != nil {
		opts = append(opts, tea.WithInput(o.Input))
	}
	if m.noColor { // whatever the value of NO_COLOR
		opts = append(opts, tea.WithColorProfile(colorprofile.ASCII))
	}
	out := o.Output
	if out == nil {
		out = os.Stdout
	}
	tty, ok := out.(*os.File)
	if !ok || !term.IsTerminal(tty.Fd()) {
		_, err := tea.NewProgram(m, append(opts, tea.WithOutput(out))...).Run()
		return err
	}
	t := newTerminal(tty)
	defer t.close()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		select {
		case <-ended:
		case <-time.After(endGrace):
			t.abandon()
		}
	}()
	_, err := tea.NewProgram(m, append(opts, tea.WithOutput(t))...).Run()
	if t.isAbandoned() {
		t.leave()
	}
	return err
}

// guarded returns a load that does not begin once the gate is closed.
func guarded(g *gate, load Loader) Loader {
	return func(ctx context.Context, progress func(Progress), show func(*analyze.Analysis)) (*analyze.Analysis, error) {
		if !g.enter() {
			return nil, context.Canceled
		}
		defer g.leave()
		return load(ctx, progress, show)
	}
}

// envLookup returns a function that looks variables up in env, a list as of
// os.Environ; the last setting of a variable counts.
func envLookup(env []string) func(string) string {
	return func(name string) string {
		for _, setting := range slices.Backward(env) {
			if v, ok := strings.CutPrefix(setting, name+"="); ok {
				return v
			}
		}
		return ""
	}
}
