package cmd

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/source"
	"github.com/peelhq/peel/ui"
)

// explore opens the screen on an image or, without a terminal, prints the text report.
func (a *app) explore(ctx context.Context, ref string) error {
	keys, ok := a.keyboard(ref)
	if !ok {
		if source.IsRepository(ref) {
			return a.repository(ctx, ref, false)
		}
		if inPipeline() {
			a.say("this report never fails the build: peel check IMAGE does")
		}
		return a.report(ctx, ref, &outputFlags{known: []string{"text"}})
	}
	return a.screen(ctx, keys, ref, nil)
}

// pick opens the screen on the list of images on this machine.
func (a *app) pick(ctx context.Context) error {
	keys, ok := a.keyboard("")
	if !ok {
		fromPipe := ""
		if piped(a.stdin) {
			fromPipe = "peel -, to read the image from standard input; "
		}
		return usage(fromPipe+"peel images, which lists what is here; peel app.tar, or peel docker://NAME; peel --help says more",
			"no image: name one, as in peel IMAGE (the list to pick from needs a terminal)")
	}
	return a.screen(ctx, keys, "", nil)
}

// screen runs the screen until the user quits. It starts with the image that ref names or, for
// "", with the list of images; or with a comparison, if given.
func (a *app) screen(ctx context.Context, keys *os.File, ref string, pair *comparedSides) error {
	if keys != a.stdin {
		defer a.close(keys)
	}
	_, settings, err := loadSettings()
	if err != nil {
		return err
	}
	a.search = analyze.SearchEngines
	files, err := a.useDockerfiles()
	if err != nil {
		return err
	}
	opts := a.options(false, nil)
	opts.ContentOnDemand, opts.Arriving = true, true
	if tty, ok := terminal(a.stderr); ok { // the screen is on it
		opts.Log, opts.Asking = nil, nil
		defer holdStderr(tty)()
	}
	places := source.Places(".", opts)
	if source.IsRepository(ref) {
		places, ref = []source.Place{source.Repository(ref, opts)}, ""
	}
	loaders := screenLoaders{app: a, opts: opts, ref: ref, files: files, pair: pair}
	on := &loaders.held
	actions := a.screenActions()
	if out, ok := terminal(a.stdout); ok {
		defer a.files.end()
		o := &outside{keys, out, a.files, a.interrupts}
		actions.Copy, actions.Run, actions.Capture = o.copy, o.onTerminal, o.capture
	}
	o := ui.Options{
		Sources:  pickSources(places),
		Open:     loaders.open,
		Close:    on.drop,
		Actions:  actions,
		Settings: settings,
		Flags:    a.given,
		Input:    keys,
		Output:   a.stdout,

		NoDockerfile: noFileFits(files, a.named),
	}
	if pair != nil {
		o.Compare = &pair.sides
	}
	if ref != "" {
		o.Name, o.Ref, o.Load = ref, ref, loaders.open(ref)
	}
	if source.ReadsStdin(ref) {
		o.Name, o.Ref = "standard input", ""
	}
	a.tty.set(screenRestorer(keys, a.stdout))
	ctx, stop := whileTerminal(ctx, keys)
	defer stop()
	err = ui.Run(ctx, o)
	a.tty.set(nil)
	return errors.Join(err, on.end())
}

// screenLoaders open images for the screen.
type screenLoaders struct {
	app   *app
	opts  source.Options
	ref   string         // of the first image; "" if it is picked
	files []buildFile    // of which one may be the first image's Dockerfile
	pair  *comparedSides // nil if the screen does not begin with a comparison
	held  held
}

// open returns a function that opens an image.
func (s *screenLoaders) open(ref string) ui.Loader {
	return func(ctx context.Context, progress func(ui.Progress), show func(*analyze.Analysis)) (an *analyze.Analysis, err error) {
		defer crash.Catch(&err)
		opts := s.opts
		opts.Progress = func(p source.Progress) { progress(screenProgress(p)) }
		an, err = s.app.open(ctx, ref, opts, func(ctx context.Context, im *source.Image, o analyze.Options) (*analyze.Analysis, error) {
			return analyze.Watch(ctx, im, o, func(an *analyze.Analysis) {
				s.nameDockerfile(ref, an)
				show(an)
			})
		})
		if err != nil {
			return nil, err
		}
		if err := s.pair.check(ref, an); err != nil {
			return nil, errors.Join(err, an.Image.Close())
		}
		s.nameDockerfile(ref, an)
		return an, s.held.hold(an)
	}
}

// nameDockerfile records the Dockerfile of the first image: a named file does not belong to other
// images.
func (s *screenLoaders) nameDockerfile(ref string, an *analyze.Analysis) {
	if ref != s.ref {
		return
	}
	if f := builtFrom(an, s.files); f != an.Dockerfile { // don't write to an analysis that the screen already shows, unless it changes
		an.Dockerfile = f
	}
}

// screenProgress converts the progress of reading for the screen.
func screenProgress(p source.Progress) ui.Progress {
	out := ui.Progress{What: p.What, Bytes: p.Bytes, TotalBytes: p.TotalBytes, Layers: p.Layers, TotalLayer: p.TotalLayer}
	for _, l := range p.Arrived {
		a := ui.Arrived{Number: l.Number, Entries: l.Entries, Bytes: l.Bytes}
		for _, x := range l.Largest {
			a.Largest = append(a.Largest, ui.Share(x))
		}
		out.Arrived = append(out.Arrived, a)
	}
	return out
}

// held are the images that the screen has open: the shown one, and the previous one while it may
// come back. Safe for concurrent use.
type held struct {
	mu    sync.Mutex
	open  []*analyze.Analysis
	ended bool
}

// hold registers an image. After the screen has ended, it closes the image at once.
func (h *held) hold(an *analyze.Analysis) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return an.Image.Close()
	}
	h.open = append(h.open, an)
	return nil
}

// drop closes an image that is no longer needed. Errors are ignored, because the image was only
// read.
func (h *held) drop(an *analyze.Analysis) {
	h.mu.Lock()
	i := slices.IndexFunc(h.open, func(o *analyze.Analysis) bool { return o == an || o.Image != nil && o.Image == an.Image })
	if i >= 0 {
		h.open = slices.Delete(h.open, i, i+1)
	}
	h.mu.Unlock()
	if i >= 0 {
		_ = an.Image.Close()
	}
}

// end closes the images that are held, and every one that comes after.
func (h *held) end() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, an := range h.open {
		errs = append(errs, an.Image.Close())
	}
	h.open, h.ended = nil, true
	return errors.Join(errs...)
}

// pickSources converts places for the screen's picker.
func pickSources(places []source.Place) []ui.Source {
	out := make([]ui.Source, len(places))
	for i, p := range places {
		out[i] = ui.Source{Name: p.Name, List: func(ctx context.Context) ([]ui.Candidate, error) {
			images, err := p.Images(ctx)
			if errors.Is(err, source.ErrNoEngine) {
				err = &noSource{err}
			}
			candidates := make([]ui.Candidate, len(images))
			for i := range images {
				candidates[i] = candidate(&images[i])
			}
			return candidates, err
		}}
	}
	return out
}

// noSource is an error of a source that does not exist, which is harmless.
type noSource struct{ error }

func (e *noSource) Unwrap() []error { return []error{e.error, ui.ErrNoSource} }

// candidate is an image as the picker shows it: by its tag; without one by its
// file, or by the first digits of its ID.
func candidate(im *source.LocalImage) ui.Candidate {
	c := ui.Candidate{
		Ref: im.Ref, Name: im.Name, From: im.Engine,
		Size: im.Size, Created: im.Created, Layers: im.Layers, Platform: im.Platform,
	}
	if im.Within != "" {
		c.From += " " + im.Within
	}
	switch {
	case im.Container:
		c.Name, c.From = cmp.Or(im.Name, im.ID[:min(len(im.ID), 12)]), containerFrom(im)
	case im.File != "" && im.Name != "":
		c.From = im.File
	case im.File != "":
		c.Name, c.From = strings.TrimPrefix(im.Ref, "./"), "file"
	case im.Engine == "":
		c.From = "registry"
	case im.Name == "":
		digits := strings.TrimPrefix(im.ID, "sha256:")
		c.Name = "untagged " + digits[:min(len(digits), 12)]
	}
	return c
}

// containerFrom says what a container is: "docker container, running, of app:1".
func containerFrom(im *source.LocalImage) string {
	text := im.Engine + " container"
	if im.State != "" {
		text += ", " + im.State
	}
	if im.Image != "" {
		text += ", of " + im.Image
	}
	return text
}

// close closes a terminal that was only looked at or read: nothing is lost if
// that fails.
func (a *app) close(tty *os.File) {
	if err := tty.Close(); err != nil {
		a.logger().Debug("closing the terminal", "error", err)
	}
}

// keyboard returns the source of the screen's keys: standard input, or the
// terminal itself if the image comes from standard input. It reports false
// without a terminal.
func (a *app) keyboard(ref string) (*os.File, bool) {
	if _, ok := terminal(a.stdout); !ok || os.Getenv("TERM") == "dumb" { // which can't move the cursor
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
