package cmd

import (
	"os"
	"runtime"
	"runtime/debug"
)

const (
	// gcPercent is how much garbage there may be to what is in use before it is
	// collected. What peel keeps is a few large slices without pointers, which cost
	// little to go through, so it can be less than Go's 100: of a million entries
	// that saves a fourth of the memory.
	gcPercent = 30

	// gcFloor is how large the heap gets before anything is collected, in bytes:
	// while it is smaller, a collection costs more than what it frees is worth. With
	// it, an image of 21,000 entries opens a tenth faster, and takes 5 MB more.
	gcFloor = 12 << 20
)

// goMinimum is the size below which Go collects nothing, at 100 per cent; at others
// it is in proportion (runtime.gcController.heapMinimum).
const goMinimum = 4 << 20

// tuneCollector sets when garbage is collected, unless the environment does.
func tuneCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(gcFloor * 100 / goMinimum)
	onceCollected(func() { debug.SetGCPercent(gcPercent) })
}

// onceCollected calls f after the next collection.
func onceCollected(f func()) {
	type sign struct{ _ *sign } // with a pointer, not to share its memory with others
	runtime.SetFinalizer(&sign{}, func(*sign) { f() })
}
