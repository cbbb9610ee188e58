package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
)

// Limits on the memory for a layer's object.
const (
	maxLayerRows = 1 << 24
	maxFacts     = 32 << 20 // bytes that collectors kept
	maxMeta      = 8 << 20
	maxXattrRows = 1 << 16 // of one entry
)

// A LayerIndex is the content of a layer's object.
type LayerIndex struct {
	LayerMeta

	Object  int64 // bytes of the object
	Entries *source.Entries
	Facts   []source.Fact
}

// ReadLayerMeta reads the metadata of a layer's object, and returns its size in bytes.
func ReadLayerMeta(ctx context.Context, s source.Objects, layer string) (_ LayerMeta, size int64, err error) {
	t, err := OpenTable[FileRow](ctx, s, LayerName(layer))
	if err != nil {
		return LayerMeta{}, 0, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	m, err := layerMeta(t, layer)
	return m, t.object.Size(), err
}

// layerMeta is the metadata of a layer's object.
func layerMeta(t *Table[FileRow], layer string) (m LayerMeta, err error) {
	text, ok := t.File.Lookup(layerKey)
	if !ok || len(text) > maxMeta {
		return m, errTable
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return m, fmt.Errorf("%w: %w", errTable, err)
	}
	switch {
	case m.Layer != layer:
		return m, fmt.Errorf("%w: it belongs to the layer %s", errTable, m.Layer)
	case m.Rules != source.ScanRules:
		return m, fmt.Errorf("it was indexed by a version of peel that reads layers differently: use a new store")
	case !lookedInto(m.Collectors):
		return m, errors.New("it was indexed by a version of peel that examines other files: use a new store")
	case m.Entries != t.Len() || m.Entries > maxLayerRows || m.Bytes < 0:
		return m, errTable
	}
	return m, nil
}

// lookedInto reports whether all collectors have read the files of a layer. by has the names of
// those that did.
func lookedInto(by []string) bool {
	for _, c := range analyze.Collectors() {
		if !slices.Contains(by, c.Name) {
			return false
		}
	}
	return true
}

// ReadLayer reads the object of a layer. Its entries, the same as from a scan of the layer, may
// take at most memory bytes.
func ReadLayer(ctx context.Context, s source.Objects, layer string, memory int64) (_ *LayerIndex, err error) {
	name := LayerName(layer)
	t, err := OpenTable[FileRow](ctx, s, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	x := &LayerIndex{Object: t.object.Size()}
	if x.LayerMeta, err = layerMeta(t, layer); err == nil {
		err = x.read(ctx, t, memory)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return x, nil
}

// read reads all rows, which are sorted by path, and restores the order of the tar.
func (x *LayerIndex) read(ctx context.Context, t *Table[FileRow], memory int64) error {
	r := &layerReader{sorted: source.NewEntryBuilder(memory / 2), place: make([]int32, x.LayerMeta.Entries), collectors: x.Collectors}
	for i := range r.place {
		r.place[i] = -1
	}
	rows := make([]FileRow, 64)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		clear(rows)
		n, err := t.Read(rows)
		for i := range rows[:n] {
			if err := r.add(&rows[i]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if r.n != len(r.place) {
		return errTable
	}
	sorted, err := r.sorted.Entries(nil)
	if err != nil {
		return err
	}
	b := source.NewEntryBuilder(memory / 2)
	var row source.EntryRow
	for _, from := range r.place {
		sorted.Row(int(from), &row)
		if err := b.Add(&row); err != nil {
			return err
		}
	}
	flaws := make([]source.LayerFlaw, 0, len(x.Flaws))
	for _, f := range x.Flaws {
		flaws = append(flaws, source.LayerFlaw{Path: string(f.Path), Problem: f.Problem})
	}
	x.Entries, err = b.Entries(flaws)
	slices.SortFunc(r.facts, func(a, b source.Fact) int { return a.Entry - b.Entry })
	x.Facts = r.facts
	return err
}

// A layerReader makes entries from rows.
type layerReader struct {
	sorted     *source.EntryBuilder
	place      []int32 // by entry: its row
	n          int     // number of rows so far
	facts      []source.Fact
	factBytes  int
	collectors []string
}

// rowTypes are the kinds of entries by their names.
var rowTypes = func() map[string]source.Type {
	types := map[string]source.Type{}
	for t := source.File; t <= source.Fifo; t++ {
		types[t.String()] = t
	}
	return types
}()

// add adds the entry of a row.
func (r *layerReader) add(f *FileRow) error {
	kind, ok := rowTypes[f.Type]
	i := int(f.Ordinal)
	if !ok || i < 0 || i >= len(r.place) || r.place[i] >= 0 || f.Path == "" || f.Path[0] != '/' || f.Nanos < 0 || len(f.Xattrs) > maxXattrRows {
		return fmt.Errorf("%w: row %d", errTable, r.n)
	}
	row := source.EntryRow{Record: source.Record{
		Name: f.Name, Type: kind, Mode: int64(f.Mode), UID: f.UID, GID: f.GID, Size: f.Size, Stored: f.Stored,
		Sec: f.Mtime, Nsec: uint32(f.Nanos), Major: f.Major, Minor: f.Minor, Sparse: f.Sparse, Offset: f.Offset,
	}}
	if len(f.Name) == 0 {
		row.Name = []byte(storedName(f.Path, kind))
	}
	switch {
	case len(f.LinkRaw) > 0:
		row.Link = f.LinkRaw
	case f.Link != nil:
		row.Link = []byte(*f.Link)
	}
	if f.Sum != nil {
		row.Wide, row.Widened = *f.Sum, true
	}
	if f.Sum64 != nil {
		row.Sum, row.Summed = uint64(*f.Sum64), true
	}
	if len(f.Xattrs) > 0 {
		row.Xattrs = make(map[string]string, len(f.Xattrs))
		for _, x := range f.Xattrs {
			row.Xattrs[string(x.Name)] = string(x.Value)
		}
	}
	if err := r.sorted.Add(&row); err != nil {
		return err
	}
	if f.Collector != nil {
		if r.factBytes += len(f.Fact); r.factBytes > maxFacts || kind != source.File || !slices.Contains(r.collectors, *f.Collector) {
			return fmt.Errorf("%w: row %d", errTable, r.n)
		}
		r.facts = append(r.facts, source.Fact{Collector: *f.Collector, Entry: i, Data: slices.Clone(f.Fact)})
	}
	r.place[i] = int32(r.n)
	r.n++
	return nil
}
