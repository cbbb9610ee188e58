package cmd

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// Nothing is collected of a small heap; then memory is saved.
func TestCollector(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	t.Setenv("GOGC", "")
	tuneCollector()
	if was := debug.SetGCPercent(300); was != 300 {
		t.Errorf("%d %% at the start", was)
	}
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		runtime.GC()
		now := debug.SetGCPercent(300)
		if now == gcPercent {
			return
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("still %d %% after a collection", now)
		}
	}
}

func TestCollectorOfTheEnvironment(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(77))
	t.Setenv("GOGC", "50") // which Go has read at the start
	tuneCollector()
	if now := debug.SetGCPercent(77); now != 77 {
		t.Errorf("changed to %d %%", now)
	}
}
