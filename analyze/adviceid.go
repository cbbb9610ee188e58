package analyze

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
)

// identity makes a finding's ID from its rule, its kind and its step, or its
// directory if the step is unknown. It does not use layer indexes or sizes, so
// that the ID stays the same in the next build.
func (ad *adviser) identity(f Finding, kind ...string) string {
	step := ad.step(f.Layer).stable
	if step == "" {
		step = f.Path
	}
	parts := append([]string{f.Rule}, kind...)
	if step != "" {
		parts = append(parts, step)
	}
	return strings.Join(parts, "/")
}

// maxStepInID is the maximum length of a step's text in an ID, in bytes.
const maxStepInID = 120

// stableStep returns a step's text without what differs between builds: the
// checksums that the classic builder writes for COPY and ADD. It shortens a
// long text to its start and a checksum.
func stableStep(step string) string {
	step = strings.Join(strings.Fields(dockerfile.WithoutSums(step)), " ")
	if len(step) <= maxStepInID {
		return step
	}
	h := fnv.New64a()
	h.Write([]byte(step))
	return fmt.Sprintf("%s… %016x", strings.ToValidUTF8(step[:maxStepInID], ""), h.Sum64())
}

// distinct numbers findings with the same ID in order: "…", "…#2".
func distinct(found []Finding) {
	count, taken := map[string]int{}, map[string]bool{}
	for i := range found {
		id := found[i].ID
		for count[id]++; taken[found[i].ID] || count[id] > 1 && found[i].ID == id; count[id]++ {
			found[i].ID = id + "#" + strconv.Itoa(count[id])
		}
		taken[found[i].ID] = true
	}
}
