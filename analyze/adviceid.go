package analyze

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
)

// identity makes a finding's ID of its rule, of what kind it is, and of its
// step; where no step is known, of the directory that it is about. Neither
// layers' indices nor sizes go into it, so that the next build has the same.
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

// maxStepInID bounds a step's text in an ID, in bytes.
const maxStepInID = 120

// stableStep returns a step's text without what differs from build to build: the
// sums that the classic builder puts for what COPY and ADD copied. Of a long one
// it keeps the beginning and a sum.
func stableStep(step string) string {
	step = strings.Join(strings.Fields(dockerfile.WithoutSums(step)), " ")
	if len(step) <= maxStepInID {
		return step
	}
	h := fnv.New64a()
	h.Write([]byte(step))
	return fmt.Sprintf("%s… %016x", strings.ToValidUTF8(step[:maxStepInID], ""), h.Sum64())
}

// distinct numbers findings of one ID: "…", "…#2", in the order in which they
// stand.
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
