package analyze

import "github.com/peelhq/peel/internal/lazy"

// layerFacts are the matching keys of a layer, and its figures.
type layerFacts struct {
	id             string // its diffID; "" if unknown
	step           string // its build step; "" if unknown
	stored, wasted int64
}

// The classic builder writes a digest of the copied files into the step. The step counts as the
// same if only that differs.
var copiedDigest = lazy.New(`\b(file|dir|multi):[0-9a-f]{8,} in `)

// matchLayers pairs layers of two images: first by diffID, then by build step,
// then those with neither; among equals, the lowest first. The rows are in the
// order of after's layers; layers only in before keep their place.
func matchLayers(before, after []layerFacts) []LayerGrowth {
	m := layerMatch{before, after, make([]int, len(before)), make([]int, len(after))}
	for _, of := range [][]int{m.toAfter, m.toBefore} {
		for i := range of {
			of[i] = none
		}
	}
	m.pair(func(f *layerFacts) string { return f.id })
	m.pair(func(f *layerFacts) string { return copiedDigest.ReplaceAllString(f.step, "$1: in ") })
	m.pair(func(f *layerFacts) string {
		if f.id == "" && f.step == "" {
			return "unknown"
		}
		return ""
	})
	return m.rows()
}

// A layerMatch is a matching in progress: for each layer its counterpart, or none.
type layerMatch struct {
	before, after     []layerFacts
	toAfter, toBefore []int
}

// pair matches the remaining layers by a key; "" is no key.
func (m *layerMatch) pair(key func(*layerFacts) string) {
	waiting := map[string][]int{}
	for i := range m.before {
		if k := key(&m.before[i]); k != "" && m.toAfter[i] == none {
			waiting[k] = append(waiting[k], i)
		}
	}
	for j := range m.after {
		k := key(&m.after[j])
		if list := waiting[k]; k != "" && m.toBefore[j] == none && len(list) > 0 {
			m.toBefore[j], m.toAfter[list[0]] = list[0], j
			waiting[k] = list[1:]
		}
	}
}

func (m *layerMatch) rows() []LayerGrowth {
	rows := make([]LayerGrowth, 0, max(len(m.before), len(m.after)))
	next := 0 // next unmatched layer of before
	gone := func(upTo int) {
		for ; next < upTo; next++ {
			if b := &m.before[next]; m.toAfter[next] == none {
				rows = append(rows, LayerGrowth{Before: next, After: none, Step: b.step, Bytes: b.stored, Stored: -b.stored, Wasted: -b.wasted})
			}
		}
	}
	for j := range m.after {
		a, i := &m.after[j], m.toBefore[j]
		row := LayerGrowth{Before: i, After: j, Step: a.step, Bytes: a.stored, Stored: a.stored, Wasted: a.wasted}
		if i != none {
			gone(i)
			b := &m.before[i]
			row.Same = a.id != "" && a.id == b.id
			row.digests = a.id != "" && b.id != ""
			row.Stored -= b.stored
			row.Wasted -= b.wasted
		}
		rows = append(rows, row)
	}
	gone(len(m.before))
	return rows
}
