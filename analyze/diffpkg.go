package analyze

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// A PackageDifference is a package that only one union has, or with different versions. Sizes are
// visible bytes.
type PackageDifference struct {
	Name, Type    string
	Change        Change // Added, Removed, or Modified for a different version
	Before, After string // versions, joined with ", "; "" if missing or unknown

	BeforeBytes, AfterBytes int64
}

// Growth returns the growth of the package in visible bytes.
func (p *PackageDifference) Growth() int64 { return p.AfterBytes - p.BeforeBytes }

// installed are the versions of a package in a union, and their bytes.
type installed struct {
	versions []string
	bytes    int64
}

// comparePackagesOf returns the differences between the packages of two unions, the largest
// first.
func comparePackagesOf(ctx context.Context, before, after Side) ([]PackageDifference, error) {
	old, err := installedIn(ctx, before)
	if err != nil {
		return nil, err
	}
	now, err := installedIn(ctx, after)
	if err != nil {
		return nil, err
	}
	var out []PackageDifference
	for key, b := range old {
		a, both := now[key]
		switch {
		case !both:
			out = append(out, PackageDifference{Name: key.name, Type: key.typ, Change: Removed, Before: b.text(), BeforeBytes: b.bytes})
		case !slices.Equal(b.versions, a.versions):
			out = append(out, PackageDifference{Name: key.name, Type: key.typ, Change: Modified, Before: b.text(), After: a.text(), BeforeBytes: b.bytes, AfterBytes: a.bytes})
		}
	}
	for key, a := range now {
		if _, both := old[key]; !both {
			out = append(out, PackageDifference{Name: key.name, Type: key.typ, Change: Added, After: a.text(), AfterBytes: a.bytes})
		}
	}
	slices.SortFunc(out, func(a, b PackageDifference) int {
		return cmp.Or(cmp.Compare(abs(b.Growth()), abs(a.Growth())), strings.Compare(a.Name, b.Name), strings.Compare(a.Type, b.Type))
	})
	return out, nil
}

func (i *installed) text() string { return strings.Join(i.versions, ", ") }

// installedIn returns the packages in the database that is current in a union.
func installedIn(ctx context.Context, s Side) (map[packageKey]*installed, error) {
	p, err := s.Analysis.Packages(ctx)
	if err != nil {
		return nil, err
	}
	visible := p.visibleAt(s.At)
	out := map[packageKey]*installed{}
	for i := range p.Rows {
		x := &p.Rows[i]
		if !x.InstalledAt(s.At) {
			continue
		}
		key := packageKey{name: x.Name, typ: x.Type}
		if out[key] == nil {
			out[key] = &installed{}
		}
		if x.Version != "" {
			out[key].versions = append(out[key].versions, x.Version) // rows are by name and version
		}
		out[key].bytes += visible[i]
	}
	return out, nil
}

// visibleAt returns each row's visible bytes in the union after layer k.
func (p *Packages) visibleAt(k int) []int64 {
	out := make([]int64, len(p.Rows))
	var rows []int32
	for i := range p.t.versions {
		v := &p.t.versions[i]
		bytes := p.t.carried(int32(i))
		if bytes == 0 || int(v.layer) > k || int(p.t.deadFrom(v)) <= k {
			continue
		}
		if rows = p.rowsOf(rows[:0], int32(i)); len(rows) > 0 {
			out[rows[0]] += bytes
		}
	}
	return out
}
