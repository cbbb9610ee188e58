package analyze

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"

	"github.com/peelhq/peel/analyze/dockerfile"
)

// growthPaths is how many paths a Growth lists.
const growthPaths = 1000

// A Baseline is an image that another is compared with. It holds what a report of
// the image says, without its tree.
type Baseline struct {
	Figures Figures
	Layers  []BaselineLayer // lowest first
	Waste   []Waste         // in any order; Node does not count
}

// A BaselineLayer is one layer of a Baseline.
type BaselineLayer struct {
	DiffID         string // "" if unknown
	Step           string // as BaselineStep gives it; "" if unknown
	Stored, Wasted int64  // bytes
}

// GrowthSince returns what a's figures are against those of before, an image
// that must be open, as a must: see Compare. name is what before is called in the
// result.
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

// growths are the paths whose visible bytes differ.
func (d *Difference) growths() []PathGrowth {
	var out []PathGrowth
	for i := range d.Paths {
		p := &d.Paths[i]
		if p.Growth() == 0 {
			break // those that follow have not grown either
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

// GrowthFrom returns what a's figures are against those of a baseline, which
// name is for. Of single paths a baseline knows nothing.
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

// BaselineStep returns what layers are matched by when one is known from a report: the
// instruction of its command, without secrets. It is the same of the raw command and
// of what a report says for it, whether that report hides secrets, as those of today
// do, or not.
func BaselineStep(command string) string {
	return Masked(dockerfile.Instruction(Masked(asText(command))))
}

// asText returns s as it comes out of a report: of bytes that are no UTF-8, each
// is U+FFFD there.
func asText(s string) string { return string([]rune(s)) }

// figures are the image's.
func (a *Analysis) figures() Figures {
	t := &a.Totals
	return Figures{
		Layers: t.Layers, Entries: t.Entries, Stored: t.Stored, Visible: t.Visible, Wasted: t.Wasted,
		Efficiency: t.Efficiency, Compressed: t.Compressed, UserStored: t.UserStored, UserWasted: t.UserWasted,
	}
}

// compareWaste returns the waste that came and that went. A row of either is
// matched with one of the same path and cause: of the same bytes, else, largest
// first, of others, and then the row stands with the bytes that came on top or
// went. So the two add up to the difference of all waste. form makes of a path of
// after what before has for it; nil: nothing.
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

// keyedWaste is a row with what stands for its path when rows are matched: two sums
// of it, with seeds that nobody can know before. Millions of rows may have paths of
// 65,535 bytes each.
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

// run returns how many rows, from the first on, have its path and cause.
func run(rows []keyedWaste) int {
	n := 1
	for n < len(rows) && rows[n].compareKey(&rows[0]) == 0 {
		n++
	}
	return n
}

// keyedRows orders rows so that those of one path and cause stand together, by
// bytes, largest first.
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

// matchWaste appends to dst what after's rows, which are of one path and cause
// with before's, have more of; with sign -1, what they have less of.
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

// unlike leaves out the rows of both that have the same bytes.
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
