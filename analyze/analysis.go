package analyze

import (
	"context"
	"slices"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/source"
)

// Options control the analysis of an image. The zero value is ready to use.
type Options struct {
	// Base says which layers belong to the base image: their number, the digest
	// of the last one, or a reference to the base image, which is searched for
	// everywhere. Empty: detect the base, see BaseBy.
	Base string

	// Search says where to look for the base if Base is empty.
	Search BaseSearch

	// Dockerfiles are candidates for the file that the image was built from, likeliest first.
	// Their last FROM names the base.
	Dockerfiles []*dockerfile.File

	// Packages says that Analysis.Packages will be called. Most of that work then happens while
	// Run compares contents.
	Packages bool
}

// An Analysis holds everything found out about an image.
type Analysis struct {
	Image  *source.Image
	Tree   *Tree
	Totals Totals
	Base   Base
	Causes []CauseTotal // every cause, in the order of Causes
	Layers []LayerTotal // by layer index
	Waste  WasteRows
	Flaws  []source.Flaw

	// Dockerfile is the first of Options.Dockerfiles that appears to be the image's; nil if none
	// does.
	Dockerfile *dockerfile.File

	open   []comparison // comparisons left by Start
	search *baseSearch  // search that Watch did not wait for; nil: Base is final
	read   int          // number of layers
	stored []int64      // bytes of content, by layer
}

// Totals are an image's totals. Sizes are bytes.
type Totals struct {
	Layers  int
	Entries int // tar members in all layers

	Stored     int64   // content in all layers
	Visible    int64   // the part of Stored that some name of the final union reaches
	Wasted     int64   // Stored - Visible
	Efficiency float64 // Visible / Stored; 1 when nothing is stored

	Compressed int64 // layers' blobs as stored; -1 if a layer is not compressed

	BaseLayers      int
	UserStored      int64   // stored in the layers above the base
	UserWasted      int64   // wasted part of UserStored
	UserWastedRatio float64 // UserWasted / UserStored; 0 when nothing is stored
	OwnEfficiency   float64 // 1 - UserWastedRatio
	BaseHidden      int64   // stored in base layers, hidden by other layers
}

// CauseTotal is the waste of one cause.
type CauseTotal struct {
	Cause    Cause
	Bytes    int64
	Versions int // wasted versions with bytes
}

// LayerTotal holds the figures of one layer. Sizes are bytes.
type LayerTotal struct {
	Layer   *source.Layer
	Stored  int64 // in this layer
	Wasted  int64 // dead part of Stored
	Hides   int64 // dead bytes that this layer hides, including its own
	Entries int
	Changes Counts
	Base    bool // it belongs to the base image
}

// Counts are the numbers of versions by change against the union below, without duplicates.
type Counts struct{ Added, Modified, Metadata, Identical, Removed int }

func (c *Counts) add(change Change) {
	switch change {
	case Added:
		c.Added++
	case Modified:
		c.Modified++
	case Metadata:
		c.Metadata++
	case Identical:
		c.Identical++
	case Removed:
		c.Removed++
	}
}

// Run reads all layers of im that have not been read, and computes what they do to each other.
func Run(ctx context.Context, im *source.Image, opts Options) (*Analysis, error) {
	a, err := assembled(ctx, im, opts)
	if err != nil {
		return nil, err
	}
	var beside []func(context.Context) error
	if opts.Packages {
		a.Tree.shareInodes()
		beside = append(beside, a.Tree.findPackages)
	}
	if err := a.Tree.compare(ctx, a.open, beside...); err != nil {
		return nil, err
	}
	a.open = nil
	if err := a.conclude(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// Start is Run without the comparisons that require reading contents: files
// with the same path and size in uncompressed layers. Until Finish makes these
// comparisons, such files count as different. All sizes are exact; only the
// changes and causes of Unsettled versions, and their counts, may still change.
func Start(ctx context.Context, im *source.Image, opts Options) (*Analysis, error) {
	a, err := assembled(ctx, im, opts)
	if err != nil {
		return nil, err
	}
	if err := a.conclude(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// Unsettled returns the number of comparisons left for Finish.
func (a *Analysis) Unsettled() int { return len(a.open) }

// Settled reports whether Finish has nothing to do: no comparison, and no search for the base
// image.
func (a *Analysis) Settled() bool { return len(a.open) == 0 && a.search == nil }

// Finish makes the comparisons that Start left, waits for the base if Watch did not, and returns
// a settled analysis. It has the same nodes. a itself does not change and may be read meanwhile.
func (a *Analysis) Finish(ctx context.Context) (*Analysis, error) {
	if a.Settled() {
		return a, nil
	}
	t := a.Tree
	done := &Analysis{Image: a.Image, Flaws: a.Flaws, Tree: t, Base: a.Base, Dockerfile: a.Dockerfile, read: a.read, stored: a.stored}
	if len(a.open) > 0 {
		done.Tree = &Tree{
			layers: t.layers, nodes: t.nodes, children: t.children, extra: t.extra, dirs: t.dirs, orphans: t.orphans, search: t.search, owned: &packageCache{},
			versions: slices.Clone(t.versions), inodes: slices.Clone(t.inodes),
			views: viewCache{bunches: t.views.known()}, // comparisons do not affect these
		}
		if err := done.Tree.compare(ctx, a.open); err != nil {
			return nil, err
		}
		done.Tree.settleInodes()
	}
	if a.search != nil {
		done.Base = a.search.wait(ctx)
	}
	if err := done.sum(ctx); err != nil {
		return nil, err
	}
	return done, nil
}

// conclude assigns the blame for waste and computes all figures. The error is ctx's.
func (a *Analysis) conclude(ctx context.Context) error {
	a.Tree.settleInodes()
	return a.sum(ctx)
}

// sum computes all figures. The error is ctx's.
func (a *Analysis) sum(ctx context.Context) error {
	t, base := a.Tree, a.Base.Layers
	a.Layers = make([]LayerTotal, len(t.layers))
	tot := &a.Totals
	tot.Layers, tot.BaseLayers = len(t.layers), base
	for k, l := range t.layers {
		a.Layers[k] = LayerTotal{Layer: l, Stored: a.stored[k], Entries: l.Entries.Len(), Base: k < base}
		tot.Entries += l.Entries.Len()
		switch {
		case l.CompressedBytes < 0 || tot.Compressed < 0:
			tot.Compressed = -1
		default:
			tot.Compressed += l.CompressedBytes
		}
	}
	for i := range t.versions {
		if v := &t.versions[i]; v.flags&duplicate == 0 {
			a.Layers[v.layer].Changes.add(v.change)
		}
	}
	for _, c := range Causes() {
		a.Causes = append(a.Causes, CauseTotal{Cause: c})
	}
	rows := t.wasted()
	for i := range rows {
		if i%untilRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		w := t.wasteOf(rows[i].id, rows[i].bytes)
		a.Layers[w.Layer].Wasted += w.Bytes
		a.Layers[w.By].Hides += w.Bytes
		a.Causes[w.Cause-1].Bytes += w.Bytes
		a.Causes[w.Cause-1].Versions++
		tot.Wasted += w.Bytes
		if w.Layer < base && w.By >= base {
			tot.BaseHidden += w.Bytes
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	a.Waste = t.inOrder(rows)
	for k := range a.Layers {
		tot.Stored += a.Layers[k].Stored
		if k >= base {
			tot.UserStored += a.Layers[k].Stored
			tot.UserWasted += a.Layers[k].Wasted
		}
	}
	tot.Visible = tot.Stored - tot.Wasted
	tot.Efficiency = 1
	if tot.Stored > 0 {
		tot.Efficiency = float64(tot.Visible) / float64(tot.Stored)
	}
	if tot.UserStored > 0 {
		tot.UserWastedRatio = float64(tot.UserWasted) / float64(tot.UserStored)
	}
	tot.OwnEfficiency = 1 - tot.UserWastedRatio
	return ctx.Err()
}
