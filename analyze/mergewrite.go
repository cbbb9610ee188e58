package analyze

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/peelhq/peel/source"
)

// WriteTar writes the layer to w and stores the checksums of the contents in m.Sums. The output
// is reproducible. It streams contents without holding them in memory.
func (m *Merge) WriteTar(ctx context.Context, w io.Writer) error {
	out := source.NewTarWriter(w)
	m.wrote = newBitmap(len(m.t.nodes))
	if err := m.withoutContent(ctx, out); err != nil {
		return err
	}
	if err := m.contents(ctx, out); err != nil {
		return err
	}
	for _, n := range m.links {
		if err := m.writeLink(out, n); err != nil {
			return err
		}
	}
	return out.Close()
}

// withoutContent writes links to what the layer hides, directories, markers and the like.
func (m *Merge) withoutContent(ctx context.Context, out *source.TarWriter) error {
	for _, n := range m.first {
		if err := m.directories(out, m.t.nodes[n].parent); err != nil {
			return err
		}
		if err := m.writeLink(out, n); err != nil {
			return err
		}
	}
	for i, n := range m.plain {
		if i%untilRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := m.writePlain(out, n); err != nil {
			return err
		}
	}
	return nil
}

// writePlain writes one node of Merge.plain.
func (m *Merge) writePlain(out *source.TarWriter, n NodeID) error {
	if n < 0 {
		return out.Add(&source.Record{Name: []byte(path.Join(m.name(n&^opaqueMark), ".wh..wh..opq"))})
	}
	u := m.upper(n)
	switch {
	case n == Root || m.directory(u):
		return m.writeDir(out, n, u)
	case u == none:
		return out.Add(&source.Record{Name: []byte(path.Join(m.name(m.t.nodes[n].parent), ".wh."+m.t.Name(n)))})
	}
	r := m.record(n, u)
	return out.Add(r)
}

// name returns the name of n in a tar.
func (m *Merge) name(n NodeID) string {
	if n == Root {
		return "."
	}
	return m.t.Path(n)[1:]
}

// directories writes n and its parents unless already written.
func (m *Merge) directories(out *source.TarWriter, n NodeID) error {
	var above []NodeID
	for ; n != Root && !m.wrote.has(int(n)); n = m.t.nodes[n].parent {
		above = append(above, n)
	}
	for _, dir := range slices.Backward(above) {
		if err := m.writeDir(out, dir, m.upper(dir)); err != nil {
			return err
		}
	}
	return nil
}

// writeDir writes a directory unless it has been written, or has no entry and is implied by its
// content.
func (m *Merge) writeDir(out *source.TarWriter, n NodeID, u int32) error {
	if m.wrote.has(int(n)) {
		return nil
	}
	m.wrote.set(int(n))
	if m.t.versions[u].entry == none {
		if !m.brought(u) || m.lower(n) == none && m.fills(n) {
			return nil
		}
		return out.Add(&source.Record{Name: []byte(m.name(n)), Type: source.Dir, Mode: impliedMode})
	}
	return out.Add(m.record(n, u))
}

// fills reports whether the layer adds a child of n.
func (m *Merge) fills(n NodeID) bool {
	for _, kid := range m.t.Children(n) {
		if m.touched.has(int(kid)) && m.brought(m.upper(kid)) {
			return true
		}
	}
	return false
}

// record returns version i of n for writing: with the attributes of its inode.
func (m *Merge) record(n NodeID, i int32) *source.Record {
	layer, entry := m.t.versions[i].layer, m.t.versions[i].entry
	if m.t.versions[i].inode != none {
		layer, entry = m.t.carrier(i)
	}
	e := m.t.layers[layer].Entries.At(int(entry))
	last := m.t.lastHeader(i)
	e.Mode, e.UID, e.GID, e.Time = last.Mode, last.UID, last.GID, last.Time
	r := &source.Record{
		Name: []byte(m.name(n)), Link: []byte(e.Link), Type: e.Type, Mode: int64(e.Mode), UID: e.UID, GID: e.GID,
		Size: e.Size, Stored: e.Stored, Sec: e.Time.Unix(), Nsec: uint32(e.Time.Nanosecond()),
		Major: e.Major, Minor: e.Minor, Xattrs: fileXattrs(e.Xattrs), Sparse: e.Type == source.File && e.Stored < e.Size,
	}
	return r
}

// fileXattrs returns extended attributes without the opaque marker.
func fileXattrs(x map[string]string) map[string]string {
	if _, ok := x[opaqueXattr]; ok {
		x = maps.Clone(x)
		delete(x, opaqueXattr)
	}
	return x
}

// missingTarget is the target of a hard link to a missing file if its own target exists.
const missingTarget = ".peel-missing"

// writeLink writes a hard link.
func (m *Merge) writeLink(out *source.TarWriter, n NodeID) error {
	u := m.upper(n)
	if to, ok := m.link[n]; ok {
		r := m.record(n, u)
		r.Type, r.Link, r.Size, r.Stored, r.Sparse, r.Major, r.Minor = source.Hardlink, []byte(m.name(to)), 0, 0, false, 0, 0
		return out.Add(r)
	}
	// Its target is missing and must remain missing.
	r := m.record(n, u)
	if to, ok := m.t.Lookup(string(r.Link)); ok && (m.lower(to) != none || m.upper(to) != none) {
		r.Link = []byte(missingTarget)
	}
	return out.Add(r)
}

// contents writes the files, each layer in one pass.
func (m *Merge) contents(ctx context.Context, out *source.TarWriter) error {
	for at := 0; at < len(m.files); {
		layer := m.files[at].layer
		end := at
		var entries []int
		for ; end < len(m.files) && m.files[end].layer == layer; end++ {
			entries = append(entries, int(m.files[end].entry))
		}
		next := at
		err := m.t.layers[layer].Each(ctx, entries, func(entry int, content io.Reader) error {
			for m.files[next].entry != int32(entry) {
				next++
			}
			r := m.record(m.files[next].node, m.upper(m.files[next].node))
			sum := newContentHash()
			if err := out.File(r, sum.of(content)); err != nil {
				return err
			}
			m.Sums[ContentPlace{int(layer), entry}] = sum.sum()
			return nil
		})
		if err != nil {
			return err
		}
		at = end
	}
	return nil
}

// A ContentSum identifies content, including the position of holes in a sparse file.
type ContentSum struct {
	Data  xxh3.Uint128
	Holes uint64
}

// A contentHash computes the checksum of passing content.
type contentHash struct {
	data, holes *xxh3.Hasher
	at          int64
	hole        int64 // bytes of the current hole
}

func newContentHash() *contentHash { return &contentHash{data: xxh3.New(), holes: xxh3.New()} }

func (h *contentHash) sum() ContentSum {
	h.end()
	return ContentSum{h.data.Sum128(), h.holes.Sum64()}
}

// Write hashes data.
func (h *contentHash) Write(p []byte) (int, error) {
	if len(p) > 0 {
		h.end()
		h.at += int64(len(p))
	}
	return h.data.Write(p)
}

// Hole hashes a hole.
func (h *contentHash) Hole(n int64) error {
	h.hole += n
	return nil
}

// end finishes the current hole.
func (h *contentHash) end() {
	if h.hole == 0 {
		return
	}
	b := binary.AppendVarint(binary.AppendVarint(nil, h.at), h.hole)
	_, _ = h.holes.Write(b) // never fails
	h.at += h.hole
	h.hole = 0
}

// of returns a reader of content that computes its checksum, including when it is copied to a
// writer of holes.
func (h *contentHash) of(content io.Reader) io.Reader { return &hashedContent{content, h} }

type hashedContent struct {
	r io.Reader
	h *contentHash
}

var _ io.WriterTo = (*hashedContent)(nil)

func (c *hashedContent) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	_, _ = c.h.Write(p[:n]) // never fails
	return n, err
}

// WriteTo copies the content, including holes if w supports them.
func (c *hashedContent) WriteTo(w io.Writer) (int64, error) {
	if to, ok := w.(source.HoleWriter); ok {
		return io.Copy(&bothHoles{to, c.h}, c.r)
	}
	return io.Copy(io.MultiWriter(w, c.h), c.r)
}

// bothHoles writes to a writer of holes and to a hash.
type bothHoles struct {
	source.HoleWriter
	h *contentHash
}

func (b *bothHoles) Write(p []byte) (int, error) {
	n, err := b.HoleWriter.Write(p)
	_, _ = b.h.Write(p[:n]) // never fails
	return n, err
}

// Hole passes on a hole.
func (b *bothHoles) Hole(n int64) error {
	_ = b.h.Hole(n) // never fails
	return b.HoleWriter.Hole(n)
}

// SumContents computes checksums of a layer's files as WriteTar does, by entry.
func SumContents(ctx context.Context, l *source.Layer) (map[int]ContentSum, error) {
	var entries []int
	for i := range l.Entries.Len() {
		if l.Entries.Type(i) == source.File {
			entries = append(entries, i)
		}
	}
	sums := make(map[int]ContentSum, len(entries))
	err := l.Each(ctx, entries, func(entry int, content io.Reader) error {
		h := newContentHash()
		var err error
		if l.Entries.Stored(entry) < l.Entries.Size(entry) {
			_, err = io.Copy(h, content)
		} else {
			_, err = io.Copy(plainHash{h}, content)
		}
		sums[entry] = h.sum()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading it again: %w", err)
	}
	return sums, nil
}

// plainHash is a contentHash that treats zeros as holes.
type plainHash struct{ h *contentHash }

func (p plainHash) Write(b []byte) (int, error) { return p.h.Write(b) }
