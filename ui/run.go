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

// ErrInterrupted is what Run returns if ctrl+c ended it before the image was read.
var ErrInterrupted = errors.New("interrupted")

var errNothing = errors.New("nothing to show")

// Options says what the screen shows. Set Load, Compare and Open, or Sources and Open.
type Options struct {
	// Load reads and analyses the first image. If nil, the screen begins with the picker.
	Load Loader

	// Name is the image to open, as the user wrote it.
	Name string

	// Flags returns the flags to add to a copied command of this name, each as one word.
	Flags func(command string) []string

	// Ref is the reference with which Open can read that image again, since the way back may
	// lead to it. "" if it can be read only once.
	Ref string

	// Sources are the places with images to pick from, and Open returns a loader for one of
	// them. The previous analysis stays in use until the new one is complete. Close is called,
	// on any goroutine, with each analysis that a loader returned, once nothing uses it any
	// more, except for those in use when the program ends. If nil, nothing needs to be closed.
	Sources []Source
	Open    func(ref string) Loader
	Close   func(*analyze.Analysis)

	// Compare, if not nil, makes the screen begin with a comparison of two images, the earlier
	// one first, which Open reads. If both sides name the same image, it is read once.
	Compare *[2]Side

	// Settings are the user's settings; see Settings.Check.
	Settings Settings

	// Actions are functions that the screen can call. Those that are nil aren't offered.
	Actions Actions

	// NoDockerfile is a sentence for people that says why an image's analysis has no
	// Dockerfile.
	NoDockerfile string

	// Input and Output are the terminal. Nil means the process's own.
	Input  io.Reader
	Output io.Writer

	// Environ is the environment in the form of os.Environ. Nil means the process's own. It
	// describes what the terminal can show: TERM, COLORTERM, NO_COLOR, LC_ALL ...
	Environ []string
}

// A Loader reads and analyses an image. It is called once, on its own goroutine. Its context is
// cancelled when the user quits or leaves the image. It may call progress from any goroutine,
// as often as it likes, and show with what has been read so far (see analyze.Watch).
type Loader func(ctx context.Context, progress func(Progress), show func(*analyze.Analysis)) (*analyze.Analysis, error)

// framesPerSecond is how often the program checks whether there is something new to draw: as
// often as Bubble Tea allows. At 60, a frame would wait for 8 ms on average.
const framesPerSecond = 120

// How long Run waits, once the terminal is restored, for a Load and a task whose contexts have
// been cancelled: after the user has quit, and, shorter, after ctx has been cancelled.
const (
	quitGrace   = 5 * time.Second
	cancelGrace = 200 * time.Millisecond
)

// Run opens the screen, and returns when the user quits, with the terminal restored.
//
// It returns nil when the user quits, even while the image is still being read; the error of
// Load unchanged; ErrInterrupted after ctrl+c while loading; or ctx's error within a second
// after ctx is cancelled, even if nothing reads the terminal any more. The caller handles
// signals: Run only watches ctx. When it returns, Load has returned too, unless Load ignores
// its cancelled context for a few seconds, or for that second.
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
	for _, idle := range []<-chan struct{}{loads.idle, m.tasks.idle()} { // their contexts have been cancelled
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

// run runs the model until the user quits or ctx ends, and restores the terminal.
func (m *model) run(ctx context.Context) error {
	o := m.options
	opts := []tea.ProgramOption{tea.WithContext(ctx), tea.WithEnvironment(o.Environ), tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond)}
	if o.Input != nil {
		opts = append(opts, tea.WithInput(o.Input))
	}
	if m.noColor { // whatever the value of NO_COLOR is
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

// guarded wraps a loader so that it doesn't begin once the gate is closed.
func guarded(g *gate, load Loader) Loader {
	return func(ctx context.Context, progress func(Progress), show func(*analyze.Analysis)) (*analyze.Analysis, error) {
		if !g.enter() {
			return nil, context.Canceled
		}
		defer g.leave()
		return load(ctx, progress, show)
	}
}

// envLookup returns a function that looks up variables in env, a list in the form of
// os.Environ. The last setting of a variable counts.
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
