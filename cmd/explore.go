package cmd

import (
	"context"
	"errors"
	"os"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
	"github.com/peelhq/peel/ui"
)

// explore opens the screen on an image, or, where there is no terminal for it,
// prints the text report.
func (a *app) explore(ctx context.Context, ref string) error {
	keys, ok := a.keyboard(ref)
	if !ok {
		return a.report(ctx, ref, &outputFlags{known: []string{"text"}})
	}
	if keys != a.stdin {
		defer a.close(keys)
	}
	_, settings, err := loadSettings()
	if err != nil {
		return err
	}
	opts := a.options(false, nil)
	opts.ContentOnDemand = true
	if _, ok := terminal(a.stderr); ok {
		opts.Log = nil // the screen is there
	}
	var shown atomic.Pointer[analyze.Analysis]
	name := ref
	if ref == "-" {
		name = "standard input"
	}
	err = ui.Run(ctx, ui.Options{
		Name: name,
		Load: func(ctx context.Context, progress func(ui.Progress), show func(*analyze.Analysis)) (*analyze.Analysis, error) {
			opts.Progress = func(p source.Progress) { progress(ui.Progress(p)) }
			an, err := a.open(ctx, ref, opts, func(ctx context.Context, im *source.Image, o analyze.Options) (*analyze.Analysis, error) {
				return analyze.Watch(ctx, im, o, show)
			})
			shown.Store(an)
			return an, err
		},
		Acts:     screenActs(),
		Settings: settings,
		Input:    keys,
		Output:   a.stdout,
	})
	if an := shown.Load(); an != nil {
		err = errors.Join(err, an.Image.Close())
	}
	return err
}

// close closes a terminal that was only looked at or read: nothing is lost if
// that fails.
func (a *app) close(tty *os.File) {
	if err := tty.Close(); err != nil {
		a.logger().Debug("closing the terminal", "error", err)
	}
}

// keyboard returns where the screen's keys come from: standard input, or the
// terminal itself if the image comes from standard input. It reports false
// where there is no terminal to show a screen on.
func (a *app) keyboard(ref string) (*os.File, bool) {
	if _, ok := terminal(a.stdout); !ok {
		return nil, false
	}
	if keys, ok := terminal(a.stdin); ok || ref != "-" {
		return keys, ok
	}
	in, out, err := tea.OpenTTY()
	if err != nil {
		return nil, false
	}
	if out != in {
		a.close(out)
	}
	return in, true
}
