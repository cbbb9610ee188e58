package analyze

import (
	"slices"
	"strings"

	"github.com/peelhq/peel/source"
)

// A place is the target of a directory from a layer on, after symlinks such as /lib. none:
// nowhere.
type place struct {
	from int
	node NodeID
}

// dir returns the places of a directory by layer, for a path in a database. The first place is
// valid from layer 0 on.
func (f *packageFinder) dir(p string) []place {
	if all, ok := f.dirs[p]; ok {
		return all
	}
	at := strings.LastIndexByte(p, '/')
	if at < 0 {
		return nil
	}
	out := f.step(f.dir(p[:at]), len(f.t.layers), p[at+1:], 0)
	f.dirs[strings.Clone(p)] = out
	return out
}

// eachPlace calls fn with every node that a directory leads to in a half-open range of layers,
// and with the layers.
func (f *packageFinder) eachPlace(dir string, from, until int, fn func(n NodeID, from, until int)) {
	places := f.dir(dir)
	for i, p := range places {
		begin, end := max(p.from, from), until
		if i+1 < len(places) {
			end = min(end, places[i+1].from)
		}
		if p.node != none && begin < end {
			fn(p.node, begin, end)
		}
	}
}

// step goes one name further from places that are valid up to a layer.
func (f *packageFinder) step(above []place, end int, name string, links int) (out []place) {
	for i, a := range above {
		until := end
		if i+1 < len(above) {
			until = above[i+1].from
		}
		out = f.below(out, a, until, name, links)
	}
	return out
}

// below appends the targets of a name in a directory while the directory is valid.
func (f *packageFinder) below(out []place, dir place, end int, name string, links int) []place {
	switch {
	case name == "" || name == "." || dir.node == none:
		return addPlace(out, dir)
	case name == "..":
		return addPlace(out, place{dir.from, f.t.Parent(dir.node)})
	}
	n, ok := f.t.child(dir.node, name)
	if !ok {
		return addPlace(out, place{dir.from, none})
	}
	first, to := f.t.versionRange(n)
	vs := f.t.versions[first:to]
	if !slices.ContainsFunc(vs, func(v version) bool { return v.kind == source.Symlink && v.change != Removed }) {
		return addPlace(out, place{dir.from, n})
	}
	// The layers in which the name changes.
	from := dir.from
	for i := upTo(vs, from); ; i++ {
		for i < len(vs) && vs[i].flags&duplicate != 0 {
			i++
		}
		until := end
		if i < len(vs) {
			until = min(end, int(vs[i].layer))
		}
		for _, p := range f.leads(n, place{from, dir.node}, until, links) {
			out = addPlace(out, p)
		}
		if until >= end || len(out) >= maxPlaces {
			return out
		}
		from = until
	}
}

// addPlace appends a place unless it equals the last one.
func addPlace(out []place, p place) []place {
	if last := len(out) - 1; last < 0 || out[last].node != p.node && len(out) < maxPlaces {
		if last >= 0 && out[last].from == p.from {
			out[last] = p
			return out
		}
		return append(out, p)
	}
	return out
}

// leads returns the directories that a node leads to in a half-open range of layers without
// changes: itself, or the target of the symlink. A missing directory leads to itself.
func (f *packageFinder) leads(n NodeID, dir place, end, links int) []place {
	v, ok := f.t.At(n, dir.from)
	if !ok || v.Kind() != source.Symlink {
		return []place{{dir.from, n}}
	}
	if links++; links > maxLinks || f.linkWork > maxLinkWork {
		return []place{{dir.from, none}}
	}
	target, _ := v.Target()
	at := []place{dir}
	if strings.HasPrefix(target, "/") {
		at[0].node = Root
	}
	for part := range strings.SplitSeq(target, "/") {
		f.linkWork++
		at = f.step(at, end, part, links)
	}
	return at
}

// claimNode records that a holder lists a node, unless it only ever was a directory.
func (f *packageFinder) claimNode(n NodeID, h int32, from, to int) {
	first, end := f.t.versionRange(n)
	if !slices.ContainsFunc(f.t.versions[first:end], func(v version) bool { return v.kind != source.Dir && v.change != Removed }) || f.count[n] >= maxClaims {
		return
	}
	if f.first[n] != none { // few nodes are listed twice
		if f.count[n]++; f.count[n] == maxClaims {
			f.flaw(from, f.t.Path(n), "listed by more packages than are looked at")
		}
	}
	f.claims = append(f.claims, claim{holder: h, from: int32(from), to: int32(to), next: f.first[n]})
	f.first[n] = int32(len(f.claims) - 1)
}

// claimTree records that a holder lists everything below a node.
func (f *packageFinder) claimTree(n NodeID, h int32, from, to int) {
	if all := f.trees[n]; len(all) < maxClaims {
		f.trees[n] = append(all, claim{holder: h, from: int32(from), to: int32(to)})
	}
}
