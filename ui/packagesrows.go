package ui

import (
	"context"
	"errors"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/redact"
)

// unownedRow stands among the rows for what no package owns.
const unownedRow int32 = -1

// unownedName is what that is called.
const unownedName = "owned by no package"

// packageRows are the packages that are listed. They are made once, off the event
// loop, and not changed.
type packageRows struct {
	all      *analyze.Packages
	versions []int32         // by package: how many of its name and type there are
	listed   []int32         // of all, in order; unownedRow is the last
	sum      analyze.Package // of what is listed
}

// row returns what a row is about.
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

// makePackageRows lists the packages of an image that hold a text, in order. It finds
// them out if nobody has asked for them, which takes some passes over the nodes. The
// error is the context's.
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

// countVersions returns of each package how many there are of its name and type. They
// come by name.
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

// packagesMsg brings the packages that were asked for.
type packagesMsg struct {
	p    *packages
	seq  int
	rows *packageRows
	err  error
}

func (msg packagesMsg) update() tea.Cmd { //nolint:unparam // as every pageMsg
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

// rowsCmd has the packages listed as they are to be listed now.
func (p *packages) rowsCmd() tea.Cmd {
	p.seq++
	p.busy = true
	ctx, a, only, order, seq := p.h.context(), p.a, p.narrow, p.order, p.seq
	return func() tea.Msg {
		rows, err := makePackageRows(ctx, a, only, order)
		return packagesMsg{p, seq, rows, err}
	}
}
