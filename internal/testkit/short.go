package testkit

import (
	"flag"
	"os"
	"runtime/debug"
	"testing"
)

// What -short leaves out, so that go test -short ./... takes about half a minute on two cores.
// Linking takes 13 seconds of that. CI runs everything.
const (
	shortRounds = 20 // one in this many rounds
	shortSample = 8  // one in this many rows of a table
)

// Hurry makes a test binary faster with -short. It collects garbage less often, unless GOGC is
// set: short tests hold little. It puts temporary files in memory, unless TMPDIR is set: on a
// disk, creating and removing thousands of small files takes a third of the time. Run calls it.
// Call it before if TestMain itself creates files.
func Hurry() {
	flag.Parse()
	if !testing.Short() {
		return
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if dir := memoryFolder(); dir != "" && os.Getenv("TMPDIR") == "" {
		if err := os.Setenv("TMPDIR", dir); err != nil {
			panic(err)
		}
	}
}

// Long skips the test with -short. The reason says what takes so long.
func Long(t testing.TB, reason string) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out by -short: " + reason)
	}
}

// Size returns the size of an input, or how often a test tries something: with -short the
// second figure.
func Size[N any](full, short N) N {
	if testing.Short() {
		return short
	}
	return full
}

// Waits says that the test mostly waits: with -short, it runs beside others.
func Waits(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Parallel()
	}
}

// Rounds returns how many of n random cases a test tries: with -short one in twenty, but at
// least one.
func Rounds[N int | uint64](n N) N {
	if testing.Short() {
		return (n + shortRounds - 1) / shortRounds
	}
	return n
}

// Stride returns the step of a test that tries every n-th place: with -short it is twenty times
// as large.
func Stride(n int) int {
	if testing.Short() {
		return n * shortRounds
	}
	return n
}

// Sample returns the rows of a table that a test tries: with -short the first and every eighth
// one after it.
func Sample[T any](all []T) []T {
	if !testing.Short() {
		return all
	}
	var some []T
	for i := 0; i < len(all); i += shortSample {
		some = append(some, all[i])
	}
	return some
}
