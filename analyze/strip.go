package analyze

import "github.com/peelhq/peel/source"

// A Sign is what a layer means to a path, in the shadow strip.
type Sign uint8

// The signs, weakest first: a directory's is the strongest of what lies below.
const (
	SignNothing Sign = iota // the layer says nothing of it
	SignRemoved             // removed here
	SignCovered             // a version that does not show in the view's union
	SignShows               // the version that shows
)

// signMaps are the bitmaps of a directory's strip: one bit a layer for each of
// SignRemoved, SignCovered and SignShows.
const signMaps = 3

func signWords(layers int) int { return (layers + 63) / 64 }

// dirSigns returns the bitmaps of a directory.
func (v *View) dirSigns(dir int32) []uint64 {
	size := signMaps * signWords(len(v.t.layers))
	return v.signs[int(dir)*size : (int(dir)+1)*size]
}

// ownSigns sets the bits of a node's own versions.
func (v *View) ownSigns(vs []version, above bool, bits []uint64) {
	words := len(bits) / signMaps
	v.signsOf(vs, above, func(layer int, s Sign) {
		bits[(int(s)-1)*words+layer/64] |= 1 << (layer % 64)
	})
}

// eachSign calls f for each of n's own versions.
func (v *View) eachSign(n NodeID, f func(layer int, s Sign)) {
	from, to := v.t.versionRange(n)
	v.signsOf(v.t.versions[from:to], v.t.hasChildren(n), f)
}

// signsOf calls f for each version of a node. Where things lie below the node, its
// versions as a directory are left out: every layer names the parents of what
// it changes again, and that says nothing.
func (v *View) signsOf(vs []version, above bool, f func(layer int, s Sign)) {
	shown := latest(vs, v.at)
	for i := range vs {
		version := &vs[i]
		switch {
		case version.change == Removed:
			f(int(version.layer), SignRemoved)
		case version.kind == source.Dir && above:
		case int32(i) == shown:
			f(int(version.layer), SignShows)
		default:
			f(int(version.layer), SignCovered)
		}
	}
}

// Strip appends to dst[:0] one sign for each layer, lowest first: what the layer
// means to n, or, for a directory, the strongest of what it means to anything
// below. It is about the union after the view's layer: a version of a higher
// layer does not show there, and counts as covered.
func (v *View) Strip(n NodeID, dst []Sign) []Sign {
	dst = dst[:0]
	for range v.t.layers {
		dst = append(dst, SignNothing)
	}
	dir := v.t.nodes[n].dir
	if dir == none {
		v.eachSign(n, func(layer int, s Sign) { dst[layer] = max(dst[layer], s) })
		return dst
	}
	bits := v.dirSigns(dir)
	words := len(bits) / signMaps
	for layer := range dst {
		for s := SignShows; s > SignNothing; s-- {
			if bits[(int(s)-1)*words+layer/64]>>(layer%64)&1 != 0 {
				dst[layer] = s
				break
			}
		}
	}
	return dst
}
