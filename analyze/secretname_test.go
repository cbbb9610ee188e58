package analyze

import (
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"testing"
)

// TestMayHoldCoversAllNames checks that mayHold accepts every name that namedSecret knows. The
// names combine the tables' own words with prefixes and suffixes.
func TestMayHoldCoversAllNames(t *testing.T) {
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
			t.Fatalf("%q is skipped", name)
		}
	}
	if found < 1000 {
		t.Errorf("only %d names of secrets", found)
	}
}
