package cmd

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// gcPercent is how much garbage there may be to what is in use before it is
	// collected. What peel keeps is a few large slices without pointers, which cost
	// little to go through, so it can be less than Go's 100: of a million entries
	// that saves a third of the memory.
	gcPercent = 20

	// gcFloor is how large the heap gets before anything is collected, in bytes:
	// while it is smaller, a collection costs more than what it frees is worth. With
	// it, an image of 21,000 entries opens a tenth faster, and takes 4 MB more.
	gcFloor = 10 << 20
)

// goMinimum is the size below which Go collects nothing, at 100 per cent; at others
// it is in proportion (runtime.gcController.heapMinimum).
const goMinimum = 4 << 20

// tuneCollector sets when garbage is collected, unless the environment does.
func tuneCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	percent := gcFloor * 100 / goMinimum
	debug.SetGCPercent(percent)
	afterCollections(func() {
		if next := percentFor(inUse()); next != percent {
			percent = next
			debug.SetGCPercent(percent)
		}
	})
}

// percentFor returns after how much garbage to collect, in per cent of the bytes in
// use: gcPercent, or as much as makes gcFloor of them.
func percentFor(bytes uint64) int {
	return max(gcPercent, int(gcFloor*100/max(bytes, goMinimum))-100)
}

// inUse returns how many bytes the last collection has found in use.
func inUse() uint64 {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return live[0].Value.Uint64()
}

// afterCollections calls f after each collection.
func afterCollections(f func()) {
	type sign struct{ _ *sign } // with a pointer, not to share its memory with others
	var raise func()
	raise = func() {
		runtime.SetFinalizer(&sign{}, func(*sign) {
			f()
			raise()
		})
	}
	raise()
}
