package analyze

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
)

// # Findings with advice
//
// Waste has one row for every version, but users fix build steps. Advise groups
// the rows: everything that one step hid, for one reason, becomes one finding.
// Every row is in exactly one finding of RuleWaste, so their bytes add up to
// the total waste.
//
// Advise takes one pass over the nodes, to recognize caches and the like by
// location (see class), and one over the rows. Its own memory is one byte per
// node, plus a record for each file added by a step that also removed files
// (see moves).

// The rules that Advise's findings come from.
const (
	RuleWaste   = "waste"   // bytes that no name of the final union reaches
	RuleVisible = "visible" // visible files that an image seldom needs
	RuleSecret  = "secret"  // keys, tokens and passwords anywhere in the image
)

// adviceRules describes each of these rules in one line.
var adviceRules = map[string]string{
	RuleWaste:   "Bytes that ship although nobody can see them",
	RuleVisible: "Visible files that images rarely need",
	RuleSame:    "The same content stored at several visible paths",
	RuleSecret:  "Keys, tokens and passwords in the image",
}

// AdviceOptions are inputs of Advise besides the analysis. The zero value is ready to use.
type AdviceOptions struct {
	// Dockerfile is the file that the image was built from; findings then name its lines. Nil:
	// the analysis's Dockerfile, or the lines from the image's provenance if it has none.
	Dockerfile *dockerfile.File
}

// Advise says what to fix in the build: one finding for everything that one
// step wastes for one reason, one for unneeded visible files of a step, and one
// for secrets. Findings are sorted by severity, then by bytes (largest first),
// then by ID.
//
// The bytes of RuleWaste findings add up to Totals.Wasted. If a rule has more
// than maxFindings findings, the smallest are merged into one. The error is
// ctx's.
func Advise(ctx context.Context, a *Analysis, opts AdviceOptions) ([]Finding, error) {
	ad := newAdviser(a)
	ad.withSecrets = true
	found, err := ad.advise(ctx, a.Waste, opts)
	markBelow(DefaultFloor(a.Totals.Stored), found)
	return found, err
}

// adviser is the state of one call of Advise.
type adviser struct {
	a       *Analysis
	t       *Tree
	most    int // maximum number of findings of one rule
	nest    *nesting
	classes []class // by node
	moves   *moves
	file    *dockerfile.File   // may be nil
	lines   []*dockerfile.Line // by layer
	steps   []*stepFacts       // by layer; nil until needed

	groups   map[groupKey]*group
	newNames map[nameOf][2]NodeID // inodes that were looked up: the first two nodes that a layer added as names of the inode
	lookedUp map[int32]bool       // inodes already looked up
	shown    map[int32]shownAs    // by inode
	dirs     map[uint16][]int32   // by layer, the versions of directories whose attributes it changes; nil until needed

	withSecrets bool // look for secrets too
	keepRows    bool // findings keep their source rows, see Fixes

	listsNeeded []int // by 1 + layer, the first layer above it that needs apt's lists, or -1; nil until needed

}

// advise is Advise for a part of an analysis's waste, without secrets, which have a rule of their
// own (see secretRule).
func advise(ctx context.Context, a *Analysis, waste WasteRows, opts AdviceOptions) ([]Finding, error) {
	return newAdviser(a).advise(ctx, waste, opts)
}

// advise makes the findings.
func (ad *adviser) advise(ctx context.Context, waste WasteRows, opts AdviceOptions) ([]Finding, error) {
	ad.moves = findMoves(ctx, ad.t, waste)
	ad.file = cmp.Or(opts.Dockerfile, ad.a.Dockerfile)
	ad.lines = dockerfile.Lines(ad.a.Image, ad.file)
	for _, w := range waste.Until(ctx) {
		ad.row(w)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ad.merge()
	found := ad.wasteFindings()
	found = append(found, limited(ad.visible(), ad.most, RuleVisible, Note)...)
	same, err := ad.sameFindings(ctx)
	if err != nil {
		return nil, err
	}
	found = append(found, limited(same, ad.most, RuleSame, Note)...)
	if ad.withSecrets {
		secrets, err := ad.secretFindings(ctx)
		if err != nil {
			return nil, err
		}
		found = append(found, limited(secrets, ad.most, RuleSecret, Warning)...)
	}
	distinct(found)
	slices.SortStableFunc(found, func(x, y Finding) int {
		return cmp.Or(cmp.Compare(y.Severity, x.Severity), cmp.Compare(y.Bytes, x.Bytes), strings.Compare(x.ID, y.ID))
	})
	return found, ctx.Err()
}

// newAdviser returns an adviser without rows.
func newAdviser(a *Analysis) *adviser {
	return &adviser{
		a: a, t: a.Tree, most: maxFindings, classes: classify(a.Tree), nest: newNesting(a.Tree), steps: make([]*stepFacts, len(a.Tree.layers)),
		groups: map[groupKey]*group{}, newNames: map[nameOf][2]NodeID{}, lookedUp: map[int32]bool{}, shown: map[int32]shownAs{},
	}
}

// newSecretAdviser returns an adviser that only looks for secrets.
func newSecretAdviser(a *Analysis, file *dockerfile.File) *adviser {
	return &adviser{a: a, t: a.Tree, most: maxFindings, steps: make([]*stepFacts, len(a.Tree.layers)), lines: dockerfile.Lines(a.Image, file)}
}

// nested returns the nesting of the tree and creates it on first use.
func (ad *adviser) nested() *nesting {
	if ad.nest == nil {
		ad.nest = newNesting(ad.t)
	}
	return ad.nest
}

// row adds one row of waste to its group.
func (ad *adviser) row(w *Waste) {
	k := groupKey{by: w.By, cause: w.Cause, standing: ad.standing(w)}
	to := NodeID(none)
	if w.Node == none {
		k.reason = pathless
	} else {
		switch w.Cause {
		case SameAgain:
			if ad.linkedAnew(w) {
				k.reason = linked
			}
		case Overwritten:
			if c := ad.classes[w.Node]; c.about().rewritten {
				k.class = c
			}
		case Deleted:
			k.class = ad.classes[w.Node]
			if to = ad.moves.target(w); to != none {
				k.reason, k.class = moved, noClass
			}
		}
	}
	g := ad.groups[k]
	if g == nil {
		g = &group{where: newCommonDir(ad.nest), to: newCommonDir(ad.nest), carriers: map[int]int64{}, origins: map[int]int64{}}
		ad.groups[k] = g
	}
	g.bytes += w.Bytes
	g.versions++
	g.carriers[w.Layer] += w.Bytes
	if ad.keepRows && w.t != nil {
		g.rows = append(g.rows, w.id)
	}
	if w.Node != none {
		if i := ad.t.inLayer(w.Node, w.Layer); i != none {
			g.origins[int(ad.t.versions[ad.t.origin(i)].layer)] += w.Bytes
		}
		if w.Cause == MetadataCopy {
			g.compare(ad.t, w)
		}
	}
	g.where.add(w.Node, w.Bytes)
	if to != none {
		g.to.add(to, w.Bytes)
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

// merge moves side effects to their cause: removing a package also removes its
// documentation, which needs no separate advice.
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
		ad.groups[rest].take(ad.groups[k])
		delete(ad.groups, k)
	}
}

// maxFindings is the maximum number of findings of one rule: 10,000 layers that remove each
// other's files can make a million.
const maxFindings = 5000

// wasteFindings makes a finding of each group, in the order of the layers to blame. If there are
// too many, the smallest are merged into one.
func (ad *adviser) wasteFindings() []Finding {
	keys := slices.SortedFunc(maps.Keys(ad.groups), groupKey.compare)
	var least []groupKey
	if len(keys) > ad.most {
		slices.SortStableFunc(keys, func(x, y groupKey) int { return cmp.Compare(ad.groups[y].bytes, ad.groups[x].bytes) })
		keys, least = keys[:ad.most], keys[ad.most:]
		slices.SortFunc(keys, groupKey.compare)
	}
	found := make([]Finding, 0, len(keys)+1)
	for _, k := range keys {
		g := ad.groups[k]
		f := Finding{
			Rule: RuleWaste, Severity: Note,
			Path: g.where.path(), Layer: k.by, Bytes: g.bytes, Versions: g.versions,
			Step: ad.step(k.by).text, Line: ad.lines[k.by],
		}
		f.ID = ad.identity(f, k.parts()...)
		ad.word(&f, k, g)
		if ad.keepRows {
			f.from = &findingSource{key: k, group: g}
		}
		found = append(found, f)
	}
	if len(least) > 0 {
		rest := group{}
		for _, k := range least {
			rest.bytes += ad.groups[k].bytes
			rest.versions += ad.groups[k].versions
		}
		found = append(found, leftOut(RuleWaste, Note, len(least), rest.bytes, rest.versions))
	}
	return found
}

// limited limits the number of findings of a rule: it merges the smallest into one.
func limited(found []Finding, most int, rule string, severity Severity) []Finding {
	if len(found) <= most {
		return found
	}
	slices.SortStableFunc(found, func(x, y Finding) int { return cmp.Compare(y.Bytes, x.Bytes) })
	var bytes int64
	versions := 0
	for i := range found[most:] {
		bytes += found[most+i].Bytes
		versions += found[most+i].Versions
	}
	return append(found[:most:most], leftOut(rule, severity, len(found)-most, bytes, versions))
}

// leftOut returns the finding that stands for the merged ones.
func leftOut(rule string, severity Severity, n int, bytes int64, versions int) Finding {
	return Finding{
		ID: rule + "/more", Rule: rule, Severity: severity, Layer: -1, Bytes: bytes, Versions: versions,
		Title:   "More of the same kind",
		Message: fmt.Sprintf("%s, those with the fewest bytes, %s not listed: %s in %s.", human.Count(n, "finding", "findings"), pick(n == 1, "is", "are"), human.Size(bytes), human.Count(versions, "file", "files")),
		Advice:  "Look at the larger ones first: the same changes may help here.",
	}
}

// nameOf is a pair of a layer and an inode that it names.
type nameOf struct {
	inode int32
	layer int
}

// linkedAnew reports whether the layer that rewrote a file also gave it another name: a hard link
// to a file of a lower layer copies the file up.
func (ad *adviser) linkedAnew(w *Waste) bool {
	t := ad.t
	upper := t.inLayer(w.Node, w.By)
	if upper == none || t.versions[upper].inode == none {
		return false
	}
	inode := t.versions[upper].inode
	if !ad.lookedUp[inode] {
		ad.lookedUp[inode] = true
		for _, i := range t.shared[inode] {
			v := &t.versions[i]
			if v.change != Added {
				continue
			}
			k := nameOf{inode, int(v.layer)}
			switch nodes, some := ad.newNames[k]; {
			case !some:
				ad.newNames[k] = [2]NodeID{v.node, v.node}
			case nodes[0] == nodes[1]:
				ad.newNames[k] = [2]NodeID{nodes[0], v.node}
			}
		}
	}
	nodes, some := ad.newNames[nameOf{inode, w.By}]
	return some && (nodes[0] != w.Node || nodes[1] != w.Node)
}
