package ui

import (
	"context"
	"sync/atomic"

	"github.com/peelhq/peel/analyze"
)

// loadEarly starts loading at once, so that the image is read while the screen is being set up.
// The returned loader waits for the result.
func loadEarly(ctx context.Context, load Loader) Loader {
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		a   *analyze.Analysis
		err error
	}
	var to atomic.Pointer[listener]
	var before atomic.Pointer[Progress] // the newest that has not been delivered
	done := make(chan result, 1)
	go func() {
		defer cancel()
		a, err := load(ctx, func(p Progress) {
			if l := to.Load(); l != nil {
				l.progress(p)
			} else {
				before.Store(&p)
			}
		}, func(a *analyze.Analysis) {
			if l := to.Load(); l != nil { // else the next one is shown
				l.show(a)
			}
		})
		done <- result{a, err}
	}()
	return func(ctx context.Context, progress func(Progress), show func(*analyze.Analysis)) (*analyze.Analysis, error) {
		defer context.AfterFunc(ctx, cancel)()
		to.Store(&listener{progress, show})
		if p := before.Load(); p != nil {
			progress(*p)
		}
		r := <-done
		return r.a, r.err
	}
}

// A listener receives the progress of a load.
type listener struct {
	progress func(Progress)
	show     func(*analyze.Analysis)
}
