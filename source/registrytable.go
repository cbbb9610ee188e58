package source

import (
	"context"
	"errors"
	"io"
	"sync"

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

// key is what the table is kept under.
func (t *remoteTable) key() string { return "table of contents " + t.ref.Digest.String() }

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
	var raw []byte
	var kept bool
	if l.table.cache != nil {
		raw, kept = l.table.cache.Read(l.table.key())
		kept = kept && ref.Verified(raw)
	}
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
		l.table.cache.Write(l.table.key(), raw)
	}
	l.meter.skip(l.d.Size - fetched)
	if o.Progress != nil {
		o.Progress(fetched)
	}
	return t, nil
}
