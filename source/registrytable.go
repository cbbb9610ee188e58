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
	ref   *layer.TableRef // nil if the layer has none that can be used
	cache registry.Store  // where tables are kept, by their own digest; nil: nowhere

	mu     sync.Mutex
	tables []*layer.Table // those that a scan was answered by
}

// outsideSuffix is what follows an image's tag in the tag of the image whose layers are
// its tables, and outsideLayer the annotation that says which layer one is of.
// Source: containerd/stargz-snapshotter, nativeconverter/estargz/externaltoc.
const (
	outsideSuffix = "-esgztoc"
	outsideLayer  = "containerd.io/snapshot/stargz/layer.digest"
)

// outsideTables are the tables of an image that lie outside of its layers.
type outsideTables struct {
	mu     sync.Mutex
	found  bool
	tables map[string]registry.Descriptor // by the layer's digest
}

// of returns the table of a layer, as it is packed.
func (t *outsideTables) of(ctx context.Context, repo *registry.Repository, of digest.Digest) ([]byte, error) {
	tables, err := t.list(ctx, repo)
	if err != nil {
		return nil, err
	}
	d, ok := tables[of.String()]
	switch {
	case !ok:
		return nil, errors.New("it is not in the layer, and there is none beside the image's tag")
	case d.Size > maxOutside:
		return nil, fmt.Errorf("it is too large: %d bytes", d.Size)
	}
	packed := make([]byte, d.Size)
	return packed, repo.ReadRange(ctx, d, packed, 0)
}

// list returns the tables by their layers, and asks for that list once.
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

// maxOutside bounds a packed table, in bytes.
const maxOutside = 64 << 20

// listOutside returns the tables that are kept beside an image, by their layers.
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

// of returns the table that e was listed by; nil if the layer was read for it.
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

// key is what the table is kept under, by whether it lies outside of the layer: that
// decides what else the layer holds.
func (t *remoteTable) key(outside bool) string {
	if outside {
		return "outside table of contents " + t.ref.Digest.String()
	}
	return "table of contents " + t.ref.Digest.String()
}

// kept returns the table from the cache, verified.
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

// list answers a scan by the layer's table of contents. It reports false where the
// layer has to be read: it has no table, all of it is to be verified, or the table
// cannot be used, which the log says. The error is ctx's.
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

// readPart is a layer.RangeFunc. Of a registry that gives no ranges it reads nothing:
// to read the layer once is less than to read up to its table, which is at the end.
func (l *remoteLayer) readPart(ctx context.Context, p []byte, off int64) error {
	b := l.repo.Part(ctx, l.d, off, off+int64(len(p)))
	_, err := io.ReadFull(b, p)
	return errors.Join(err, b.Close())
}

// readTable reads the table, from the cache if that has it.
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
