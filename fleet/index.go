package fleet

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/internal/redact"
	"github.com/peelhq/peel/source"
)

// LayerMemory is the memory, in bytes, that the entries of one layer may take while it is indexed.
// With it, a shard stays below 300 MB. A layer that needs more counts as one that can't be read.
const LayerMemory = 96 << 20

// smallMemory is the memory that they may take while other layers are read at the same time. A
// layer that needs more is read again, alone.
const smallMemory = 16 << 20

// A ShardOptions says how a shard works.
type ShardOptions struct {
	Shard

	Open        source.Options // how to open images and layers
	Concurrency int            // layers or images at once; 0 means 4
	Retry       bool           // try again to read what could not be read

	// Progress, if not nil, is called after each layer or image, one call at a time.
	Progress func(t Tally)
}

// A Tally says what a shard did.
type Tally struct {
	Todo    int   // layers and images of the shard
	Done    int   // of these, done now
	Before  int   // of these, done by an earlier run
	Failed  int   // of those done, the ones that can't be read
	Bytes   int64 // bytes of layers that were read
	Left    int   // not done; another try may succeed
	Because error // why the first of these was not done
}

// ErrLeft says that part of a shard is left to do, and that another try may succeed.
var ErrLeft = errors.New("the shard is incomplete")

// ErrDenied says that a registry refuses access, and that trying again can't fix it.
var ErrDenied = errors.New("a registry refuses access")

// A LayerFailure is what the store keeps about a layer, or an image, that can't be read.
type LayerFailure struct {
	Layer  string `json:"layer,omitempty"`
	Kind   string `json:"kind"` // "absent", "unsupported" or "damaged"
	Reason string `json:"reason"`
}

// The kinds of failures.
var failureKinds = map[source.Failure]string{source.Absent: "absent", source.Unsupported: "unsupported", source.Damaged: "damaged"}

// failure returns the source.Failure of a kind.
func (f *LayerFailure) failure() source.Failure {
	for k, name := range failureKinds {
		if name == f.Kind {
			return k
		}
	}
	return source.Damaged
}

// ImageKey returns the key in the names of an image's objects: 64 hexadecimal digits.
func ImageKey(im *PlanImage) string {
	sum := sha256.Sum256([]byte(im.Reference + "\x00" + im.Platform + "\x00" + im.Digest + "\x00" + im.ID + "\x00" + strings.Join(im.Layers, " ")))
	return hex.EncodeToString(sum[:])
}

// DescriptionName returns the name of the object with an image's description.
func DescriptionName(key string) string { return "descriptions/" + key + ".json" }

// FailedImageName returns the name of the object that says why an image can't be described.
func FailedImageName(key string) string { return "failed/images/" + key + ".json" }

// An indexer indexes a shard.
type indexer struct {
	ShardOptions
	plan  *Plan
	store source.Objects

	alone sync.RWMutex // a reader of a large layer holds it for writing

	mu    sync.Mutex
	tally Tally
}

// Index reads each unique layer of a shard once, and stores its index and the descriptions of the
// shard's images. It skips what the store already has. The error wraps ErrLeft if another try may
// read everything that is missing.
func Index(ctx context.Context, p *Plan, s source.Objects, o ShardOptions) (Tally, error) {
	x := &indexer{ShardOptions: o, plan: p, store: s}
	if x.Concurrency <= 0 {
		x.Concurrency = usualConcurrency
	}
	if err := p.Put(ctx, s); err != nil {
		return x.tally, err
	}
	mine, err := p.share(ctx, o.Shard)
	if err != nil {
		return x.tally, err
	}
	units := map[string][]PlanLayer{}
	var order []string
	err = p.Each(ctx, nil, func(l *PlanLayer) error {
		if key := unitOf(l); mine[key] {
			if units[key] == nil {
				order = append(order, key)
			}
			units[key] = append(units[key], *l)
			x.tally.Todo++
		}
		return nil
	})
	if err != nil {
		return x.tally, err
	}
	var images []PlanImage
	err = p.Each(ctx, func(im *PlanImage) error {
		if im.Error == "" && im.Image%int64(o.Of) == int64(o.Number) {
			images = append(images, *im)
			x.tally.Todo++
		}
		return nil
	}, nil)
	if err != nil {
		return x.tally, err
	}
	err = x.run(ctx, func(do func(func(context.Context) error)) {
		for _, key := range order {
			do(func(ctx context.Context) error { return x.unit(ctx, units[key]) })
		}
		for i := range images {
			do(func(ctx context.Context) error { return x.image(ctx, &images[i]) })
		}
	})
	return x.tally, x.tally.outcome(err)
}

// outcome returns the error of a shard.
func (t *Tally) outcome(err error) error {
	if err == nil && t.Left > 0 {
		return fmt.Errorf("%w: %d of %d are left: %w", ErrLeft, t.Left, t.Todo, t.Because)
	}
	return err
}

// run runs the functions that each passes to it, several at once.
func (x *indexer) run(ctx context.Context, each func(do func(func(context.Context) error))) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(x.Concurrency)
	each(func(fn func(context.Context) error) {
		if inner.Err() != nil {
			return
		}
		group.Go(func() error {
			return crash.Do(func() error {
				if err := inner.Err(); err != nil {
					return err
				}
				return fn(inner)
			})
		})
	})
	return cmp.Or(group.Wait(), ctx.Err())
}

// count adds to the tally.
func (x *indexer) count(add func(t *Tally)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	add(&x.tally)
	if x.Progress != nil {
		x.Progress(x.tally)
	}
}

// left records that something could not be done. It returns an error that ends the shard.
func (x *indexer) left(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, source.ErrRefused):
		return err
	case source.FailureOf(err) == source.Denied:
		return fmt.Errorf("%w: %w", ErrDenied, err)
	}
	x.count(func(t *Tally) {
		t.Left++
		t.Because = cmp.Or(t.Because, err)
	})
	return nil
}

// put stores an object.
func (x *indexer) put(ctx context.Context, name string, b []byte) error {
	_, err := x.store.Put(ctx, name, bytes.NewReader(b), int64(len(b)))
	return err
}

// has reports whether the store has an object, or, under another name, the reason why it doesn't.
func (x *indexer) has(ctx context.Context, name, failed string) (bool, error) {
	there, err := exists(ctx, x.store, name)
	if !there && err == nil && !x.Retry {
		there, err = exists(ctx, x.store, failed)
	}
	return there, err
}

// exists reports whether a store has an object.
func exists(ctx context.Context, s source.Objects, name string) (bool, error) {
	o, err := s.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, o.Close()
}

// fail stores why a layer or an image can't be read.
func (x *indexer) fail(ctx context.Context, name, layer string, err error) error {
	f := LayerFailure{Layer: layer, Kind: failureKinds[source.FailureOf(err)], Reason: redact.Text(strings.ToValidUTF8(err.Error(), "\uFFFD"))}
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return x.put(ctx, name, text)
}

// unit indexes the layers of a unit.
func (x *indexer) unit(ctx context.Context, layers []PlanLayer) error {
	var todo []PlanLayer
	for i := range layers {
		there, err := x.has(ctx, LayerName(layers[i].Layer), FailedName(layers[i].Layer))
		switch {
		case err != nil:
			if err := x.left(ctx, err); err != nil {
				return err
			}
		case there:
			x.count(func(t *Tally) { t.Before++ })
		default:
			todo = append(todo, layers[i])
		}
	}
	if len(todo) == 0 {
		return nil
	}
	if strings.HasPrefix(todo[0].From, "registry://") {
		return x.fromRegistry(ctx, &todo[0])
	}
	return x.fromImage(ctx, todo)
}

// fromRegistry indexes a layer in a registry, as it arrives.
func (x *indexer) fromRegistry(ctx context.Context, l *PlanLayer) error {
	if strings.Contains(l.MediaType, "foreign") || strings.Contains(l.MediaType, "nondistributable") {
		return x.fromImage(ctx, []PlanLayer{*l}) // its manifest names other places for it
	}
	open := func(memory int64) (*source.Image, error) {
		opts := x.Open
		opts.EntryMemory = memory
		return source.RegistryLayer(ctx, l.From, &source.Layer{Digest: l.Layer, DiffID: l.DiffID, MediaType: l.MediaType}, l.Bytes, opts)
	}
	return x.layer(ctx, l, 0, open)
}

// fromImage indexes layers of an image, which it opens once for each of them.
func (x *indexer) fromImage(ctx context.Context, layers []PlanLayer) error {
	for i := range layers {
		l := &layers[i]
		open := func(memory int64) (*source.Image, error) {
			opts := x.Open
			opts.EntryMemory, opts.Platform = memory, l.Platform
			// An archive that is compressed as a whole can only be read in one pass. It is kept,
			// because layers without a digest of their own are read twice.
			opts.KeepContent = source.EngineOf(l.From) == ""
			return source.Open(ctx, l.From, opts)
		}
		if err := x.layer(ctx, l, l.Index, open); err != nil {
			return err
		}
	}
	return nil
}

// layer indexes layer i of the image that open opens. It is the plan's layer l.
func (x *indexer) layer(ctx context.Context, l *PlanLayer, i int, open func(memory int64) (*source.Image, error)) error {
	x.alone.RLock()
	b, err := x.read(ctx, l, i, smallMemory, open)
	x.alone.RUnlock()
	if errors.Is(err, source.ErrEntryMemory) {
		x.alone.Lock()
		b, err = x.read(ctx, l, i, LayerMemory, open)
		x.alone.Unlock()
	}
	switch {
	case err == nil:
		if err := x.put(ctx, LayerName(l.Layer), b); err != nil {
			return x.left(ctx, err)
		}
		x.count(func(t *Tally) { t.Done, t.Bytes = t.Done+1, t.Bytes+l.Bytes })
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case failureKinds[source.FailureOf(err)] == "":
		return x.left(ctx, err)
	}
	if err := x.fail(ctx, FailedName(l.Layer), l.Layer, err); err != nil {
		return x.left(ctx, err)
	}
	x.count(func(t *Tally) { t.Done, t.Failed = t.Done+1, t.Failed+1 })
	return nil
}

// read returns the object of a layer.
func (x *indexer) read(ctx context.Context, l *PlanLayer, i int, memory int64, open func(memory int64) (*source.Image, error)) (_ []byte, err error) {
	im, err := open(memory)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, im.Close()) }()
	if i >= len(im.Layers) || cmp.Or(im.Layers[i].Digest, im.Layers[i].DiffID) != l.Layer {
		return nil, fmt.Errorf("%s has changed since the plan was made: it has no layer %s at %d", l.From, l.Layer, i)
	}
	from := im.Layers[i]
	if err := im.ScanLayer(ctx, i); err != nil {
		return nil, err
	}
	if from.Err != nil {
		return nil, from.Err
	}
	if from.Digest == "" && source.EngineOf(l.From) == "" { // the engine verified it
		if err := from.VerifyTar(ctx); err != nil {
			return nil, err
		}
	}
	if err := from.Widen(ctx); err != nil {
		return nil, err
	}
	if err := checkComplete(from); err != nil {
		return nil, err
	}
	m := LayerMeta{Layer: l.Layer, DiffID: from.DiffID, MediaType: from.MediaType, Bytes: from.StoredSize()}
	for _, c := range x.Open.Collect {
		m.Collectors = append(m.Collectors, c.Name)
	}
	return encodeLayer(ctx, from, m)
}

// image stores an image's description, its manifest and its config.
func (x *indexer) image(ctx context.Context, p *PlanImage) error {
	key := ImageKey(p)
	there, err := x.has(ctx, DescriptionName(key), FailedImageName(key))
	if err != nil {
		return x.left(ctx, err)
	}
	if there {
		x.count(func(t *Tally) { t.Before++ })
		return nil
	}
	err = x.describe(ctx, p, key)
	switch {
	case err == nil:
		x.count(func(t *Tally) { t.Done++ })
		return nil
	case errors.Is(err, errStoring), ctx.Err() != nil, failureKinds[source.FailureOf(err)] == "":
		return x.left(ctx, err)
	}
	if err := x.fail(ctx, FailedImageName(key), "", err); err != nil {
		return x.left(ctx, err)
	}
	x.count(func(t *Tally) { t.Done, t.Failed = t.Done+1, t.Failed+1 })
	return nil
}

// errStoring says that an error is the store's.
var errStoring = errors.New("storing it")

// describe stores the objects that describe an image, its description last.
func (x *indexer) describe(ctx context.Context, p *PlanImage, key string) (err error) {
	opts := x.Open
	opts.Platform, opts.EntryMemory = p.Platform, LayerMemory
	im, err := source.Open(ctx, p.Reference, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, im.Close()) }()
	if len(im.Layers) != len(p.Layers) {
		return fmt.Errorf("%s has changed since the plan was made: it has %d layers, not %d", p.Reference, len(im.Layers), len(p.Layers))
	}
	for i, l := range im.Layers {
		if cmp.Or(l.Digest, l.DiffID) != p.Layers[i] {
			return fmt.Errorf("%s has changed since the plan was made: its layer %d differs", p.Reference, i)
		}
	}
	if err := im.FindPacking(ctx); err != nil {
		return err
	}
	text, err := im.Describe()
	if err != nil {
		return err
	}
	for _, d := range im.Documents() {
		sum := sha256.Sum256(d.Text)
		digest := "sha256:" + hex.EncodeToString(sum[:])
		if d.Name == "manifest" && digest == im.Digest || d.Name == "config" && digest == im.ID {
			if err := x.put(ctx, d.Name+"s/"+hexPath(digest), d.Text); err != nil {
				return fmt.Errorf("%w: %w", errStoring, err)
			}
		}
	}
	if err := x.put(ctx, DescriptionName(key), text); err != nil {
		return fmt.Errorf("%w: %w", errStoring, err)
	}
	return nil
}
