package analyze

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"

	"github.com/peelhq/peel/analyze/dockerfile"
)

// growthPaths is the maximum number of paths in a Growth.
const growthPaths = 1000

// A Baseline is an image to compare with. It holds the contents of the image's report, without
// its tree.
type Baseline struct {
	Figures Figures
	Layers  []BaselineLayer // lowest first
	Waste   []Waste         // in any order; Node is ignored
}

// A BaselineLayer is one layer of a Baseline.
type BaselineLayer struct {
	DiffID         string // "" if unknown
	Step           string // from BaselineStep; "" if unknown
	Stored, Wasted int64  // bytes
}

// GrowthSince compares a's figures with those of before. Both images must be
// open: see Compare. name is what the result calls before.
func (a *Analysis) GrowthSince(ctx context.Context, name string, before *Analysis) (*Growth, error) {
	d, err := Compare(ctx, Final(before), Final(a), growthPaths)
	if err != nil {
		return nil, err
	}
	g := &Growth{Baseline: name, Before: before.figures(), After: a.figures(), Layers: d.Layers, PathsKnown: true}
	g.Paths, g.Grown = d.growths(), d.Grown
	g.NewWaste, g.GoneWaste = compareWaste(before.Waste, a.Waste, nil)
	return g, nil
}

// growths returns the paths whose visible bytes differ.
func (d *Difference) growths() []PathGrowth {
	var out []PathGrowth
	for i := range d.Paths {
		p := &d.Paths[i]
		if p.Growth() == 0 {
			break // the following ones have not grown either
		}
		g := PathGrowth{Path: p.Path, Before: p.Before, After: p.After}
		if p.Change == Added {
			g.Before = -1
		}
		if p.Change == Removed {
			g.After = -1
		}
		out = append(out, g)
	}
	return out
}

// GrowthFrom compares a's figures with those of a baseline. A baseline has no information about
// single paths.
func (a *Analysis) GrowthFrom(name string, b *Baseline) *Growth {
	g := &Growth{Baseline: name, Before: b.Figures, After: a.figures()}
	before := make([]layerFacts, 0, len(b.Layers))
	for _, l := range b.Layers {
		before = append(before, layerFacts{id: l.DiffID, step: l.Step, stored: l.Stored, wasted: l.Wasted})
	}
	after := make([]layerFacts, 0, len(a.Layers))
	for _, l := range a.Layers {
		after = append(after, layerFacts{id: asText(l.Layer.DiffID), step: BaselineStep(l.Layer.Step.Command), stored: l.Stored, wasted: l.Wasted})
	}
	g.Layers = matchLayers(before, after)
	g.NewWaste, g.GoneWaste = compareWaste(RowsOf(b.Waste), a.Waste, asText)
	return g
}

// BaselineStep returns the key that matches layers of a report: the instruction of its command
// without secrets. It is the same for the raw command and for the text in a report, whether or
// not that report masks secrets (older ones do not).
func BaselineStep(command string) string {
	return Masked(dockerfile.Instruction(Masked(asText(command))))
}

// asText returns s as it appears in a report: each invalid UTF-8 byte becomes U+FFFD.
func asText(s string) string { return string([]rune(s)) }

// figures are the image's.
func (a *Analysis) figures() Figures {
	t := &a.Totals
	return Figures{
		Layers: t.Layers, Entries: t.Entries, Stored: t.Stored, Visible: t.Visible, Wasted: t.Wasted,
		Efficiency: t.Efficiency, Compressed: t.Compressed, UserStored: t.UserStored, UserWasted: t.UserWasted,
	}
}

// compareWaste returns the waste that was added and removed. It matches rows
// with the same path and cause: first rows of equal size, then the rest,
// largest first, which yield a row with the difference. So the results add up
// to the difference in total waste. form converts a path of after to before's
// form; nil: no conversion.
func compareWaste(before, after WasteRows, form func(string) string) (come, gone []Waste) {
	seeds := [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	b, a := keyedRows(before, seeds, nil), keyedRows(after, seeds, form)
	for len(b) > 0 || len(a) > 0 {
		var order int
		switch {
		case len(b) == 0:
			order = 1
		case len(a) == 0:
			order = -1
		default:
			order = b[0].compareKey(&a[0])
		}
		nb, na := 0, 0
		if order <= 0 {
			nb = run(b)
		}
		if order >= 0 {
			na = run(a)
		}
		come, gone = matchWaste(come, b[:nb], a[:na], 1), matchWaste(gone, b[:nb], a[:na], -1)
		b, a = b[nb:], a[na:]
	}
	return sortWaste(come), sortWaste(gone)
}

// keyedWaste is a row with a key for its path: two hashes with unpredictable seeds. The paths
// themselves are not kept, because there may be millions, of 65,535 bytes each.
type keyedWaste struct {
	rows  *WasteRows
	row   int
	bytes int64
	sums  [2]uint64
	cause Cause
}

// waste returns the row.
func (w *keyedWaste) waste() Waste { return w.rows.At(w.row) }

func (w *keyedWaste) compareKey(x *keyedWaste) int {
	return cmp.Or(cmp.Compare(w.sums[0], x.sums[0]), cmp.Compare(w.sums[1], x.sums[1]), cmp.Compare(w.cause, x.cause))
}

// run returns how many rows at the start have the same path and cause.
func run(rows []keyedWaste) int {
	n := 1
	for n < len(rows) && rows[n].compareKey(&rows[0]) == 0 {
		n++
	}
	return n
}

// keyedRows sorts rows by path and cause, then by bytes, largest first.
func keyedRows(rows WasteRows, seeds [2]maphash.Seed, form func(string) string) []keyedWaste {
	out := make([]keyedWaste, rows.Len())
	for i, w := range rows.All() {
		path := w.Path()
		if form != nil {
			path = form(path)
		}
		out[i] = keyedWaste{&rows, i, w.Bytes, [2]uint64{maphash.String(seeds[0], path), maphash.String(seeds[1], path)}, w.Cause}
	}
	slices.SortFunc(out, func(a, b keyedWaste) int {
		return cmp.Or(a.compareKey(&b), cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.row, b.row))
	})
	return out
}

// matchWaste compares after's and before's rows for one path and cause, and appends the excess of
// after to dst; with sign -1, the excess of before.
func matchWaste(dst []Waste, before, after []keyedWaste, sign int64) []Waste {
	before, after = unlike(before, after)
	for i := range max(len(before), len(after)) {
		var w Waste
		var bytes int64
		if i < len(before) {
			w, bytes = before[i].waste(), -before[i].bytes
		}
		if i < len(after) {
			if sign > 0 || i >= len(before) {
				w = after[i].waste()
			}
			bytes += after[i].bytes
		}
		if w.Bytes = sign * bytes; w.Bytes > 0 {
			dst = append(dst, w)
		}
	}
	return dst
}

// unlike removes rows of equal size from both lists.
func unlike(before, after []keyedWaste) (b, a []keyedWaste) {
	for len(before) > 0 && len(after) > 0 {
		switch x, y := before[0], after[0]; {
		case x.bytes == y.bytes:
			before, after = before[1:], after[1:]
		case x.bytes > y.bytes:
			b, before = append(b, x), before[1:]
		default:
			a, after = append(a, y), after[1:]
		}
	}
	return append(b, before...), append(a, after...)
}
