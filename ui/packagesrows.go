package ui

import (
	"context"
	"errors"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/redact"
)

// unownedRow is the row for the content that no package owns.
const unownedRow int32 = -1

// unownedName is the name of that row.
const unownedName = "owned by no package"

// packageRows are the listed packages. They are computed once, off the event loop, and immutable.
type packageRows struct {
	all      *analyze.Packages
	versions []int32         // by package: the number of packages with its name and type
	listed   []int32         // indices in all, in order; unownedRow is the last
	sum      analyze.Package // totals of the listed packages
}

// row returns the package of a row.
func (r *packageRows) row(i int32) *analyze.Package {
	if i == unownedRow {
		return &r.all.Unowned
	}
	return &r.all.Rows[i]
}

// sameName returns the packages of the name and type of package i: itself and its
// other versions.
func (r *packageRows) sameName(i int32) []*analyze.Package {
	x := &r.all.Rows[i]
	first := int(i)
	for first > 0 && r.all.Rows[first-1].Name == x.Name { // they are by name
		first--
	}
	var out []*analyze.Package
	for j := first; j < len(r.all.Rows) && r.all.Rows[j].Name == x.Name; j++ {
		if r.all.Rows[j].Type == x.Type {
			out = append(out, &r.all.Rows[j])
		}
	}
	return out
}

// makePackageRows lists the packages of an image that contain a text, in order. The first time, it
// finds the packages, which takes some passes over the nodes. The error is the context's.
func makePackageRows(ctx context.Context, a *analyze.Analysis, only narrowing, order packageOrder) (*packageRows, error) {
	all, err := a.Packages(ctx)
	if err != nil {
		return nil, err
	}
	r := &packageRows{all: all, versions: countVersions(all.Rows)}
	for i := range all.Rows {
		x := &all.Rows[i]
		if only.on() && !only.holds(x.Name, x.Version, x.Type, packageState(x)) {
			continue
		}
		r.listed = append(r.listed, int32(i))
		r.add(x)
	}
	by, back := order.base()
	slices.SortStableFunc(r.listed, func(i, j int32) int {
		return by.compare(&all.Rows[i], &all.Rows[j], r.versions[i], r.versions[j])
	})
	if back {
		slices.Reverse(r.listed)
	}
	if len(a.Layers) > 0 && only.holds(unownedName) {
		r.listed = append(r.listed, unownedRow)
		r.add(&all.Unowned)
	}
	return r, ctx.Err()
}

func (r *packageRows) add(x *analyze.Package) {
	r.sum.Stored += x.Stored
	r.sum.Visible += x.Visible
	r.sum.Wasted += x.Wasted
	r.sum.Files += x.Files
}

// countVersions returns, for each package, the number of packages with its name and type. The
// packages are sorted by name.
func countVersions(rows []analyze.Package) []int32 {
	out := make([]int32, len(rows))
	for first := 0; first < len(rows); {
		end := first
		counts := map[string]int32{}
		for ; end < len(rows) && rows[end].Name == rows[first].Name; end++ {
			counts[rows[end].Type]++
		}
		for ; first < end; first++ {
			out[first] = counts[rows[first].Type]
		}
	}
	return out
}

// packageState says whether the last layer still has a package.
func packageState(x *analyze.Package) string {
	if x.Installed || x.Name == "" {
		return ""
	}
	return "removed"
}

// packagesMsg brings the requested packages.
type packagesMsg struct {
	p    *packages
	seq  int
	rows *packageRows
	err  error
}

func (msg packagesMsg) update() tea.Cmd { //nolint:unparam // like every pageMsg
	p := msg.p
	if msg.seq != p.seq {
		return nil
	}
	p.busy = false
	switch {
	case errors.Is(msg.err, context.Canceled):
	case msg.err != nil:
		p.failed = p.lk.line("cannot read the packages: " + redact.Text(msg.err.Error()))
	default:
		p.failed = ""
		p.install(msg.rows)
	}
	return nil
}

// rowsCmd computes the rows for the current filter and order.
func (p *packages) rowsCmd() tea.Cmd {
	p.seq++
	p.busy = true
	ctx, a, only, order, seq := p.h.context(), p.a, p.narrow, p.order, p.seq
	return func() tea.Msg {
		rows, err := makePackageRows(ctx, a, only, order)
		return packagesMsg{p, seq, rows, err}
	}
}
