package analyze

import "context"

// A Filter selects nodes of a view: those that satisfy all of its terms.
// ParseFilter parses one. The zero Filter selects every node.
//
// Most terms test a node's name, or the version that the view shows of it. A
// view of Everything shows all versions: there, a node matches if one of its
// versions satisfies all terms on versions together, and a negated term holds
// if no version satisfies its opposite.
type Filter struct {
	text  string
	terms []term
}

// A term is one condition.
type term struct {
	not bool
	// Exactly one is set. node makes a test for the nodes of a view; version tests a single
	// version.
	node    func(ctx context.Context, v *View) (nodeTest, error)
	version func(v *View, i int32) bool
	// slow marks a test to run only on nodes that pass all others.
	slow bool
}

// A nodeTest reports whether a node matches.
type nodeTest func(n NodeID) bool

// String returns the text of f with single spaces between terms.
func (f Filter) String() string { return f.text }

// Empty reports whether f selects every node.
func (f Filter) Empty() bool { return len(f.terms) == 0 }

// A filterRun is a filter prepared for one view.
type filterRun struct {
	v        *View
	tests    []nodeTest
	want     []bool // the wanted result of each test
	all      []func(v *View, i int32) bool
	nowhere  []func(v *View, i int32) bool
	everyOne bool // all versions of a node count, not only the visible one
}

// ready prepares f for v: it matches names, for example.
func (f Filter) ready(ctx context.Context, v *View) (*filterRun, error) {
	r := &filterRun{v: v, everyOne: v.spec.Mode == Everything}
	for _, slow := range []bool{false, true} {
		for _, t := range f.terms {
			switch {
			case t.slow != slow:
			case t.version != nil && t.not:
				r.nowhere = append(r.nowhere, t.version)
			case t.version != nil:
				r.all = append(r.all, t.version)
			default:
				test, err := t.node(ctx, v)
				if err != nil {
					return nil, err
				}
				r.tests, r.want = append(r.tests, test), append(r.want, !t.not)
			}
		}
	}
	return r, nil
}

// holds reports whether n matches; i is the version that the view shows.
func (r *filterRun) holds(n NodeID, i int32) bool {
	return r.versions(n, i) && r.names(n)
}

func (r *filterRun) names(n NodeID) bool {
	for i, test := range r.tests {
		if test(n) != r.want[i] {
			return false
		}
	}
	return true
}

// versions reports whether n satisfies the terms on versions.
func (r *filterRun) versions(n NodeID, shown int32) bool {
	if len(r.all) == 0 && len(r.nowhere) == 0 {
		return true
	}
	first, last := shown, shown
	if r.everyOne {
		from, to := r.v.t.versionRange(n)
		first, last = from, to-1
	}
	found := false
	for i := first; i <= last; i++ {
		for _, f := range r.nowhere {
			if f(r.v, i) {
				return false
			}
		}
		found = found || r.one(i)
	}
	return found
}

// one reports whether version i satisfies all terms on versions that are not negated.
func (r *filterRun) one(i int32) bool {
	for _, f := range r.all {
		if !f(r.v, i) {
			return false
		}
	}
	return true
}

// filtered is the extra data of a filtered view.
type filtered struct {
	filter  Filter
	from    *View  // the whole view
	in      bitmap // matching nodes
	matched int
	of      int    // number of nodes that the whole view shows themselves
	layers  []Sign // what each layer means to the matching nodes
}

// Filter returns the part of v that f selects: the matching nodes and their
// parent directories, with sums for that part. Signs stay those of v. Filtering
// a filtered view starts from the whole view. It takes one pass over all nodes,
// and the result is not cached. The error is the context's.
func (v *View) Filter(ctx context.Context, f Filter) (*View, error) {
	v = v.Whole()
	run, err := f.ready(ctx, v)
	if err != nil {
		return nil, err
	}
	t := v.t
	own := &filtered{filter: f, from: v, in: newBitmap(len(t.nodes)), layers: make([]Sign, len(t.layers))}
	out := *v
	out.filtered = own
	out.sums = make([]dirSum, t.dirs)
	for n := NodeID(len(t.nodes) - 1); n > Root; n-- {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var s dirSum
		i := v.showing(n)
		if i != none {
			own.of++
			if run.holds(n, i) {
				own.in.set(int(n))
				own.matched++
				s = v.alone(n)
				v.eachSign(n, 0, len(t.layers), func(layer int, s Sign) { own.layers[layer] = max(own.layers[layer], s) })
			}
		}
		dir := t.nodes[n].dir
		out.rise(&bunch{node: n, nodes: 1, dir: dir, parent: t.nodes[t.nodes[n].parent].dir}, s, i == none || isDir(t.versions, i))
	}
	return &out, nil
}

// Whole returns the view that v was filtered from, or v itself.
func (v *View) Whole() *View {
	if v.filtered != nil {
		return v.filtered.from
	}
	return v
}

// Filtered returns the filter of v; false if v is not filtered.
func (v *View) Filtered() (Filter, bool) {
	if v.filtered == nil {
		return Filter{}, false
	}
	return v.filtered.filter, true
}

// Matched returns the number of matching nodes, and the number of nodes that
// the whole view shows themselves, without the root. Only for filtered views.
func (v *View) Matched() (n, of int) { return v.filtered.matched, v.filtered.of }

// Matches reports whether n itself matches, and not only something below it. Only for filtered
// views.
func (v *View) Matches(n NodeID) bool { return v.filtered.in.has(int(n)) }

// LayerSigns returns the strongest sign of each layer among the matching nodes.
// Only for filtered views. The slice must not be modified.
func (v *View) LayerSigns() []Sign { return v.filtered.layers }
