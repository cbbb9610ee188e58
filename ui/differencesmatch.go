package ui

import (
	"context"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// sumMatched computes the sums for what a filter leaves.
func sumMatched(t *analyze.DiffTree, matched []bool) []diffSum {
	sums := make([]diffSum, t.Len())
	for i := t.Len() - 1; i >= 0; i-- {
		if matched[i] {
			sums[i].matched++
			if t.End(i) == i+1 { // otherwise the bytes belong to what is below
				sums[i].moved, sums[i].before, sums[i].after = t.Sizes(i)
			}
		}
		if i > 0 {
			above := &sums[t.Parent(i)]
			above.moved += sums[i].moved
			above.before += sums[i].before
			above.after += sums[i].after
			above.matched += sums[i].matched
		}
	}
	return sums
}

// matchDiff returns which nodes match a filter. "change:" is about the change of a path between the
// two images. All other terms are about what either image shows at the path.
func matchDiff(ctx context.Context, c *compared, text string) ([]bool, error) {
	changes, rest, err := splitChanges(text)
	if err != nil {
		return nil, err
	}
	filter, err := analyze.ParseFilter(rest)
	if err != nil {
		return nil, err
	}
	var views [2]*analyze.View
	if !filter.Empty() {
		for i, s := range c.sides {
			if s.At < 0 {
				continue
			}
			if views[i], err = s.Analysis.Tree.View(analyze.Spec{Mode: analyze.Union, At: s.At}).Filter(ctx, filter); err != nil {
				return nil, err
			}
		}
	}
	matched := make([]bool, c.tree.Len())
	for i := 1; i < len(matched); i++ {
		change := c.tree.Change(i)
		if change == analyze.Identical || slices.ContainsFunc(changes, func(want changeTerm) bool { return !want.holds(change) }) {
			continue
		}
		before, inBefore, after, inAfter := c.tree.Nodes(i)
		matched[i] = filter.Empty() ||
			inBefore && views[then] != nil && change != analyze.Added && views[then].Matches(before) ||
			inAfter && views[now] != nil && change != analyze.Removed && views[now].Matches(after)
	}
	return matched, ctx.Err()
}

// A changeTerm is a term of a filter on the change of a path.
type changeTerm struct {
	not  bool
	want []analyze.Change
}

func (t changeTerm) holds(c analyze.Change) bool { return slices.Contains(t.want, c) != t.not }

// splitChanges separates the terms on changes from a filter.
func splitChanges(text string) (changes []changeTerm, rest string, err error) {
	var others []string
	for word := range strings.FieldsSeq(text) {
		plain, not := strings.CutPrefix(word, "!")
		value, ok := strings.CutPrefix(plain, "change:")
		if !ok {
			others = append(others, word)
			continue
		}
		t := changeTerm{not: not}
		for name := range strings.SplitSeq(value, ",") {
			i := slices.IndexFunc(diffChanges[:], func(c analyze.Change) bool { return c.String() == name })
			if i < 0 {
				return nil, "", fmt.Errorf("unknown change %q: it is added, removed, modified or metadata", name)
			}
			t.want = append(t.want, diffChanges[i])
		}
		changes = append(changes, t)
	}
	if len(changes) == 0 {
		return nil, text, nil
	}
	return changes, strings.Join(others, " "), nil
}

// diffChanges are the possible changes of a path that differs.
var diffChanges = [...]analyze.Change{analyze.Added, analyze.Removed, analyze.Modified, analyze.Metadata}

// diffFoundMsg brings the nodes that contain a text.
type diffFoundMsg struct {
	p     *differences
	seq   int
	nodes []int32 // in the order of the tree
	first int     // index in nodes of the first one that isn't before the start of the search
}

func (msg diffFoundMsg) update() tea.Cmd {
	if msg.seq != msg.p.searched {
		return nil
	}
	return msg.p.found(msg)
}

// searchCmd finds the paths that contain a text, in one pass over the tree. The search begins at a
// node.
func (p *differences) searchCmd(text string, from int32) tea.Cmd {
	p.searched++
	p.finding = true
	ctx, rows, seq := p.h.context(), p.rows, p.searched
	return func() tea.Msg {
		msg := diffFoundMsg{p: p, seq: seq}
		fold := text == strings.ToLower(text)
		t := rows.c.tree
		holds := make([]bool, t.Len())
		slash := strings.Contains(text, "/")
		for i := 1; i < t.Len(); i++ {
			if i%4096 == 0 && ctx.Err() != nil {
				return msg
			}
			name := t.Name(i)
			if slash {
				name = t.Path(i)
			}
			if fold {
				name = strings.ToLower(name)
			}
			holds[i] = strings.Contains(name, text) && rows.shows(int32(i))
		}
		found := holds[from]
		holds[from] = true // to know which nodes come before it
		msg.nodes = rows.inOrder(holds)
		msg.first = max(slices.Index(msg.nodes, from), 0)
		if !found && msg.first < len(msg.nodes) && msg.nodes[msg.first] == from {
			if msg.nodes = slices.Delete(msg.nodes, msg.first, msg.first+1); msg.first == len(msg.nodes) {
				msg.first = 0
			}
		}
		return msg
	}
}

// inOrder sorts nodes in the order that their rows have when all directories are open.
func (r *diffRows) inOrder(wanted []bool) []int32 {
	below := make([]int32, r.c.tree.Len()+1) // the number of them before a node
	for i, w := range wanted {
		below[i+1] = below[i]
		if w {
			below[i+1]++
		}
	}
	var out []int32
	var walk func(i int32)
	walk = func(i int32) {
		if below[r.c.tree.End(int(i))] == below[i] {
			return
		}
		if wanted[i] {
			out = append(out, i)
		}
		for _, k := range r.kids(i) {
			walk(k)
		}
	}
	walk(0)
	return out
}
