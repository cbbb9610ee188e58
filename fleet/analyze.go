package fleet

import (
	"bytes"
	"cmp"
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/internal/redact"
	"github.com/peelhq/peel/source"
)

// Limits on the memory for analysing an image, in bytes.
const (
	imageMemory    = 384 << 20 // entries of one layer
	keptLayers     = 96 << 20  // of layers kept for the next image, roughly
	maxDescription = 32 << 20
	maxFailure     = 1 << 20
)

// errNotIndexed says that a layer or an image was not indexed.
var errNotIndexed = errors.New("it is not indexed: run all shards of peel fleet index first")

// An analyser analyses a shard.
type analyser struct {
	ShardOptions
	plan  *Plan
	store source.Objects
	kept  layerCache

	mu    sync.Mutex
	tally Tally // of images
}

// Analyze computes the figures of a shard's images from the indexes of their layers in the store,
// and stores the rows of all tables. A shard has whole parts of the plan. Analyze skips parts that
// the store already has. The error wraps ErrLeft if something was not indexed.
func Analyze(ctx context.Context, p *Plan, s source.Objects, o ShardOptions) (Tally, error) {
	x := &analyser{ShardOptions: o, plan: p, store: s, kept: layerCache{store: s, found: map[string]*list.Element{}, read: map[string]layerCounts{}}}
	if x.Concurrency <= 0 {
		x.Concurrency = usualConcurrency
	}
	if err := p.Put(ctx, s); err != nil {
		return x.tally, err
	}
	err := x.run(ctx)
	return x.tally, x.tally.outcome(err)
}

// mine reports whether a part belongs to the shard.
func (x *analyser) mine(part int64) bool { return part%int64(x.Of) == int64(x.Number) }

// run goes through the plan.
func (x *analyser) run(ctx context.Context) error {
	layers := map[int64][]PlanLayer{} // by part
	err := x.plan.Each(ctx, nil, func(l *PlanLayer) error {
		if part := l.First / PartImages; x.mine(part) {
			layers[part] = append(layers[part], *l)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var images []PlanImage
	flush := func() error {
		if len(images) == 0 {
			return nil
		}
		part := images[0].Image / PartImages
		err := x.part(ctx, part, images, layers[part])
		images = images[:0]
		x.kept.nextPart()
		return err
	}
	err = x.plan.Each(ctx, func(im *PlanImage) error {
		if part := im.Image / PartImages; x.mine(part) {
			images = append(images, *im)
			if int64(len(images)) == min(PartImages, x.plan.End.Images-part*PartImages) {
				return flush()
			}
		}
		return nil
	}, nil)
	return cmp.Or(err, ctx.Err())
}

// rows are the rows of one image.
type rows struct {
	image    ImageRow
	layers   []ImageLayerRow
	findings []FindingRow
	packages []PackageRow
}

// part makes a part of all tables.
func (x *analyser) part(ctx context.Context, part int64, images []PlanImage, layers []PlanLayer) error {
	x.count(func(t *Tally) { t.Todo += len(images) })
	last := PartName(ImagesTable, x.plan.ID, part)
	switch there, err := exists(ctx, x.store, last); {
	case err != nil:
		return x.left(ctx, len(images), err)
	case there:
		x.count(func(t *Tally) { t.Before += len(images) })
		return nil
	}
	all := make([]rows, len(images))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(x.Concurrency)
	for i := range images {
		group.Go(func() error {
			return crash.Do(func() (err error) {
				if err := inner.Err(); err != nil {
					return err
				}
				all[i], err = x.image(inner, &images[i])
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return x.left(ctx, len(images), err)
	}
	if err := x.write(ctx, part, all, layers); err != nil {
		return x.left(ctx, len(images), err)
	}
	x.count(func(t *Tally) {
		t.Done += len(images)
		for i := range all {
			if all[i].image.Error != nil {
				t.Failed++
			}
		}
	})
	return nil
}

// left records that the images of a part could not be analyzed. It returns an error that ends the
// shard.
func (x *analyser) left(ctx context.Context, n int, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, source.ErrRefused):
		return err
	}
	x.count(func(t *Tally) {
		t.Left += n
		t.Because = cmp.Or(t.Because, err)
	})
	return nil
}

func (x *analyser) count(add func(t *Tally)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	add(&x.tally)
	if x.Progress != nil {
		x.Progress(x.tally)
	}
}

// write stores the rows of a part. Those of images are last.
func (x *analyser) write(ctx context.Context, part int64, all []rows, layers []PlanLayer) error {
	var images []ImageRow
	var of []ImageLayerRow
	var findings []FindingRow
	var packages []PackageRow
	for i := range all {
		images = append(images, all[i].image)
		of = append(of, all[i].layers...)
		findings = append(findings, all[i].findings...)
		packages = append(packages, all[i].packages...)
	}
	unique, err := x.layerRows(ctx, layers)
	if err != nil {
		return err
	}
	// One after another: if storing one fails, the following ones must not be stored.
	for _, put := range []func() error{
		func() error { return putTable(ctx, x, LayersTable, part, unique) },
		func() error { return putTable(ctx, x, ImageLayersTable, part, of) },
		func() error { return putTable(ctx, x, FindingsTable, part, findings) },
		func() error { return putTable(ctx, x, PackagesTable, part, packages) },
		func() error { return putTable(ctx, x, ImagesTable, part, images) },
	} {
		if err := put(); err != nil {
			return err
		}
	}
	return nil
}

// putTable stores the rows of one table.
func putTable[T any](ctx context.Context, x *analyser, table string, part int64, rows []T) error {
	b, err := WriteTable(rows)
	if err != nil {
		return err
	}
	_, err = x.store.Put(ctx, PartName(table, x.plan.ID, part), bytes.NewReader(b), int64(len(b)))
	return err
}

// layerRows are the rows of unique layers.
func (x *analyser) layerRows(ctx context.Context, layers []PlanLayer) ([]LayerRow, error) {
	var out []LayerRow
	for i := range layers {
		l := &layers[i]
		row := LayerRow{
			Plan: x.plan.ID, Layer: l.Layer, DiffID: known(l.DiffID), MediaType: known(l.MediaType), Bytes: l.Bytes, Images: l.Images, From: l.From,
		}
		n, err := x.kept.counts(ctx, l.Layer)
		switch {
		case err == nil:
			row.Entries, row.Files, row.Content, row.Index = &n.entries, &n.files, &n.content, &n.index
		case errors.Is(err, fs.ErrNotExist):
			f, err := readFailure(ctx, x.store, FailedName(l.Layer))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.Layer, err)
			}
			row.Error = &f.Reason
		default:
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// known returns nil for unknown text.
func known(s string) *string {
	if s == "" {
		return nil
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	return &s
}

// readFailure reads the stored reason why something can't be read.
func readFailure(ctx context.Context, s source.Objects, name string) (*LayerFailure, error) {
	text, err := ReadObject(ctx, s, name, maxFailure)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNotIndexed
	}
	if err != nil {
		return nil, err
	}
	f := &LayerFailure{}
	if err := json.Unmarshal(text, f); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// image analyses an image. Errors of the image itself are in its row.
func (x *analyser) image(ctx context.Context, p *PlanImage) (rows, error) {
	r := rows{image: ImageRow{
		Plan: x.plan.ID, Image: p.Image, Reference: clean(p.Reference), Name: clean(p.Name), Repository: clean(p.Repository), Tag: known(p.Tag),
		Digest: known(p.Digest), ID: known(p.ID), Platform: known(p.Platform), Created: millis(p.Created), Labels: map[string]string{},
	}}
	for k, v := range p.Labels {
		r.image.Labels[clean(k)] = clean(v)
	}
	if p.Error != "" {
		r.image.Error = known(p.Error)
		return r, nil
	}
	an, err := AnalyzeStored(ctx, x.store, p, x.kept.layer)
	if why := (*imageError)(nil); errors.As(err, &why) {
		r.image.Error = known(redact.Text(why.Error()))
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", p.Reference, err)
	}
	findings, err := analyze.Advise(ctx, an, analyze.AdviceOptions{})
	if err != nil {
		return r, err
	}
	packages, err := an.Packages(ctx)
	if err != nil {
		return r, err
	}
	r.fill(an, p, findings, packages)
	return r, nil
}

// An imageError says why an image has no figures, if the image itself is the reason.
type imageError struct{ err error }

func (e *imageError) Error() string { return e.err.Error() }
func (e *imageError) Unwrap() error { return e.err }

// AnalyzeStored analyses an image of a plan from a store. The result is the same as from the image
// itself, but has no contents to read. layer reads the object of a layer; nil means ReadLayer.
func AnalyzeStored(ctx context.Context, s source.Objects, p *PlanImage, layer func(ctx context.Context, key string) (*LayerIndex, error)) (*analyze.Analysis, error) {
	if layer == nil {
		layer = func(ctx context.Context, key string) (*LayerIndex, error) { return ReadLayer(ctx, s, key, imageMemory) }
	}
	key := ImageKey(p)
	text, err := ReadObject(ctx, s, DescriptionName(key), maxDescription)
	if errors.Is(err, fs.ErrNotExist) {
		f, err := readFailure(ctx, s, FailedImageName(key))
		if err != nil {
			return nil, err
		}
		return nil, &imageError{errors.New(f.Reason)}
	}
	if err != nil {
		return nil, err
	}
	var passing error
	im, err := source.OpenDescribed(ctx, text, func(l *source.Layer) (source.DescribedLayer, error) {
		if l.Index >= len(p.Layers) || cmp.Or(l.Digest, l.DiffID) != p.Layers[l.Index] {
			return source.DescribedLayer{}, errors.New("its stored description is of another image")
		}
		d, err := describedLayer(ctx, s, p.Layers[l.Index], layer)
		passing = cmp.Or(passing, err)
		return d, err
	})
	if err != nil {
		if passing == nil && ctx.Err() == nil {
			return nil, &imageError{err}
		}
		return nil, err
	}
	an, err := analyze.Run(ctx, im, analyze.Options{Search: analyze.SearchImage, Packages: true})
	if err != nil && ctx.Err() == nil {
		return nil, &imageError{err}
	}
	return an, err
}

// describedLayer has the facts about a layer in a store.
func describedLayer(ctx context.Context, s source.Objects, key string, layer func(ctx context.Context, key string) (*LayerIndex, error)) (source.DescribedLayer, error) {
	x, err := layer(ctx, key)
	switch {
	case err == nil:
		return source.DescribedLayer{Entries: x.Entries, Facts: x.Facts, Packed: x.Packed}, nil
	case !errors.Is(err, fs.ErrNotExist):
		return source.DescribedLayer{}, err
	}
	f, err := readFailure(ctx, s, FailedName(key))
	if err != nil {
		return source.DescribedLayer{}, fmt.Errorf("%s: %w", key, err)
	}
	return source.DescribedLayer{Why: errors.New(f.Reason), Failure: f.failure()}, nil
}

// A layerCache keeps the layers that were read last, because images share layers.
type layerCache struct {
	store source.Objects

	mu    sync.Mutex
	found map[string]*list.Element // by key
	order list.List                // of *keptLayer, the last used first
	bytes int64
	read  map[string]layerCounts // of the layers that were read for a part
}

// layerCounts has the facts about a layer's object for the table of layers.
type layerCounts struct{ entries, files, content, index int64 }

func countsOf(m *LayerMeta, index int64) layerCounts {
	return layerCounts{m.Entries, m.Files, m.Content, index}
}

// counts returns the counts of a layer, without a request if the layer was read for the part.
func (c *layerCache) counts(ctx context.Context, key string) (layerCounts, error) {
	c.mu.Lock()
	n, ok := c.read[key]
	c.mu.Unlock()
	if ok {
		return n, nil
	}
	m, size, err := ReadLayerMeta(ctx, c.store, key)
	return countsOf(&m, size), err
}

// nextPart forgets the counts of layers.
func (c *layerCache) nextPart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = map[string]layerCounts{}
}

type keptLayer struct {
	key   string
	bytes int64
	index *LayerIndex
}

// layer returns the index of a layer.
func (c *layerCache) layer(ctx context.Context, key string) (*LayerIndex, error) {
	c.mu.Lock()
	if e, ok := c.found[key]; ok {
		c.order.MoveToFront(e)
		k, _ := e.Value.(*keptLayer) // the cache has nothing else
		c.mu.Unlock()
		return k.index, nil
	}
	c.mu.Unlock()
	x, err := ReadLayer(ctx, c.store, key, imageMemory)
	if err != nil {
		return nil, err
	}
	k := &keptLayer{key: key, bytes: 4096 + 80*x.LayerMeta.Entries, index: x}
	for _, f := range x.Facts {
		k.bytes += int64(len(f.Data))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read[key] = countsOf(&x.LayerMeta, x.Object)
	if _, ok := c.found[key]; ok { // another image read it in the meantime
		return x, nil
	}
	c.found[key] = c.order.PushFront(k)
	for c.bytes += k.bytes; c.bytes > keptLayers && c.order.Len() > 1; {
		e := c.order.Back()
		old, _ := c.order.Remove(e).(*keptLayer)
		delete(c.found, old.key)
		c.bytes -= old.bytes
	}
	return x, nil
}
