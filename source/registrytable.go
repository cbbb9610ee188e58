package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/peelhq/peel/source/layer"
	"github.com/peelhq/peel/source/registry"
)

// remoteTable is the table of contents of a layer in a registry.
type remoteTable struct {
	ref   *layer.TableRef // nil if the layer has no usable table
	cache registry.Store  // store for tables by their own digest; nil: none

	mu     sync.Mutex
	tables []*layer.Table // tables that answered a scan
}

// outsideSuffix is the suffix of the tag of an image whose layers are the tables of another
// image, and outsideLayer is the annotation that names the layer of each. Source:
// containerd/stargz-snapshotter, nativeconverter/estargz/externaltoc.
const (
	outsideSuffix = "-esgztoc"
	outsideLayer  = "containerd.io/snapshot/stargz/layer.digest"
)

// outsideTables are an image's tables stored outside of its layers.
type outsideTables struct {
	mu     sync.Mutex
	found  bool
	tables map[string]registry.Descriptor // by the layer's digest
}

// of returns the packed table of a layer.
func (t *outsideTables) of(ctx context.Context, repo *registry.Repository, of digest.Digest) ([]byte, error) {
	tables, err := t.list(ctx, repo)
	if err != nil {
		return nil, err
	}
	d, ok := tables[of.String()]
	switch {
	case !ok:
		return nil, errors.New("the layer has none, and the image's tag has none either")
	case d.Size > maxOutside:
		return nil, fmt.Errorf("it is too large: %d bytes", d.Size)
	}
	packed := make([]byte, d.Size)
	return packed, repo.ReadRange(ctx, d, packed, 0)
}

// list returns the tables by layer; it requests the list once.
func (t *outsideTables) list(ctx context.Context, repo *registry.Repository) (map[string]registry.Descriptor, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.found {
		tables, err := listOutside(ctx, repo)
		if err != nil {
			return nil, err
		}
		t.tables, t.found = tables, true
	}
	return t.tables, nil
}

// maxOutside is the maximum size of a packed table, in bytes.
const maxOutside = 64 << 20

// listOutside returns the tables stored next to an image, by layer.
func listOutside(ctx context.Context, repo *registry.Repository) (map[string]registry.Descriptor, error) {
	d, err := repo.Beside(ctx, outsideSuffix)
	if err != nil || d.Digest == "" {
		return nil, err
	}
	text, err := repo.Manifest(ctx, d)
	if err != nil {
		return nil, err
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("the manifest of its tables of contents: %w", err)
	}
	tables := map[string]registry.Descriptor{}
	for _, l := range m.Layers {
		if of := l.Annotations[outsideLayer]; of != "" && l.Digest.Validate() == nil && l.Size > 0 {
			tables[of] = registry.Descriptor{Digest: l.Digest, MediaType: l.MediaType, Size: l.Size}
		}
	}
	return tables, nil
}

// of returns the table that lists e, or nil if the layer itself was read.
func (t *remoteTable) of(e *Entries) *layer.Table {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, table := range t.tables {
		if table.Entries == e {
			return table
		}
	}
	return nil
}

// key returns the cache key of the table. It depends on whether the table is outside of the
// layer, because that decides what else the layer contains.
func (t *remoteTable) key(outside bool) string {
	if outside {
		return "outside table of contents " + t.ref.Digest.String()
	}
	return "table of contents " + t.ref.Digest.String()
}

// kept returns the verified table from the cache.
func (t *remoteTable) kept() (raw []byte, ok bool) {
	if t.cache == nil {
		return nil, false
	}
	for _, outside := range []bool{false, true} {
		if raw, ok := t.cache.Read(t.key(outside)); ok && t.ref.Verified(raw) {
			t.ref.IsOutside = outside
			return raw, true
		}
	}
	return nil, false
}

// list answers a scan from the layer's table of contents. It reports false if the layer must be
// read: it has no table, verification was requested, or the table is unusable, which is logged.
// The error is ctx's.
func (l *remoteLayer) list(ctx context.Context, o layer.ScanOptions) (s *layer.Scanned, ok bool, err error) {
	if l.table.ref == nil || o.Verify {
		return nil, false, nil
	}
	t, err := l.readTable(ctx, o)
	if err == nil {
		l.table.mu.Lock()
		l.table.tables = append(l.table.tables, t)
		l.table.mu.Unlock()
		s = &layer.Scanned{Entries: t.Entries, Packed: true, ListedBy: t.Ref.Form}
		err = layer.Gather(ctx, l, s, o.Collect)
	}
	switch {
	case ctx.Err() != nil:
		return nil, false, context.Cause(ctx)
	case err != nil:
		if o.Log != nil {
			o.Log.Debug("a layer is read instead of its table of contents", "layer", l.d.Digest, "reason", err)
		}
		return nil, false, nil
	}
	return s, true, nil
}

// readPart is a layer.RangeFunc. It does not read from a registry without ranges: the table is at
// the end of the layer, so reading the whole layer once is cheaper.
func (l *remoteLayer) readPart(ctx context.Context, p []byte, off int64) error {
	b := l.repo.Part(ctx, l.d, off, off+int64(len(p)))
	_, err := io.ReadFull(b, p)
	return errors.Join(err, b.Close())
}

// readTable reads the table, from the cache if possible.
func (l *remoteLayer) readTable(ctx context.Context, o layer.ScanOptions) (*layer.Table, error) {
	ref := l.table.ref
	raw, kept := l.table.kept()
	var fetched int64
	if !kept {
		var err error
		raw, err = ref.Read(ctx, func(ctx context.Context, p []byte, off int64) error {
			fetched += int64(len(p))
			return l.readPart(ctx, p, off)
		})
		if err != nil {
			return nil, err
		}
	}
	t, err := ref.Parse(raw, o.Budget)
	if err != nil {
		return nil, err
	}
	if !kept && l.table.cache != nil {
		l.table.cache.Write(l.table.key(ref.IsOutside), raw)
	}
	l.meter.skip(l.d.Size - fetched)
	if o.Progress != nil {
		o.Progress(fetched)
	}
	return t, nil
}
