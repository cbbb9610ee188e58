package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/peelhq/peel/analyze"
)

// ErrInterrupted is what Run returns when ctrl+c, or an interrupt from
// outside, ended it before the image was read.
var ErrInterrupted = errors.New("interrupted")

var errNothing = errors.New("there is nothing to show")

// Options says what the screen shows. Load is required.
type Options struct {
	// Load reads and analyses the image. It is called once, on a goroutine of
	// its own; its context is cancelled as soon as the reader quits. It may
	// call progress from any goroutine, as often as it likes, and show with
	// what has been read so far (see analyze.Watch).
	Load Loader

	// Name is what is being opened, as it was asked for.
	Name string

	// Settings are how the reader wants the screen; see Settings.Check.
	Settings Settings

	// Acts are what the screen can have done. Those that are nil are not offered.
	Acts Acts

	// Input and Output are the terminal. Nil: the process's own.
	Input  io.Reader
	Output io.Writer

	// Environ is the environment, as of os.Environ. Nil: the process's own. It
	// says what the terminal can show: TERM, COLORTERM, NO_COLOR, LC_ALL ...
	Environ []string
}

// A Loader reads and analyses an image; see Options.
type Loader func(ctx context.Context, progress func(Progress), show func(*analyze.Analysis)) (*analyze.Analysis, error)

// loadGrace is how long Run waits, once the terminal is restored, for a Load
// whose context has been cancelled.
const loadGrace = 5 * time.Second

// Run opens the screen, and returns when the reader quits. The terminal is then
// as it was before.
//
// Run returns nil when the reader quits, also while the image is still being
// read; the error of Load as it is; ErrInterrupted after ctrl+c while loading;
// ctx's error when that is cancelled. When it returns, Load has returned too,
// unless it does not heed its context within a few seconds.
func Run(ctx context.Context, o Options) error {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	loadCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	job := &job{load: o.Load, done: make(chan struct{})}
	o.Load = job.run

	opts := []tea.ProgramOption{tea.WithContext(ctx), tea.WithEnvironment(o.Environ)}
	if o.Input != nil {
		opts = append(opts, tea.WithInput(o.Input))
	}
	if o.Output != nil {
		opts = append(opts, tea.WithOutput(o.Output))
	}
	m := newModel(loadCtx, o)
	if m.noColor { // whatever the value of NO_COLOR
		opts = append(opts, tea.WithColorProfile(colorprofile.ASCII))
	}
	_, err := tea.NewProgram(m, opts...).Run()
	loading := m.reading()

	cancel()
	job.end()
	m.errands.end()
	switch {
	case m.err != nil:
		return m.err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, tea.ErrInterrupted) && loading:
		return ErrInterrupted
	case errors.Is(err, tea.ErrInterrupted):
		return nil
	case err != nil:
		return fmt.Errorf("running the screen: %w", err)
	}
	return nil
}

// A job is a Load that is called at most once, and not at all after its end.
type job struct {
	load Loader
	done chan struct{} // closed when load has returned

	mu             sync.Mutex
	running, ended bool
}

func (j *job) run(ctx context.Context, progress func(Progress), show func(*analyze.Analysis)) (*analyze.Analysis, error) {
	j.mu.Lock()
	if j.ended {
		j.mu.Unlock()
		return nil, context.Canceled
	}
	j.running = true
	j.mu.Unlock()
	defer close(j.done)
	return j.load(ctx, progress, show)
}

// end waits for load, whose context is cancelled, for as long as loadGrace.
func (j *job) end() {
	j.mu.Lock()
	j.ended = true
	running := j.running
	j.mu.Unlock()
	if !running {
		return
	}
	select {
	case <-j.done:
	case <-time.After(loadGrace):
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
