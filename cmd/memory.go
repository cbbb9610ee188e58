package cmd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/peelhq/peel/internal/grow"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// How memory is limited. The memory for an image is bounded where it is read, but the machine or
// container may have less. The Go runtime knows the limit and collects garbage sooner when memory
// is scarce. In addition, a watch checks the memory in use many times a second: before the system
// refuses memory or kills the program, it cancels loading the image, with an error that says so.

// A memoryLimit is a bound on the program's memory, and who sets it.
type memoryLimit struct {
	bytes int64 // 0 if there is none
	owner string
	tight func() bool // reports that it is reached, whatever is in use; may be nil
}

// memoryLimits returns the least of what the machine, the control group and the
// process's own limits allow.
func memoryLimits() memoryLimit {
	least := memoryLimit{bytes: math.MaxInt64}
	take := func(bytes uint64, err error, owner string, tight func() bool) {
		if err == nil && bytes > 0 && bytes < uint64(least.bytes) {
			least = memoryLimit{int64(bytes), owner, tight}
		}
	}
	bytes, err := memlimit.FromSystem()
	take(bytes, err, "this machine has", nil)
	bytes, err = memlimit.FromCgroup()
	take(bytes, err, "this container or control group has", nil)
	bytes, tight, err := processLimit()
	take(bytes, err, "the limits of this process (ulimit) leave", tight)
	if least.owner == "" {
		return memoryLimit{}
	}
	return least
}

const (
	// softShare is the share of the limit at which the runtime starts to
	// collect more often, and hardShare the share that is never exceeded. The
	// rest, at least memoryMargin bytes, is for what happens between two checks
	// and for memory outside of the runtime.
	softShare    = 0.8
	hardShare    = 0.87
	memoryMargin = 32 << 20

	// The time between two checks is the time in which a program that writes to new memory at
	// fastest bytes a second uses up the rest.
	fastest     = 8 << 30
	leastPeriod = 10 * time.Millisecond
	mostPeriod  = 500 * time.Millisecond
)

func (l memoryLimit) soft() int64 { return min(int64(float64(l.bytes)*softShare), l.hard()) }
func (l memoryLimit) hard() int64 {
	return min(int64(float64(l.bytes)*hardShare), max(l.bytes-memoryMargin, l.bytes/2))
}

// last is the memory in use at which no time is left.
func (l memoryLimit) last() int64 { return l.hard() + (l.bytes-l.hard())/2 }

// errMemory is an error for work that takes more memory than there is.
var errMemory = errors.New("not enough memory")

// A memoryError is an errMemory that says how much there is.
type memoryError struct{ limit memoryLimit }

func (e *memoryError) Error() string {
	return fmt.Sprintf("it takes more memory than the %s that %s", human.Size(e.limit.bytes), e.limit.owner)
}

func (e *memoryError) Is(target error) bool { return target == errMemory }

// memoryWatch looks at the memory that the program uses.
type memoryWatch struct {
	limit memoryLimit

	// over is closed when the limit is about to be exceeded despite cancelling: there is no time
	// to wait.
	over chan struct{}
	once sync.Once

	mu    sync.Mutex
	loads map[int]load // under way
	next  int
	last  string // the reference of the image that was loaded last
}

// load is the loading of an image.
type load struct {
	ref    string
	cancel context.CancelCauseFunc
}

// watchMemory tells the runtime how much memory there is, and returns a watch that ends with ctx.
// It calls cancel with an errMemory when there is too little and cancelling what is being loaded
// does not help.
func watchMemory(ctx context.Context, cancel context.CancelCauseFunc) *memoryWatch {
	w := &memoryWatch{limit: memoryLimits(), over: make(chan struct{}), loads: map[int]load{}}
	if w.limit.bytes > 0 {
		if os.Getenv("GOMEMLIMIT") == "" {
			debug.SetMemoryLimit(w.limit.soft())
		}
		if w.limit.tight != nil {
			source.LimitMemory(w.limit.bytes)
		}
		grow.Before(func(bytes int64) { w.reserve(bytes, cancel) })
		go w.run(ctx, cancel)
	}
	return w
}

// reserve returns if this many more bytes are available. Otherwise the program ends while the
// calling goroutine waits.
func (w *memoryWatch) reserve(bytes int64, cancel context.CancelCauseFunc) {
	if w.used() <= w.limit.last()-bytes {
		return
	}
	debug.FreeOSMemory() // some of the memory in use may be garbage
	if w.used() <= w.limit.last()-bytes {
		return
	}
	cancel(&memoryError{w.limit})
	w.end()
	select {}
}

// end signals that no time is left.
func (w *memoryWatch) end() { w.once.Do(func() { close(w.over) }) }

func (w *memoryWatch) run(ctx context.Context, cancel context.CancelCauseFunc) {
	for w.wait(ctx, w.limit.hard(), math.MaxInt64) {
		reason := &memoryError{w.limit}
		if w.cancelLoads(reason) {
			// Their memory is garbage once they have ended.
			if w.wait(ctx, w.limit.last(), endGrace) {
				cancel(reason)
				w.end()
				return
			}
			debug.FreeOSMemory()
			if w.used() <= w.limit.hard() {
				continue
			}
		}
		cancel(reason)
		if w.wait(context.WithoutCancel(ctx), w.limit.last(), endGrace) {
			w.end()
		}
		return
	}
}

// used returns how many bytes of memory are in use.
func (w *memoryWatch) used() int64 {
	if w.limit.tight != nil && w.limit.tight() {
		return math.MaxInt64
	}
	return memoryUsed()
}

// wait waits until more than most bytes are in use, and reports whether that happened before
// the context ended or the time had passed.
func (w *memoryWatch) wait(ctx context.Context, most int64, long time.Duration) bool {
	for began := time.Now(); time.Since(began) < long; {
		left := most - w.used() // which may be the largest number
		if left < 0 {
			return ctx.Err() == nil
		}
		period := time.Duration(float64(left) / fastest * float64(time.Second))
		select {
		case <-ctx.Done():
			return false
		case <-time.After(min(max(period, leastPeriod), mostPeriod)):
		}
	}
	return false
}

// loading returns a context for loading an image, which ends when there is too
// little memory for that. Call done when it is loaded.
func (w *memoryWatch) loading(ctx context.Context, ref string) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	key := w.next
	w.next++
	w.loads[key] = load{ref, cancel}
	w.last = ref
	return ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.loads, key) // not cancelled: the image may go on using it
	}
}

// cancelLoads cancels what is being loaded, and reports whether anything is.
func (w *memoryWatch) cancelLoads(reason error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.loads {
		l.cancel(reason)
	}
	return len(w.loads) > 0
}

// stopped says what needed more memory than there is.
func (w *memoryWatch) stopped(cause error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case len(w.loads) > 0:
		return fmt.Errorf("cannot read %s: %w", w.last, cause)
	case w.last != "":
		return fmt.Errorf("cannot do this with %s: %w", w.last, cause)
	}
	return cause
}

// memoryUsed returns the bytes of memory that the runtime holds, and has not
// given back to the system.
func memoryUsed() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// tooLarge says why an image could not be loaded if memory is the reason, and what needs it, if
// known. im is nil if the image is not open.
func tooLarge(ctx context.Context, im *source.Image, err error) error {
	cause := context.Cause(ctx)
	if !errors.Is(cause, errMemory) {
		return err
	}
	most, entries := -1, 0
	if im != nil {
		for i, l := range im.Layers {
			if l.Entries.Len() > entries {
				most, entries = i, l.Entries.Len()
			}
		}
	}
	var counted *source.Unfinished
	switch {
	case errors.As(err, &counted):
		return fmt.Errorf("%w: %w", err, cause)
	case most >= 0:
		return fmt.Errorf("%w: its largest layer, %d, has %s", cause, most, human.Count(entries, "entry", "entries"))
	}
	return cause
}
