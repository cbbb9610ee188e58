package analyze

import (
	"sync"

	"github.com/peelhq/peel/source"
)

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

// maxStrips bounds the bitmaps of one view, in bytes: a million directories in 128
// layers stay below it. It is a variable for tests.
var maxStrips = 64 << 20

func signWords(layers int) int { return (layers + 63) / 64 }

// stripBytes is what the bitmaps of a view of t take.
func (t *Tree) stripBytes() int { return int(t.dirs) * signMaps * signWords(len(t.layers)) * 8 }

// strips are the bitmaps of a view's directories. They are made when they are first
// needed: only a screen shows them.
type strips struct {
	once sync.Once
	from *bunches
	bits []uint64 // by directory; nil if that would be too much
}

// PrepareStrips does what the first Strip of v, or of a view that is filtered from
// it, would take longer for. It may be called at any time, from any goroutine, and
// is not needed.
func (v *View) PrepareStrips() {
	v.strips.once.Do(func() {
		if v.t.stripBytes() > maxStrips {
			return
		}
		v.strips.bits = make([]uint64, v.t.stripBytes()/8)
		v.strips.from.each(v.addSigns)
	})
}

// addSigns adds a bunch to the bitmaps of its directories.
func (v *View) addSigns(g *bunch, vs []version, _ []int64) {
	if g.node == Root {
		return
	}
	above := v.dirSigns(g.parent)
	if g.dir == none {
		v.ownSigns(vs, false, above)
		return
	}
	own := v.dirSigns(g.dir)
	v.ownSigns(vs, true, own)
	for i, w := range own {
		above[i] |= w
	}
}

// dirSigns returns the bitmaps of a directory.
func (v *View) dirSigns(dir int32) []uint64 {
	size := signMaps * signWords(len(v.t.layers))
	return v.strips.bits[int(dir)*size : (int(dir)+1)*size]
}

// ownSigns sets the bits of a node's own versions.
func (v *View) ownSigns(vs []version, above bool, bits []uint64) {
	words := len(bits) / signMaps
	v.signsOf(vs, above, 0, len(vs), func(layer int, s Sign) {
		bits[(int(s)-1)*words+layer/64] |= 1 << (layer % 64)
	})
}

// eachSign calls f for each of n's own versions in the layers from one to before
// another.
func (v *View) eachSign(n NodeID, from, to int, f func(layer int, s Sign)) {
	first, last := v.t.versionRange(n)
	vs := v.t.versions[first:last]
	v.signsOf(vs, v.t.hasChildren(n), upTo(vs, from-1), upTo(vs, to-1), f)
}

// signsOf calls f for the versions of a node with indices from one to before another.
// Where things lie below the node, its versions as a directory are left out: every
// layer names the parents of what it changes again, and that says nothing.
func (v *View) signsOf(vs []version, above bool, from, to int, f func(layer int, s Sign)) {
	shown := latest(vs, v.at)
	for i := from; i < to; i++ {
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

// Strip appends to dst[:0] one sign for each of the layers from one to before
// another, lowest first: what the layer means to n, or, for a directory, the
// strongest of what it means to anything below. It is about the union after the
// view's layer: a version of a higher layer does not show there, and counts as
// covered. In an image of so many directories and layers that their strips would
// take too much memory, a directory's strip is about its own versions alone.
func (v *View) Strip(n NodeID, from, to int, dst []Sign) []Sign {
	from, to = max(from, 0), min(to, len(v.t.layers))
	dst = dst[:0]
	for range to - from {
		dst = append(dst, SignNothing)
	}
	v.PrepareStrips()
	dir := v.t.nodes[n].dir
	if dir == none || v.strips.bits == nil {
		v.eachSign(n, from, to, func(layer int, s Sign) { dst[layer-from] = max(dst[layer-from], s) })
		return dst
	}
	bits := v.dirSigns(dir)
	words := len(bits) / signMaps
	for i := range dst {
		layer := from + i
		for s := SignShows; s > SignNothing; s-- {
			if bits[(int(s)-1)*words+layer/64]>>(layer%64)&1 != 0 {
				dst[i] = s
				break
			}
		}
	}
	return dst
}
