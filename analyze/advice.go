package analyze

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
)

// # Findings that say what to do
//
// Waste has a row for every version; what a reader mends are build steps. Advise
// sums the rows up: those that one step hid, for one reason, are one finding.
// Every row is in exactly one of the findings whose rule is RuleWaste, so that
// their bytes add up to what is wasted.
//
// It takes a pass over the nodes, to tell caches and the like by where they lie
// (see class), and one over the rows. Beside the analysis it holds a byte a
// node, and a record for each file that was added by a step which also removed
// some (see moves).

// The rules that Advise's findings come from.
const (
	RuleWaste   = "waste"   // bytes that no name of the final union reaches
	RuleVisible = "visible" // what shows, and is seldom wanted in an image
	RuleSecret  = "secret"  // deleted, still shipped, and named like a key or a password
)

// adviceRules says in a line what each of them is about.
var adviceRules = map[string]string{
	RuleWaste:   "Bytes that are shipped though nobody can see them",
	RuleVisible: "What shows in the image, and is seldom wanted there",
	RuleSecret:  "Files that are named like secrets, deleted and still shipped",
}

// AdviceOptions are what Advise goes by beside the analysis. The zero value is
// ready to use.
type AdviceOptions struct {
	// Dockerfile is what the image was built from: findings then name the line.
	// Nil: the lines are those that the image's provenance names, if it has one.
	Dockerfile *dockerfile.File

	// Ignore reports whether an absolute path is left out. Nil: none is.
	Ignore func(path string) bool
}

// Advise says what is to be mended in the build: one finding for what one step
// wastes for one reason, one for what a step leaves in the image that is seldom
// wanted there, and one for secrets that were deleted too late. The gravest come
// first, then those with most bytes, then by ID.
//
// The bytes of the findings whose rule is RuleWaste add up to Totals.Wasted,
// less what is ignored.
func Advise(a *Analysis, opts AdviceOptions) []Finding { return advise(a, a.Waste, opts) }

// advise is Advise of some of an analysis's waste.
func advise(a *Analysis, waste WasteRows, opts AdviceOptions) []Finding {
	ad := &adviser{a: a, t: a.Tree, opts: opts, groups: map[groupKey]*group{}, secrets: map[secretKey]*secrets{}}
	ad.classes = classify(a.Tree)
	ad.moves = findMoves(a.Tree, waste)
	ad.lines = dockerfile.Lines(a.Image, opts.Dockerfile)
	for _, w := range waste.All() {
		ad.row(w)
	}
	ad.merge()
	found := ad.wasteFindings()
	found = append(found, ad.visible()...)
	found = append(found, ad.secretFindings()...)
	distinct(found)
	slices.SortStableFunc(found, func(x, y Finding) int {
		return cmp.Or(cmp.Compare(y.Severity, x.Severity), cmp.Compare(y.Bytes, x.Bytes), strings.Compare(x.ID, y.ID))
	})
	return found
}

// adviser is the state of one call of Advise.
type adviser struct {
	a       *Analysis
	t       *Tree
	opts    AdviceOptions
	classes []class // by node
	moves   *moves
	lines   []*dockerfile.Line // by layer

	groups  map[groupKey]*group
	secrets map[secretKey]*secrets
}

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
	where    place
	to       place // where moved files went
	bytes    int64
	versions int
	carriers map[int]int64 // bytes by the layer that carries them
	changed  [attributeSets]int
	owner    agreed // as it is now, of the files whose attributes changed
	mode     agreed
}

// agreed is a value that all give, if they agree.
type agreed struct {
	text  string
	mixed bool
}

func (g *agreed) add(text string) {
	if g.text == "" {
		g.text = text
	}
	g.mixed = g.mixed || g.text != text
}

// value is "=1000:1000", "" if there is none.
func (g agreed) value() string {
	if g.text == "" || g.mixed {
		return ""
	}
	return "=" + g.text
}

// row puts one row of waste into its group.
func (ad *adviser) row(w *Waste) {
	if ad.opts.Ignore != nil && ad.opts.Ignore(w.Path()) {
		return
	}
	k := groupKey{by: w.By, cause: w.Cause, standing: ad.standing(w)}
	to := NodeID(none)
	if w.Node == none {
		k.reason = pathless
	} else {
		switch w.Cause {
		case SameAgain:
			if ad.t.linkedAnew(w) {
				k.reason = linked
			}
		case Overwritten:
			if c := ad.classes[w.Node]; c.about().rewritten {
				k.class = c
			}
		case Deleted:
			ad.secret(w)
			k.class = ad.classes[w.Node]
			if to = ad.moves.target(w); to != none {
				k.reason, k.class = moved, noClass
			}
		case Opaque, Replaced:
			ad.secret(w)
		}
	}
	g := ad.groups[k]
	if g == nil {
		g = &group{where: newPlace(), to: newPlace(), carriers: map[int]int64{}}
		ad.groups[k] = g
	}
	g.bytes += w.Bytes
	g.versions++
	g.carriers[w.Layer] += w.Bytes
	if w.Cause == MetadataCopy && w.Node != none {
		g.compare(ad.t, w)
	}
	g.where.add(ad.t, w.Node, w.Bytes)
	if to != none {
		g.to.add(ad.t, to, w.Bytes)
	}
}

func (ad *adviser) standing(w *Waste) standing {
	base := ad.a.Totals.BaseLayers
	switch {
	case w.Layer >= base:
		return ownWaste
	case w.By >= base:
		return hidesBase
	}
	return inBase
}

// merge puts what goes along with other things back to them: a package that is
// removed takes its documentation with it, and that is no case for advice on
// documentation.
func (ad *adviser) merge() {
	var along []groupKey
	for k, g := range ad.groups {
		rest := k
		rest.class = noClass
		if main := ad.groups[rest]; k.class.about().along && main != nil && main.bytes > g.bytes {
			along = append(along, k)
		}
	}
	slices.SortFunc(along, groupKey.compare)
	for _, k := range along {
		rest := k
		rest.class = noClass
		ad.groups[rest].take(ad.t, ad.groups[k])
		delete(ad.groups, k)
	}
}

func (g *group) take(t *Tree, o *group) {
	g.bytes += o.bytes
	g.versions += o.versions
	for layer, bytes := range o.carriers {
		g.carriers[layer] += bytes
	}
	for i, n := range o.changed {
		g.changed[i] += n
	}
	g.where.take(t, o.where)
}

// carrier returns the layer that carries most of g's bytes, the lowest of equals.
func (g *group) carrier() int {
	most := -1
	for layer, bytes := range g.carriers {
		if most < 0 || bytes > g.carriers[most] || bytes == g.carriers[most] && layer < most {
			most = layer
		}
	}
	return most
}

// wasteFindings makes a finding of each group, in the order of the layers to
// blame.
func (ad *adviser) wasteFindings() []Finding {
	keys := slices.SortedFunc(maps.Keys(ad.groups), groupKey.compare)
	found := make([]Finding, 0, len(keys))
	for _, k := range keys {
		g := ad.groups[k]
		f := Finding{
			Rule: RuleWaste, Severity: Note,
			Path: g.where.path(ad.t), Layer: k.by, Bytes: g.bytes, Versions: g.versions,
			Step: ad.step(k.by), Line: ad.lines[k.by],
		}
		f.ID = identity(f, k.parts()...)
		ad.word(&f, k, g)
		found = append(found, f)
	}
	return found
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

// step returns the build step of a layer as the Dockerfile has it, "" if that is
// not known.
func (ad *adviser) step(layer int) string {
	return dockerfile.StepText(ad.t.layers[layer].Step)
}

// identity makes a finding's ID of its rule, of what kind it is, and of its
// step; where no step is known, of the directory that it is about. Neither
// layers' indices nor sizes go into it, so that the next build has the same.
func identity(f Finding, kind ...string) string {
	step := stableStep(f.Step)
	if step == "" {
		step = f.Path
	}
	parts := append([]string{f.Rule}, kind...)
	if step != "" {
		parts = append(parts, step)
	}
	return strings.Join(parts, "/")
}

// maxStepInID bounds a step's text in an ID, in bytes.
const maxStepInID = 120

// stableStep returns a step's text without what differs from build to build: the
// sums that the classic builder puts for what COPY and ADD copied. Of a long one
// it keeps the beginning and a sum.
func stableStep(step string) string {
	step = strings.Join(strings.Fields(dockerfile.WithoutSums(step)), " ")
	if len(step) <= maxStepInID {
		return step
	}
	h := fnv.New64a()
	h.Write([]byte(step))
	return fmt.Sprintf("%s… %016x", strings.ToValidUTF8(step[:maxStepInID], ""), h.Sum64())
}

// distinct numbers findings of one ID: "…", "…#2", in the order in which they
// stand.
func distinct(found []Finding) {
	count, taken := map[string]int{}, map[string]bool{}
	for i := range found {
		id := found[i].ID
		for count[id]++; taken[found[i].ID] || count[id] > 1 && found[i].ID == id; count[id]++ {
			found[i].ID = id + "#" + strconv.Itoa(count[id])
		}
		taken[found[i].ID] = true
	}
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

// compare notes which attributes the version that covers w's has changed.
func (g *group) compare(t *Tree, w *Waste) {
	lower, upper := t.inLayer(w.Node, w.Layer), t.inLayer(w.Node, w.By)
	if lower == none || upper == none {
		return
	}
	before, ok1 := t.entry(lower)
	now, ok2 := t.entry(upper)
	if !ok1 || !ok2 {
		return
	}
	var set attributes
	if before.UID != now.UID || before.GID != now.GID {
		set |= ownerChanged
		g.owner.add(fmt.Sprintf("%d:%d", now.UID, now.GID))
	}
	if before.Mode != now.Mode {
		set |= modeChanged
		g.mode.add(human.Permissions(now.Mode))
	}
	if !before.Time.Equal(now.Time) {
		set |= timeChanged
	}
	if !maps.Equal(before.Xattrs, now.Xattrs) {
		set |= xattrsChanged
	}
	g.changed[set]++
}

// linkedAnew reports whether the layer that wrote a file again gave it another
// name: a hard link to a file of a lower layer copies it up.
func (t *Tree) linkedAnew(w *Waste) bool {
	upper := t.inLayer(w.Node, w.By)
	if upper == none || t.versions[upper].inode == none {
		return false
	}
	for _, i := range t.shared[t.versions[upper].inode] {
		if v := &t.versions[i]; v.node != w.Node && int(v.layer) == w.By && v.change == Added {
			return true
		}
	}
	return false
}
