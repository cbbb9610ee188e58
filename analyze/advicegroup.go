package analyze

import (
	"cmp"
	"maps"

	"github.com/peelhq/peel/source"
)

// reason is why a version is wasted: its cause, subdivided where different fixes apply.
type reason uint8

const (
	byCause  reason = iota // the cause alone
	moved                  // deleted, and added elsewhere by the same layer
	linked                 // copied up to add another hard link
	pathless               // without a path: bookkeeping of a storage driver
)

// standing says whether a wasted version and the layer that hid it belong to the base.
type standing uint8

const (
	ownWaste  standing = iota // a user layer hides what a user layer carries
	hidesBase                 // a user layer hides what the base carries
	inBase                    // a base layer hides what the base carries
)

// A groupKey identifies a finding of RuleWaste.
type groupKey struct {
	by       int
	cause    Cause
	reason   reason
	class    class
	standing standing
}

func (k groupKey) compare(o groupKey) int {
	return cmp.Or(cmp.Compare(k.by, o.by), cmp.Compare(k.cause, o.cause), cmp.Compare(k.reason, o.reason),
		cmp.Compare(k.class, o.class), cmp.Compare(k.standing, o.standing))
}

// A group is the rows of one finding.
type group struct {
	where    commonDir
	to       commonDir // destination of moved files
	bytes    int64
	versions int
	carriers map[int]int64 // bytes by layer that stores them
	origins  map[int]int64 // bytes by layer that first had the content
	changed  [attributeSets]int
	settled  map[int]*settled // by layer that first had the content
	rows     []int32          // row numbers in WasteRows; kept only for fixes
}

// settled are the final attributes of files that a layer had first.
type settled struct {
	since attributes       // attributes that differ from those in that layer
	owner agreed[[2]int64] // user and group of all of the files
	mode  agreed[uint32]
}

// settledIn returns the attributes of the files that a layer had first.
func (g *group) settledIn(layer int) *settled {
	s := g.settled[layer]
	if s == nil {
		s = &settled{}
		if g.settled == nil {
			g.settled = map[int]*settled{}
		}
		g.settled[layer] = s
	}
	return s
}

// agreed holds a value as long as all inputs are equal.
type agreed[T comparable] struct {
	value       T
	some, mixed bool
}

func (g *agreed[T]) add(value T) {
	g.mixed = g.mixed || g.some && g.value != value
	g.value, g.some = value, true
}

// text returns "=1000:1000", or "" if the values differ.
func (g *agreed[T]) text(show func(T) string) string {
	if !g.some || g.mixed {
		return ""
	}
	return "=" + show(g.value)
}

func (g *group) take(o *group) {
	g.bytes += o.bytes
	g.versions += o.versions
	for layer, bytes := range o.carriers {
		g.carriers[layer] += bytes
	}
	for layer, bytes := range o.origins {
		g.origins[layer] += bytes
	}
	for layer, s := range o.settled {
		g.settledIn(layer).since |= s.since
	}
	for i, n := range o.changed {
		g.changed[i] += n
	}
	g.where.take(o.where)
	g.rows = append(g.rows, o.rows...)
}

// carrier returns the layer that stores most of g's bytes, the lowest of equals.
func (g *group) carrier() int { return mostOf(g.carriers) }

// origin is like carrier, except that for files copied up for their attributes it returns the
// layer that first had the content.
func (g *group) origin() int {
	if len(g.origins) == 0 {
		return g.carrier()
	}
	return mostOf(g.origins)
}

// mostOf returns the layer with the most bytes, the lowest of equals.
func mostOf(layers map[int]int64) int {
	most := -1
	for layer, bytes := range layers {
		if most < 0 || bytes > layers[most] || bytes == layers[most] && layer < most {
			most = layer
		}
	}
	return most
}

// parts returns what distinguishes k's finding from others of the same step.
func (k groupKey) parts() []string {
	kind := k.cause.String()
	switch k.reason {
	case moved:
		kind = "moved"
	case linked:
		kind = "linked"
	case pathless:
		kind = "pathless"
	}
	parts := []string{kind}
	if k.class != noClass {
		parts = append(parts, k.class.about().id)
	}
	if k.standing != ownWaste {
		parts = append(parts, "base")
	}
	return parts
}

// attributes is a bit set of the attributes that a version changed.
type attributes uint8

const (
	ownerChanged attributes = 1 << iota
	modeChanged
	timeChanged
	xattrsChanged
	attributeSets = 1 << iota // number of such sets
)

// compare records which attributes the version covering w's changed, and which differ from the
// original ones: a chmod after a chown copies the content up again.
func (g *group) compare(t *Tree, w *Waste) {
	lower, upper := t.inLayer(w.Node, w.Layer), t.inLayer(w.Node, w.By)
	if lower == none || upper == none {
		return
	}
	before, ok1 := t.attributes(lower)
	now, ok2 := t.attributes(upper)
	if !ok1 || !ok2 {
		return
	}
	first, ok := t.attributes(t.origin(lower))
	if !ok {
		first = before
	}
	of := g.settledIn(int(t.versions[t.origin(lower)].layer))
	of.since |= attributesIn(&first, &now)
	of.owner.add([2]int64{now.UID, now.GID}) // of all: a flag of COPY also sets those that didn't change
	of.mode.add(now.Mode)
	g.changed[attributesIn(&before, &now)]++
}

// maxOrigin is the maximum number of steps back to a file's origin.
const maxOrigin = 16

// origin returns the version at or below i that first had its content. The versions between
// changed only attributes.
func (t *Tree) origin(i int32) int32 {
	from, _ := t.versionRange(t.versions[i].node)
	for n := 0; i > from && t.versions[i].change == Metadata && n < maxOrigin; n++ {
		i--
	}
	return i
}

// attributesIn returns the attributes that differ between two entries.
func attributesIn(before, now *source.Entry) attributes {
	var set attributes
	if before.UID != now.UID || before.GID != now.GID {
		set |= ownerChanged
	}
	if before.Mode != now.Mode {
		set |= modeChanged
	}
	if !before.Time.Equal(now.Time) {
		set |= timeChanged
	}
	if !maps.Equal(before.Xattrs, now.Xattrs) {
		set |= xattrsChanged
	}
	return set
}
