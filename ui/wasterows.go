package ui

import (
	"cmp"
	"slices"
)

// A wastePart is a run of rows: one group, or consecutive versions, of which there may be a
// million.
type wastePart struct {
	from     int // its first row
	group    *wasteGroup
	versions []int32
	depth    int
}

// fill lists the open groups. It takes time per group, not per version.
func (p *waste) fill() {
	p.parts, p.count, p.wide = p.parts[:0], 0, 0
	if p.sorted == nil {
		return
	}
	var groups []*wasteGroup
	switch p.grouping {
	case groupCause:
		groups = p.sorted.byCause
	case groupLayer:
		groups = p.sorted.byLayer
	case groupGone:
		p.add(wastePart{versions: p.sorted.gone.rows})
	default:
		p.add(wastePart{versions: p.sorted.all.rows})
	}
	for _, g := range groups {
		p.add(wastePart{group: g})
		if !p.opened[g] {
			continue
		}
		for _, kid := range g.kids {
			p.add(wastePart{group: kid, depth: 1})
			if p.opened[kid] {
				p.add(wastePart{versions: kid.rows, depth: 2})
			}
		}
	}
	p.list.resize(p.count, p.list.page)
}

func (p *waste) add(part wastePart) {
	part.from = p.count
	p.parts = append(p.parts, part)
	p.count += len(part.versions)
	if part.group != nil {
		p.count++
	}
}

// row returns row i, which must exist.
func (p *waste) row(i int) wasteRow {
	at, found := slices.BinarySearchFunc(p.parts, i, func(part wastePart, i int) int { return cmp.Compare(part.from, i) })
	if !found {
		at--
	}
	for part := &p.parts[at]; len(part.versions) == 0 && part.group == nil; part = &p.parts[at] {
		at++ // an empty run begins where the next one does
	}
	part := &p.parts[at]
	if part.group != nil {
		return wasteRow{group: part.group, depth: part.depth}
	}
	return wasteRow{waste: part.versions[i-part.from], depth: part.depth}
}

func (p *waste) current() (wasteRow, bool) {
	if p.cursor >= p.count {
		return wasteRow{}, false
	}
	return p.row(p.cursor), true
}
