package testkit

import "testing"

// What -short leaves out, so that go test -short ./... gives an answer within half a
// minute. CI runs everything.
const (
	shortRounds = 20 // one round in so many
	shortSample = 8  // one row of a table in so many
)

// Long skips the test with -short. The reason says what takes the time.
func Long(t testing.TB, reason string) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out by -short: " + reason)
	}
}

// Rounds returns how many of n random cases a test tries: with -short one in twenty,
// and at least one.
func Rounds[N int | uint64](n N) N {
	if testing.Short() {
		return (n + shortRounds - 1) / shortRounds
	}
	return n
}

// Stride returns how far a test goes on that tries every n-th place: with -short
// twenty times as far.
func Stride(n int) int {
	if testing.Short() {
		return n * shortRounds
	}
	return n
}

// Sample returns the rows of a table that a test tries: with -short the first and
// every eighth one after it.
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
