package analyze

import (
	"sync"

	"github.com/peelhq/peel/source"
)

// A Sign is the effect of a layer on a path, in the shadow strip.
type Sign uint8

// The signs, weakest first: a directory shows the strongest sign below it.
const (
	SignNothing Sign = iota // the layer does not mention it
	SignRemoved             // removed here
	SignCovered             // a version that is not visible in the view's union
	SignShows               // the visible version
)

// signMaps are the bitmaps of a directory's strip: one bit per layer for each of SignRemoved,
// SignCovered and SignShows.
const signMaps = 3

// maxStrips is the maximum size of the bitmaps of one view, in bytes: enough for a million
// directories in 128 layers. A variable for tests.
var maxStrips = 64 << 20

func signWords(layers int) int { return (layers + 63) / 64 }

// stripBytes returns the size of the bitmaps of a view of t.
func (t *Tree) stripBytes() int { return int(t.dirs) * signMaps * signWords(len(t.layers)) * 8 }

// strips are the bitmaps of a view's directories. They are created on first use, because only a
// screen shows them.
type strips struct {
	once sync.Once
	from *bunches
	bits []uint64 // by directory; nil if too large
}

// PrepareStrips does the work that would slow down the first Strip of v, or of views filtered
// from it. It is optional, and may be called at any time from any goroutine.
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

// ownSigns sets the bits for a node's own versions.
func (v *View) ownSigns(vs []version, above bool, bits []uint64) {
	words := len(bits) / signMaps
	v.signsOf(vs, above, 0, len(vs), func(layer int, s Sign) {
		bits[(int(s)-1)*words+layer/64] |= 1 << (layer % 64)
	})
}

// eachSign calls f for each of n's own versions in a half-open range of layers.
func (v *View) eachSign(n NodeID, from, to int, f func(layer int, s Sign)) {
	first, last := v.t.versionRange(n)
	vs := v.t.versions[first:last]
	v.signsOf(vs, v.t.hasChildren(n), upTo(vs, from-1), upTo(vs, to-1), f)
}

// signsOf calls f for a half-open range of a node's versions. If the node has content, it skips
// versions that are directories: every layer repeats the parents of its changes, which means
// nothing.
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

// Strip appends to dst[:0] one sign for each layer in a half-open range, lowest
// first: the layer's effect on n or, for a directory, the strongest effect on
// anything below. It describes the union after the view's layer: a version in a
// higher layer is not visible there and counts as covered. If an image has too
// many directories and layers for the bitmaps, a directory's strip covers only
// its own versions.
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
