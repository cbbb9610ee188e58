package analyze

// A nesting tells in one step whether a node lies below another. Nodes are
// numbered so that those below one follow it: they are those from its number up
// to its end. Climbing from node to node instead takes as long as paths are deep.
type nesting struct {
	t       *Tree
	at, end []int32 // by node
}

func newNesting(t *Tree) *nesting {
	x := &nesting{t: t, at: make([]int32, len(t.nodes)), end: make([]int32, len(t.nodes))}
	for n := len(t.nodes) - 1; n > 0; n-- { // children before their parents
		x.end[t.nodes[n].parent] += x.end[n] + 1
	}
	next := make([]int32, len(t.nodes)) // the number of the next child, by parent
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

// holds reports whether n is a or lies below it.
func (x *nesting) holds(a, n NodeID) bool { return x.at[a] <= x.at[n] && x.at[n] < x.end[a] }

// above returns the deepest node that is at or above both a and b. It climbs from
// a: a caller that asks for a again with what came out climbs no step twice.
func (x *nesting) above(a, b NodeID) NodeID {
	for !x.holds(a, b) {
		a = x.t.nodes[a].parent
	}
	return a
}
