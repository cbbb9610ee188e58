package analyze

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
)

// # Fixes
//
// A fix is a change of the build that resolves findings, with the bytes that the image saves. If
// the Dockerfile is known and the change can't alter what the image does, the fix includes the
// edit. Otherwise it says why not, and the findings' advice says what a person can do.
//
// Every finding of waste in the image's own layers, and every finding of unneeded visible files,
// has a fix or shares one. No fix reduces the content of the base image.

// A Fix is a change of the build that resolves one or more findings.
type Fix struct {
	ID       string    // of the first finding
	Findings []Finding // that it resolves, largest first; never empty

	// Saves is how many bytes smaller the image becomes if nothing else changes. With Edits, this
	// is exact for an image built from the edited Dockerfile, provided that its steps write the
	// same files. Without Edits, it is what following the advice can save.
	Saves int64

	Edits  []dockerfile.Edit // edits of the Dockerfile; none if unknown or not safe
	Why    string            // why there are no edits: words that end a sentence; "" with Edits
	Ignore []string          // lines for .dockerignore that resolve it instead; raw

	// Small says that the fix saves too little to change a build for it alone: see DefaultFloor.
	Small bool

	change change
}

// Text describes the fix in words: its edits, or the advice of its finding. Text from the image
// is raw.
func (f *Fix) Text() string {
	var parts []string
	for _, e := range f.Edits {
		parts = append(parts, e.String())
	}
	if len(parts) == 0 {
		if a := f.Findings[0].Advice; a != "" {
			parts = append(parts, a)
		}
		if len(f.Ignore) > 0 {
			parts = append(parts, "A line for .dockerignore: "+strings.Join(f.Ignore, ", ")+".")
		}
	}
	return strings.Join(parts, " ")
}

// A change is the effect of a fix on the versions of a tree.
type change struct {
	merge     []LayerRange
	covered   []int32 // versions, or complements of inodes without a node: see Plan
	unwritten []int32
	hides     []hide
	gone      int // a layer that is no longer made; -1 if none
}

// A hide is a node that a layer deletes if lower layers have it.
type hide struct {
	node  NodeID
	layer int
}

// A findingSource is the source of a finding, for Fixes.
type findingSource struct {
	key   groupKey
	group *group
	shows bool // it is about visible files (RuleVisible)
}

// Fixes returns the fixes of an image's findings, largest saving first, then by ID. The error is
// ctx's.
func Fixes(ctx context.Context, a *Analysis, opts AdviceOptions) ([]Fix, error) {
	_, fixes, err := fixesOf(ctx, newAdviser(a), opts)
	return fixes, err
}

// AdviseAndFix returns the results of Advise and Fixes for the cost of one of them.
func AdviseAndFix(ctx context.Context, a *Analysis, opts AdviceOptions) ([]Finding, []Fix, error) {
	ad := newAdviser(a)
	ad.withSecrets = true
	return fixesOf(ctx, ad, opts)
}

// fixesOf returns the findings of an adviser and their fixes.
func fixesOf(ctx context.Context, ad *adviser, opts AdviceOptions) ([]Finding, []Fix, error) {
	a := ad.a
	ad.keepRows = true
	findings, err := ad.advise(ctx, a.Waste, opts)
	if err != nil {
		return nil, nil, err
	}
	floor := DefaultFloor(a.Totals.Stored)
	markBelow(floor, findings)
	x := newFixer(ad, cmp.Or(opts.Dockerfile, a.Dockerfile))
	for i := range findings {
		f := &findings[i]
		if f.from == nil || f.from.key.standing != ownWaste {
			f.from = nil
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		x.add(f)
	}
	if err := x.weigh(ctx); err != nil {
		return nil, nil, err
	}
	for i := range x.fixes {
		x.fixes[i].Small = x.fixes[i].Saves < floor
	}
	slices.SortStableFunc(x.fixes, func(a, b Fix) int {
		return cmp.Or(cmp.Compare(b.Saves, a.Saves), strings.Compare(a.ID, b.ID))
	})
	return findings, x.fixes, nil
}

// A fixer finds the fixes.
type fixer struct {
	ad      *adviser
	t       *Tree
	file    *dockerfile.File // nil if unknown
	without string           // why no edits are possible at all, or ""
	fixes   []Fix
	byEdit  map[string]int // index in fixes by edits
	tried   int            // number of edits tried
	order   []int32        // versions by layer, created on first use
	starts  []int32        // by layer: index of its first version in order
	waste   map[[2]int]int64
}

func newFixer(ad *adviser, file *dockerfile.File) *fixer {
	x := &fixer{ad: ad, t: ad.t, file: file, byEdit: map[string]int{}}
	switch {
	case file == nil:
		x.without = "peel knows no Dockerfile that the image was built from"
	case strings.HasPrefix(ad.a.Image.Platform, "windows/"):
		x.without = "peel edits no Dockerfile of a Windows image"
	}
	return x
}

// add makes a fix for a finding, or adds the finding to an existing fix.
func (x *fixer) add(f *Finding) {
	from := f.from
	f.from = nil
	fix := Fix{ID: f.ID, Findings: []Finding{*f}, Saves: f.Bytes, change: change{gone: -1}}
	why := x.without
	if why == "" {
		edit, err := x.edit(f, from)
		if err == nil {
			fix.Edits, fix.change = edit.edits, edit.change
		} else {
			why = strings.TrimSpace(err.Error())
		}
	}
	if len(fix.Edits) == 0 {
		fix.Why = why
		fix.Ignore = x.ignored(f, from)
		fix.change.covered = x.contents(from)
		x.fixes = append(x.fixes, fix)
		return
	}
	key := editKey(fix.Edits)
	if at, ok := x.byEdit[key]; ok {
		x.fixes[at].Findings = append(x.fixes[at].Findings, *f)
		return
	}
	x.byEdit[key] = len(x.fixes)
	x.fixes = append(x.fixes, fix)
}

// contents returns the versions whose bytes a finding covers, with all their names.
func (x *fixer) contents(from *findingSource) []int32 {
	var ids []int32
	for _, id := range from.group.rows {
		if id >= 0 {
			if inode := x.t.versions[id].inode; inode >= 0 && len(x.t.shared[inode]) > 0 {
				ids = append(ids, x.t.shared[inode]...)
				continue
			}
		}
		ids = append(ids, id)
	}
	return ids
}

// weigh computes the savings of fixes with edits: for merges from what layers hide of each other,
// which is summed up once; for others with a plan.
func (x *fixer) weigh(ctx context.Context) error {
	a := x.ad.a
	for i := range x.fixes {
		f := &x.fixes[i]
		if len(f.Edits) == 0 {
			continue
		}
		if len(f.change.merge) == 1 && len(f.change.covered)+len(f.change.unwritten)+len(f.change.hides) == 0 {
			f.Saves = x.hiddenWithin(f.change.merge[0])
			continue
		}
		p := NewPlan(a)
		p.Choose(f)
		got, err := p.Figures(ctx)
		if err != nil {
			return err
		}
		f.Saves = a.Totals.Stored - got.Stored
	}
	return nil
}

// hiddenWithin returns the bytes that layers of a range store and other layers of the range hide.
func (x *fixer) hiddenWithin(r LayerRange) int64 {
	if x.waste == nil {
		x.waste = map[[2]int]int64{}
		for _, w := range x.ad.a.Waste.All() {
			x.waste[[2]int{w.Layer, w.By}] += w.Bytes
		}
	}
	var bytes int64
	for k, n := range x.waste {
		if k[0] >= r.From && k[1] <= r.To {
			bytes += n
		}
	}
	return bytes
}

// An edition is a change of the Dockerfile and its effect on the image.
type edition struct {
	edits  []dockerfile.Edit
	change change
}

var errNotByEdit = errors.New("a person has to decide what to do")

// edit finds the edit that resolves a finding. The error says why there is none.
func (x *fixer) edit(f *Finding, from *findingSource) (*edition, error) {
	k := from.key
	if k.reason == pathless || k.cause == Duplicate && !from.shows {
		return nil, errors.New("no step wrote it that way: the builder did")
	}
	carriers := x.carriers(from)
	err := errNotByEdit
	if k.class != noClass && (from.shows || k.cause == Deleted || k.cause == Overwritten) {
		e, failed := x.leaveOutCache(k.class, carriers, f.Layer, from.shows)
		if failed == nil || from.shows {
			return e, failed
		}
		err = failed
	}
	if from.shows {
		return nil, err
	}
	word := x.word(carriers[0])
	onlyCopies := !slices.ContainsFunc(carriers, func(l int) bool { return x.word(l) != "COPY" })
	switch {
	case onlyCopies && k.cause == MetadataCopy: // files unpacked by ADD have owners of their own
		return x.copyWith(carriers, k.by)
	case word == "COPY" && k.reason == moved && len(carriers) == 1:
		return x.copyTo(carriers[0], k.by)
	case k.reason == byCause && k.cause == SameAgain && copies(x.word(k.by)):
		return nil, errors.New("two steps copy the same files: which of them is needed only you can tell")
	}
	e, failed := x.mergeRuns(carriers, k.by)
	if failed != nil && !errors.Is(err, errNotByEdit) {
		if e, err := x.leaveOutCache(k.class, carriers, f.Layer, true); err == nil {
			return e, nil
		}
	}
	return e, failed
}

// carriers returns the layers that store a finding's bytes, lowest first.
func (x *fixer) carriers(from *findingSource) []int {
	if from.shows {
		return []int{from.key.by}
	}
	var layers []int
	for l := range from.group.carriers {
		layers = append(layers, l)
	}
	slices.Sort(layers)
	return layers
}

// word returns the instruction that made a layer, in upper case.
func (x *fixer) word(layer int) string { return x.ad.step(layer).word }

// versionsOf returns the versions of a layer, in no particular order.
func (x *fixer) versionsOf(layer int) []int32 {
	t := x.t
	if x.order == nil {
		x.starts = make([]int32, len(t.layers)+1)
		for i := range t.versions {
			x.starts[t.versions[i].layer+1]++
		}
		for l := range t.layers {
			x.starts[l+1] += x.starts[l]
		}
		next := slices.Clone(x.starts)
		x.order = make([]int32, len(t.versions))
		for i := range t.versions {
			l := t.versions[i].layer
			x.order[next[l]] = int32(i)
			next[l]++
		}
	}
	return x.order[x.starts[layer]:x.starts[layer+1]]
}
