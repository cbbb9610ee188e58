package analyze

import (
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"testing"
)

// mayHold misses no name that namedSecret knows: made of the tables' own words,
// with what is put before and behind them.
func TestMayHoldMissesNothing(t *testing.T) {
	words := slices.Concat(allEnds, patterns, publicWords, copyEnds, slices.Collect(maps.Keys(secretNames)), slices.Collect(maps.Keys(settingNames)),
		slices.Collect(maps.Keys(secretBelow)), slices.Collect(maps.Keys(settingBelow)), []string{"a", ".env.", ".wh.", ".ssh/", "/", "Key"})
	slices.Sort(words)
	found := 0
	r := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		name := "/srv/" + words[r.IntN(len(words))]
		for range r.IntN(3) {
			name += words[r.IntN(len(words))]
		}
		name = path.Clean(name)
		if namedSecret(name) == notSecret {
			continue
		}
		found++
		if !mayHold([]byte(name[1:])) {
			t.Fatalf("%q is passed over", name)
		}
	}
	if found < 1000 {
		t.Errorf("only %d names were of secrets", found)
	}
}
