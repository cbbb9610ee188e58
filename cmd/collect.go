package cmd

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// gcPercent is the garbage collector's percentage. Peel mostly holds a few large slices
	// without pointers, which are cheap to scan, so it can be below Go's default of 100: for a
	// million entries that saves a third of the memory.
	gcPercent = 20

	// gcFloor is the heap size in bytes before the first collection. A sooner one would cost more
	// than it frees. With it, an image of 21,000 entries opens a tenth faster and takes 3 MB more.
	gcFloor = 8 << 20

	// gcRoom is the minimum number of bytes allocated between two collections. While a heap grows
	// from 8 to 30 MB, that halves their number, and takes 1 MB more.
	gcRoom = 6 << 20

	// unmapShare is the least ratio of the time between two calls of unmap to the time that one
	// takes.
	unmapShare = 150
)

// goMinimum is the heap size below which Go does not collect at 100 percent; it scales with the
// percentage (runtime.gcController.heapMinimum).
const goMinimum = 4 << 20

// tuneOnce calls tuneCollector the first time. Each call adds work to every later collection, and
// tests run the program hundreds of times in one process.
var tuneOnce = sync.OnceFunc(func() { tuneCollector() })

// tuneCollector sets when garbage is collected, unless the environment does. Collections also read
// many of the program's constants, so unmap follows some of them. After stop, the percentage stays
// as it is.
func tuneCollector() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	percent := gcFloor * 100 / goMinimum
	debug.SetGCPercent(percent)
	var unmapped time.Time
	var took time.Duration
	return afterCollections(func() {
		if next := percentFor(inUse()); next != percent {
			percent = next
			debug.SetGCPercent(percent)
		}
		if start := time.Now(); start.Sub(unmapped) > unmapShare*took {
			unmap()
			unmapped = time.Now()
			took = unmapped.Sub(start)
		}
	})
}

// percentFor returns the percentage for a heap size: gcPercent, or what gcRoom needs.
func percentFor(bytes uint64) int {
	return max(gcPercent, int(gcRoom*100/max(bytes, goMinimum)))
}

// inUse returns how many bytes the last collection found in use.
func inUse() uint64 {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return live[0].Value.Uint64()
}

// unmapSoon calls unmap in the background.
var unmapSoon = func() { go unmap() }

// afterCollections calls f after each collection, until stop.
func afterCollections(f func()) (stop func()) {
	type sign struct{ _ *sign } // with a pointer, so that its memory is not shared
	var stopped atomic.Bool
	var raise func()
	raise = func() {
		runtime.SetFinalizer(&sign{}, func(*sign) {
			if !stopped.Load() {
				f()
				raise()
			}
		})
	}
	raise()
	return func() { stopped.Store(true) }
}
