package engine

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A watch cancels the context of a stream that sends nothing, or next to nothing. It counts only
// the time in which a reader waits for the stream.
//
// Time is counted in ticks. A tick in which the program was suspended (Ctrl+Z) counts as one,
// however long it was.
type watch struct {
	silence time.Duration // time limit for the next watchBytes bytes
	cancel  context.CancelCauseFunc

	mu      sync.Mutex
	timer   *time.Timer
	waiting bool          // a reader is waiting for the stream
	left    int           // ticks until the stream is cancelled
	got     int64         // bytes since left was set
	limit   time.Duration // the duration that left represents
	first   bool          // no byte has arrived yet
	ended   bool
}

const (
	watchTicks = 4        // within the silence limit
	watchBytes = 64 << 10 // within the silence limit: fewer count as nothing
)

// newWatch starts to wait for the first byte of a stream.
func newWatch(first, silence time.Duration, cancel context.CancelCauseFunc) *watch {
	w := &watch{silence: silence, cancel: cancel, limit: first, waiting: true, first: true}
	tick := max(silence/watchTicks, 1)
	w.left = int(first / tick)
	w.mu.Lock() // a tick may occur before the timer is stored
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(tick, func() { w.tick(tick) })
	return w
}

func (w *watch) tick(tick time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	if w.waiting {
		w.left--
	}
	if w.left > 0 {
		w.timer.Reset(tick)
		return
	}
	w.ended = true
	if w.got > 0 {
		w.cancel(fmt.Errorf("the engine has sent only %d bytes in %v", w.got, w.limit))
	} else {
		w.cancel(fmt.Errorf("the engine has sent nothing for %v", w.limit))
	}
}

// wait says that a reader is waiting for the stream.
func (w *watch) wait() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = true
}

// came says that n bytes have arrived and that the reader is no longer waiting.
func (w *watch) came(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = false
	w.got += int64(n)
	if w.got >= watchBytes || w.first && n > 0 {
		w.left, w.limit, w.got, w.first = watchTicks, w.silence, 0, false
	}
}

// stop ends the watch, not the stream.
func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
}
