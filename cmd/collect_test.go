package cmd

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// TestCollector checks that a small heap is never collected, and that a large one is collected
// to save memory.
func TestCollector(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	t.Setenv("GOGC", "")
	defer tuneCollector()()
	percent := func() int {
		now := debug.SetGCPercent(300)
		debug.SetGCPercent(now)
		return now
	}
	if was := percent(); was != 200 {
		t.Errorf("got %d %% at the start", was)
	}
	held := make([]byte, 5*gcRoom)
	for began := time.Now(); percent() != gcPercent; time.Sleep(time.Millisecond) {
		runtime.GC()
		if time.Since(began) > 10*time.Second {
			t.Fatalf("still %d %% after a collection, %d bytes in use", percent(), inUse())
		}
	}
	runtime.KeepAlive(held)
}

func TestCollectorPercent(t *testing.T) {
	const mb = 1 << 20
	for bytes, want := range map[uint64]int{0: 150, 4 * mb: 150, 5 * mb: 120, 6 * mb: 100, 10 * mb: 60, 30 * mb: 20, 31 * mb: 20, 100 * mb: 20, 1 << 40: 20} {
		if got := percentFor(bytes); got != want {
			t.Errorf("%d bytes: %d %%, want %d", bytes, got, want)
		}
	}
}

func TestCollectorOfTheEnvironment(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(77))
	t.Setenv("GOGC", "50") // Go read it at the start
	now := 0
	for range 10 { // the tuner of TestCollector may still run after a collection
		debug.SetGCPercent(77)
		tuneCollector()
		if now = debug.SetGCPercent(77); now == 77 {
			return
		}
	}
	t.Errorf("changed to %d %%", now)
}
