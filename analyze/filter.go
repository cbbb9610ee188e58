package analyze

import "context"

// A Filter chooses nodes of a view: those for which all of its terms hold.
// ParseFilter makes one of text. The zero Filter holds for every node.
//
// Most terms speak of what a node is called, or of the version that the view
// shows of it. A view of Everything shows all versions: there the terms on
// versions, together, hold for a node if they all hold for one of its versions,
// and a negated one holds if its opposite holds for none.
type Filter struct {
	text  string
	terms []term
}

// A term is one condition.
type term struct {
	not bool
	// One of these is set. node makes a test on the nodes of a view; version
	// holds for a version by itself.
	node    func(ctx context.Context, v *View) (nodeTest, error)
	version func(v *View, i int32) bool
	// slow says that the test is to be made only of what passes all others.
	slow bool
}

// A nodeTest tells whether a node is of interest.
type nodeTest func(n NodeID) bool

// String returns the text that f was made of, its terms a space apart.
func (f Filter) String() string { return f.text }

// Empty reports whether f holds for every node.
func (f Filter) Empty() bool { return len(f.terms) == 0 }

// A filterRun is a filter made ready for one view.
type filterRun struct {
	v        *View
	tests    []nodeTest
	want     []bool // what each test is to say
	all      []func(v *View, i int32) bool
	nowhere  []func(v *View, i int32) bool
	everyOne bool // all versions of a node count, not only the one that shows
}

// ready makes f ready for v: names are matched, and so on.
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

// holds reports whether the filter holds for n, of which the view shows version
// i.
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

// versions reports whether the terms on versions hold.
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

// one reports whether all terms on versions that are not negated hold for
// version i.
func (r *filterRun) one(i int32) bool {
	for _, f := range r.all {
		if !f(r.v, i) {
			return false
		}
	}
	return true
}

// filtered is what a view has of its own when a filter made it.
type filtered struct {
	filter  Filter
	from    *View  // the whole view
	in      bitmap // the nodes for which the filter holds
	matched int
	of      int    // nodes that the whole view shows for themselves
	layers  []Sign // what each layer means to the nodes that match
}

// Filter returns the part of v that f chooses: the nodes of v for which it holds,
// and the directories above them, with the sums of what is left. Signs stay
// those of v. A filtered view is filtered anew, not further. It takes one pass
// over all nodes, and is not kept; the error is the context's.
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

// Whole returns the view that v was filtered from; v itself if it is whole.
func (v *View) Whole() *View {
	if v.filtered != nil {
		return v.filtered.from
	}
	return v
}

// Filtered returns the filter that made v; false if it is whole.
func (v *View) Filtered() (Filter, bool) {
	if v.filtered == nil {
		return Filter{}, false
	}
	return v.filtered.filter, true
}

// Matched returns for how many nodes the filter holds, and of how many: those
// that the whole view shows for themselves, the root not counted. It is for
// filtered views.
func (v *View) Matched() (n, of int) { return v.filtered.matched, v.filtered.of }

// Matches reports whether the filter holds for n itself, and not only for
// something below it. It is for filtered views.
func (v *View) Matches(n NodeID) bool { return v.filtered.in.has(int(n)) }

// LayerSigns returns what each layer means to the nodes for which the filter
// holds: the strongest sign of theirs. It is for filtered views; the slice is
// the view's own.
func (v *View) LayerSigns() []Sign { return v.filtered.layers }
