package fleet

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"strings"
)

// A Shard is one of Of parts of the work on a plan. Number counts from 0.
type Shard struct{ Number, Of int }

// MaxShards is the maximum of Shard.Of.
const MaxShards = 100_000

// layerCost is what a layer costs besides its own bytes, in bytes, for requests and an object.
const layerCost = 256 << 10

// A unit is work that one shard does as a whole: a layer in a registry or, elsewhere, all layers
// that come from one image, so that the image is opened once.
type unit struct {
	key   string
	bytes int64
}

// unitOf returns the key of the unit that a layer belongs to.
func unitOf(l *PlanLayer) string {
	if strings.HasPrefix(l.From, "registry://") {
		return l.Layer
	}
	return l.From + "\x00" + l.Platform
}

// share returns the units of a shard. To balance the shards by bytes, each unit, the largest first,
// goes to the shard that has least. The result depends only on the plan.
func (p *Plan) share(ctx context.Context, s Shard) (map[string]bool, error) {
	bytes := map[string]int64{}
	err := p.Each(ctx, nil, func(l *PlanLayer) error {
		bytes[unitOf(l)] += l.Bytes + layerCost
		return nil
	})
	if err != nil {
		return nil, err
	}
	units := make([]unit, 0, len(bytes))
	for key, n := range bytes {
		units = append(units, unit{key, n})
	}
	slices.SortFunc(units, func(a, b unit) int { return cmp.Or(cmp.Compare(b.bytes, a.bytes), strings.Compare(a.key, b.key)) })
	loads := make(loadHeap, s.Of)
	for i := range loads {
		loads[i].shard = i
	}
	mine := map[string]bool{}
	for _, u := range units {
		if loads[0].shard == s.Number {
			mine[u.key] = true
		}
		loads[0].bytes += u.bytes
		heap.Fix(&loads, 0)
	}
	return mine, nil
}

// A loadHeap has the shard with the least load first.
type loadHeap []struct {
	shard int
	bytes int64
}

func (h loadHeap) Len() int { return len(h) }

func (h loadHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].bytes, h[j].bytes), cmp.Compare(h[i].shard, h[j].shard)) < 0
}

func (h loadHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *loadHeap) Push(any)     {} // nothing is ever added
func (h *loadHeap) Pop() any     { return nil }
