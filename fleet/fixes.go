package fleet

import (
	"cmp"
	"context"
	"hash/maphash"

	"github.com/peelhq/peel/source"
)

// fixRows is how many findings are held at once. Where a plan has more, they are gone
// through several times, each time for a part of them that the hash of what mends them
// chooses: so the sums are exact and the memory is bounded.
const fixRows = 250_000

// A fixKey stands for what one change of a build mends: the hash of the rule, the path and
// the build step (or, where that is unknown, the layer).
type fixKey uint64

// fixSum holds the counts for a fixKey. It has no text: that is read again for the few
// that are shown.
type fixSum struct {
	part, row    int // of the first finding
	images       int64
	layers       int64
	saved, inAll int64
	lastImage    int64
}

// fixing looks for the fixes that save most.
type fixing struct {
	s    source.Objects
	plan *PlanFacts
	seed maphash.Seed
	top  []rankedFix
}

type rankedFix struct {
	key fixKey
	fixSum
}

// topFixes returns the fixes that save most in a plan's images, each layer counted once.
// What only another base image mends is no fix, nor is what saves nothing. About atOnce
// findings are held at once.
func topFixes(ctx context.Context, s source.Objects, plan *PlanFacts, atOnce int64) ([]Fix, error) {
	f := &fixing{s: s, plan: plan, seed: maphash.MakeSeed()}
	var rows int64
	for _, part := range plan.partsOf {
		t, err := OpenTable[FindingRow](ctx, s, f.table(part))
		if err != nil {
			return nil, err
		}
		rows += t.Len()
		if err := t.Close(); err != nil {
			return nil, err
		}
	}
	slices := uint64(rows/atOnce + 1)
	for i := range slices {
		if err := f.slice(ctx, i, slices); err != nil {
			return nil, err
		}
	}
	return f.named(ctx)
}

func (f *fixing) table(part string) string { return TablePrefix(FindingsTable, f.plan.ID) + part }

// mends reports whether the build of a finding's image can mend it, and by what.
func (f *fixing) mends(r *FindingRow) (fixKey, bool) {
	if r.OfBase || r.Bytes <= 0 {
		return 0, false
	}
	by := orZero(r.Step)
	if by == "" {
		by = orZero(r.Layer)
	}
	return fixKey(f.hash(r.Rule, orZero(r.Path), by)), true
}

func (f *fixing) hash(words ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(f.seed)
	for _, w := range words {
		_, _ = h.WriteString(w) // it never fails
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// slice goes through the findings whose key is i, modulo n.
func (f *fixing) slice(ctx context.Context, i, n uint64) error {
	type place struct {
		key fixKey
		in  uint64 // hash of the layer, or of the image where that is unknown
	}
	sums, seen := map[fixKey]*fixSum{}, map[place]struct{}{}
	for at, part := range f.plan.partsOf {
		row := -1
		err := EachRow(ctx, f.s, f.table(part), func(r *FindingRow) error {
			row++
			key, ok := f.mends(r)
			if !ok || uint64(key)%n != i {
				return nil
			}
			sum := sums[key]
			if sum == nil {
				sum = &fixSum{part: at, row: row, lastImage: -1}
				sums[key] = sum
			}
			sum.inAll += r.Bytes
			if sum.lastImage != r.Image { // an image's findings stand together
				sum.images++
				sum.lastImage = r.Image
			}
			where := place{key, f.hash(orZero(r.Layer))}
			if r.Layer == nil {
				where.in = uint64(r.Image)
			}
			if _, again := seen[where]; !again {
				seen[where] = struct{}{}
				sum.layers++
				sum.saved += r.Bytes
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for key, sum := range sums {
		f.top = keepTop(f.top, rankedFix{key, *sum}, summaryFixes, func(a, b *rankedFix) int {
			return cmp.Or(cmp.Compare(b.saved, a.saved), cmp.Compare(b.inAll, a.inAll), cmp.Compare(a.part, b.part), cmp.Compare(a.row, b.row))
		})
	}
	return nil
}

// named reads the text of the fixes that save most.
func (f *fixing) named(ctx context.Context) ([]Fix, error) {
	fixes := make([]Fix, len(f.top))
	wanted := map[int]bool{}
	for _, t := range f.top {
		wanted[t.part] = true
	}
	for at, part := range f.plan.partsOf {
		if !wanted[at] {
			continue
		}
		row, images := -1, map[int64][]int{}
		err := EachRow(ctx, f.s, f.table(part), func(r *FindingRow) error {
			row++
			for i, t := range f.top {
				if t.part == at && t.row == row {
					fixes[i] = Fix{Finding: *r, Images: t.images, Layers: t.layers, Saved: t.saved, InAll: t.inAll}
					images[r.Image] = append(images[r.Image], i)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		err = EachRow(ctx, f.s, TablePrefix(ImagesTable, f.plan.ID)+part, func(r *ImageRow) error {
			for _, i := range images[r.Image] {
				fixes[i].Image = r.Name
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return fixes, nil
}
