package analyze

// A nesting tells in constant time whether a node is below another. It numbers
// nodes so that descendants follow their ancestor: they are the range from its
// number to its end. Climbing from node to node takes time proportional to the
// depth instead.
type nesting struct {
	t       *Tree
	at, end []int32 // by node
}

func newNesting(t *Tree) *nesting {
	x := &nesting{t: t, at: make([]int32, len(t.nodes)), end: make([]int32, len(t.nodes))}
	for n := len(t.nodes) - 1; n > 0; n-- { // children before their parents
		x.end[t.nodes[n].parent] += x.end[n] + 1
	}
	next := make([]int32, len(t.nodes)) // number of the next child, by parent
	x.end[Root]++
	next[Root] = 1
	for n := 1; n < len(t.nodes); n++ {
		up := t.nodes[n].parent
		x.at[n] = next[up]
		next[up] += x.end[n] + 1
		next[n] = x.at[n] + 1
		x.end[n] += next[n]
	}
	return x
}

// holds reports whether n is a or below a.
func (x *nesting) holds(a, n NodeID) bool { return x.at[a] <= x.at[n] && x.at[n] < x.end[a] }

// above returns the deepest common ancestor of a and b. It climbs from a, so a caller that passes
// the previous result as a climbs no step twice.
func (x *nesting) above(a, b NodeID) NodeID {
	for !x.holds(a, b) {
		a = x.t.nodes[a].parent
	}
	return a
}
