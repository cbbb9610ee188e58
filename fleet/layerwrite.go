package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/peelhq/peel/source"
)

// layerKey is the key in an object's metadata of its LayerMeta.
const layerKey = "peel.layer"

// A LayerMeta has the facts about a layer, as opposed to its entries. The layer's object has it
// as JSON in its metadata.
type LayerMeta struct {
	Layer      string      `json:"layer"` // key
	DiffID     string      `json:"diffId,omitempty"`
	MediaType  string      `json:"mediaType,omitempty"`
	Bytes      int64       `json:"bytes"`      // of the blob as stored
	Packed     bool        `json:"packed"`     // the blob is compressed
	Rules      int         `json:"rules"`      // source.ScanRules of the program that read it
	Collectors []string    `json:"collectors"` // collectors that read its files
	Entries    int64       `json:"entries"`
	Files      int64       `json:"files"`   // regular files among the entries
	Content    int64       `json:"content"` // bytes of these files, as stored in the tar
	Flaws      []FlawEntry `json:"flaws,omitempty"`
}

// A FlawEntry is something malformed that could be skipped.
type FlawEntry struct {
	Path    []byte `json:"path"` // as stored
	Problem string `json:"problem"`
}

// sortInMemory is the maximum number of entries whose paths are held in memory for sorting. With
// more, each comparison makes the paths again.
const sortInMemory = 200_000

// rowBatch is the number of rows to write at a time.
const rowBatch = 256

// encodeLayer returns a scanned layer as an object of the table files. Its metadata is m, completed
// by what follows from the entries.
func encodeLayer(ctx context.Context, l *source.Layer, m LayerMeta) ([]byte, error) {
	e := l.Entries
	var b bytes.Buffer
	w := parquet.NewGenericWriter[FileRow](&b, append(writerOptions(), schemaOf[FileRow](),
		parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("path"), parquet.Ascending("ordinal"))))...)
	m.Rules, m.Packed, m.Entries = source.ScanRules, l.CompressedBytes >= 0 && l.Digest != "", int64(e.Len())
	facts := map[int]*source.Fact{}
	for i := range l.Facts {
		facts[l.Facts[i].Entry] = &l.Facts[i]
	}
	batch := newRowBatch(m.Layer)
	order := pathOrder(e)
	for len(order) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, bytes := 0, 0
		for ; n < len(order) && n < rowBatch && bytes < batchBytes; n++ {
			i := int(order[n])
			bytes += batch.fill(n, e, i, facts[i])
			if e.Type(i) == source.File {
				m.Files++
				m.Content += e.Stored(i)
			}
		}
		if _, err := w.Write(batch.rows[:n]); err != nil {
			return nil, err
		}
		order = order[n:]
	}
	for _, f := range e.Flaws() {
		m.Flaws = append(m.Flaws, FlawEntry{[]byte(f.Path), f.Problem})
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	w.SetKeyValueMetadata(layerKey, string(text))
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// pathOrder returns the entries in the order of their rows: by path, then as stored.
func pathOrder(e *source.Entries) []int32 {
	order := make([]int32, e.Len())
	for i := range order {
		order[i] = int32(i)
	}
	if len(order) <= sortInMemory {
		paths := make([]string, len(order))
		for i := range paths {
			paths[i], _ = rowPath(string(e.AppendName(nil, i)))
		}
		slices.SortStableFunc(order, func(a, b int32) int { return strings.Compare(paths[a], paths[b]) })
		return order
	}
	var buf []byte
	at := func(i int32) string {
		buf = e.AppendName(buf[:0], int(i))
		p, _ := rowPath(string(buf))
		return p
	}
	slices.SortStableFunc(order, func(a, b int32) int { return strings.Compare(at(a), at(b)) })
	return order
}

// The names of whiteouts.
// Source: OCI image-spec, layer.md, "Whiteouts".
const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
)

// rowPath returns the path of an entry's row, and of a whiteout "removed" or "opaque".
func rowPath(name string) (p, whiteout string) {
	p = path.Clean("/" + name)
	if i := strings.LastIndexByte(p, '/'); strings.HasPrefix(p[i+1:], whiteoutPrefix) {
		switch base := p[i+1:]; base {
		case whiteoutPrefix: // hides nothing
		case opaqueName:
			p, whiteout = path.Clean("/"+p[:i]), "opaque"
		default:
			p, whiteout = p[:i+1]+base[len(whiteoutPrefix):], "removed"
		}
	}
	if !utf8.ValidString(p) {
		p = strings.ToValidUTF8(p, "\uFFFD")
	}
	return p, whiteout
}

// storedName is the name of an entry whose row has no other name.
func storedName(p string, t source.Type) string {
	if t == source.Dir && p != "/" {
		return p[1:] + "/"
	}
	return p[1:]
}

// A filler makes rows from entries. It reuses the memory that the rows point to.
type filler struct {
	rows   []FileRow
	sums   [][16]byte
	narrow []int64
	links  []string
	names  [][]byte
	words  []string
	row    source.EntryRow
}

func newRowBatch(layer string) *filler {
	f := &filler{
		rows: make([]FileRow, rowBatch), sums: make([][16]byte, rowBatch), narrow: make([]int64, rowBatch),
		links: make([]string, rowBatch), names: make([][]byte, rowBatch), words: make([]string, 2*rowBatch),
	}
	for i := range f.rows {
		f.rows[i].Layer = layer
	}
	return f
}

// fill makes row k from entry i, and returns roughly how many bytes of text it has.
func (f *filler) fill(k int, e *source.Entries, i int, fact *source.Fact) (bytes int) {
	r := &f.row
	e.Row(i, r)
	to := &f.rows[k]
	name := string(r.Name)
	p, whiteout := rowPath(name)
	*to = FileRow{
		Layer: to.Layer, Path: p, Ordinal: int32(i), Type: r.Type.String(), Size: r.Size, Stored: r.Stored,
		Mode: int32(r.Mode), UID: r.UID, GID: r.GID, Mtime: r.Sec, Nanos: int32(r.Nsec),
		Major: r.Major, Minor: r.Minor, Sparse: r.Sparse, Offset: r.Offset,
	}
	if whiteout != "" {
		f.words[2*k] = whiteout
		to.Whiteout = &f.words[2*k]
	}
	if name != storedName(p, r.Type) {
		f.names[k] = append(f.names[k][:0], name...)
		to.Name = f.names[k]
	}
	if len(r.Link) > 0 {
		f.links[k] = string(r.Link)
		if !utf8.ValidString(f.links[k]) {
			f.links[k], to.LinkRaw = strings.ToValidUTF8(f.links[k], "\uFFFD"), r.Link
		}
		to.Link = &f.links[k]
	}
	if r.Widened {
		f.sums[k] = r.Wide
		to.Sum = &f.sums[k]
	}
	if r.Summed {
		f.narrow[k] = int64(r.Sum)
		to.Sum64 = &f.narrow[k]
	}
	for _, key := range slices.Sorted(maps.Keys(r.Xattrs)) {
		to.Xattrs = append(to.Xattrs, XattrRow{[]byte(key), []byte(r.Xattrs[key])})
		bytes += len(key) + len(r.Xattrs[key])
	}
	if fact != nil {
		f.words[2*k+1] = fact.Collector
		to.Collector, to.Fact = &f.words[2*k+1], fact.Data
		bytes += len(fact.Data)
	}
	return bytes + len(name) + len(p) + 2*len(r.Link)
}

// checkComplete returns an error unless everything that the tables need is known about a layer's
// files.
func checkComplete(l *source.Layer) error {
	for i := range l.Entries.Len() {
		if l.Entries.Type(i) != source.File {
			continue
		}
		if _, known := l.Entries.Wide(i); !known {
			return fmt.Errorf("the content of %q has no checksum", l.Entries.At(i).Name)
		}
	}
	return nil
}
