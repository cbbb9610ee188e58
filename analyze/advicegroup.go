package analyze

import (
	"cmp"
	"maps"

	"github.com/peelhq/peel/source"
)

// reason is why a version is wasted: its cause, told apart further where other
// changes are to be made.
type reason uint8

const (
	byCause  reason = iota // as the cause says
	moved                  // deleted, and put elsewhere by the same layer
	linked                 // copied up whole to give it another hard link
	pathless               // of no path: bookkeeping of a storage driver
)

// standing is how a wasted version and the layer that hid it stand to the base.
type standing uint8

const (
	ownWaste  standing = iota // a user layer hides what a user layer carries
	hidesBase                 // a user layer hides what the base carries
	inBase                    // a base layer hides what the base carries
)

// A groupKey tells the findings of RuleWaste apart.
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
	to       commonDir // where moved files went
	bytes    int64
	versions int
	carriers map[int]int64 // bytes by the layer that carries them
	origins  map[int]int64 // bytes by the layer that first had the content
	changed  [attributeSets]int
	since    attributes       // that differ from those of the origin
	owner    agreed[[2]int64] // user and group as they are now, of the files whose attributes changed
	mode     agreed[uint32]
	rows     []int32 // their numbers, as in WasteRows; kept for fixes alone
}

// agreed is a value that all give, if they agree.
type agreed[T comparable] struct {
	value       T
	some, mixed bool
}

func (g *agreed[T]) add(value T) {
	g.mixed = g.mixed || g.some && g.value != value
	g.value, g.some = value, true
}

// text is "=1000:1000", "" if nothing is agreed on.
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
	g.since |= o.since
	for i, n := range o.changed {
		g.changed[i] += n
	}
	g.where.take(o.where)
	g.rows = append(g.rows, o.rows...)
}

// carrier returns the layer that carries most of g's bytes, the lowest of equals.
func (g *group) carrier() int { return mostOf(g.carriers) }

// origin is as carrier, but for what was copied up for its attributes: the layer that
// first had the content.
func (g *group) origin() int {
	if len(g.origins) == 0 {
		return g.carrier()
	}
	return mostOf(g.origins)
}

// mostOf returns the layer with most bytes, the lowest of equals.
func mostOf(layers map[int]int64) int {
	most := -1
	for layer, bytes := range layers {
		if most < 0 || bytes > layers[most] || bytes == layers[most] && layer < most {
			most = layer
		}
	}
	return most
}

// parts are what tells k's finding from others of its step.
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

// attributes are those of a file that a version changed, as bits.
type attributes uint8

const (
	ownerChanged attributes = 1 << iota
	modeChanged
	timeChanged
	xattrsChanged
	attributeSets = 1 << iota // how many sets of them there are
)

// compare notes which attributes the version that covers w's has changed, and which
// differ from those that the content first had: a chmod after a chown copies it up
// for the second time.
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
	since := attributesIn(&first, &now)
	if since&ownerChanged != 0 {
		g.owner.add([2]int64{now.UID, now.GID})
	}
	if since&modeChanged != 0 {
		g.mode.add(now.Mode)
	}
	g.since |= since
	g.changed[attributesIn(&before, &now)]++
}

// maxOrigin bounds the steps back to a file's origin: beyond, nobody reads it.
const maxOrigin = 16

// origin returns the version below i, or i itself, that first had its content: those in
// between changed attributes.
func (t *Tree) origin(i int32) int32 {
	from, _ := t.versionRange(t.versions[i].node)
	for n := 0; i > from && t.versions[i].change == Metadata && n < maxOrigin; n++ {
		i--
	}
	return i
}

// attributesIn returns the attributes in which two entries differ.
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
