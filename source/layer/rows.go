package layer

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/zeebo/xxh3"
)

// A Row is all that is known of one entry, for forms other than the cache's.
type Row struct {
	Record

	Sum     uint64 // XXH3 of the content, or SparseSum; valid if Summed
	Summed  bool
	Wide    [16]byte // of 128 bits; valid if Widened
	Widened bool
}

// Row fills r with entry i; the name is written over that in r.
func (e *Entries) Row(i int, r *Row) {
	m := item{Record: Record{Name: r.Name}}
	e.item(i, &m)
	*r = Row{Record: m.Record, Sum: m.sum, Summed: m.summed}
	r.Wide, r.Widened = e.Wide(i)
}

// A Builder makes entries of rows.
type Builder struct{ e *Entries }

// NewBuilder returns a builder of no entries yet. They are charged to budget, nil for
// none.
func NewBuilder(budget *Budget) *Builder { return &Builder{&Entries{budget: budget}} }

// errRow is why a row is not taken.
var errRow = errors.New("it is not what the scan of a layer gives")

// Add appends an entry. Only what the scan of a tar can give is taken.
func (b *Builder) Add(r *Row) error {
	m := item{Record: r.Record, sum: r.Sum, summed: r.Summed}
	if !m.plausible() || r.Type != File && r.Widened || r.Mode < 0 {
		return fmt.Errorf("entry %d: %w", b.e.count, errRow)
	}
	if err := b.e.Add(&m.Record); err != nil {
		return err
	}
	if r.Summed {
		b.e.setSum(b.e.count-1, r.Sum, XXH3)
	}
	if r.Widened {
		b.e.setWide(b.e.count-1, wideOf(r.Wide))
	}
	return nil
}

// Entries ends the building. The flaws are those that Entries.Flaws has returned.
func (b *Builder) Entries(flaws []Flaw) (*Entries, error) {
	if len(flaws) > maxFlaws+1 {
		return nil, fmt.Errorf("%d flaws: %w", len(flaws), errRow)
	}
	b.e.done()
	b.e.flaws = slices.Clone(flaws)
	return b.e, nil
}

// wideOf is what Uint128.Bytes has given.
func wideOf(b [16]byte) xxh3.Uint128 {
	return xxh3.Uint128{Hi: binary.BigEndian.Uint64(b[:8]), Lo: binary.BigEndian.Uint64(b[8:])}
}

// Widen computes the checksums of all files where a scan has not: of a layer that is
// read from something else than a tar. Nobody else may use e meanwhile.
func Widen(ctx context.Context, r Reader, e *Entries) error {
	var todo []int
	for i := range e.Len() {
		if _, known := e.Wide(i); !known && e.Type(i) == File {
			todo = append(todo, i)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	x := xxh3.New()
	return r.Each(ctx, e, todo, func(i int, content io.Reader) error {
		of := x
		var err error
		if s, ok := content.(*sparseReader); ok && e.holey(i) {
			of, err = sparseSum(s.fragments, s.size, e.Stored(i), s.data)
		} else {
			x.Reset()
			_, err = io.Copy(x, content)
		}
		if err != nil {
			return fmt.Errorf("reading %q: %w", e.At(i).Name, err)
		}
		sum := sumOf(of, true)
		if _, kind, known := e.Checksum(i); !known || kind != XXH3 && kind != SparseSum {
			e.late.set(i, sum.narrow)
		}
		e.setWide(i, sum.wide)
		return nil
	})
}

// TarDigest returns the SHA-256 of the layer's tar, unpacked: "sha256:HEX". The entries
// are those that r's Scan has returned. The error is ErrNotStored if the layer is not
// stored as a tar.
func TarDigest(ctx context.Context, r Reader, e *Entries) (string, error) {
	raw, err := Raw(ctx, r, e)
	if err != nil {
		return "", err
	}
	defer raw.Close()
	return tarDigest(raw)
}

// IsPacked reports whether a layer is stored compressed. One that is not stored as a tar,
// or of a form that is not known, is not.
func IsPacked(ctx context.Context, r Reader) (bool, error) {
	raw, err := Raw(ctx, r, nil)
	if err != nil {
		return false, nil // there is nothing that could be
	}
	defer raw.Close()
	head := make([]byte, SniffLen)
	n, err := io.ReadFull(raw, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	form, _ := Sniff(head[:n])
	return form == Gzip || form == Zstd, nil
}

// tarDigest is TarDigest of a blob.
func tarDigest(raw io.Reader) (string, error) {
	in := bufio.NewReader(raw)
	head, err := in.Peek(SniffLen)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	form, what := Sniff(head)
	switch form {
	case Unsupported:
		return "", UnsupportedError{what}
	case Unknown:
		return "", ErrNotLayer
	}
	z, err := Unpack(form, in)
	if err != nil {
		return "", err
	}
	sum := digest.SHA256.Digester()
	if _, err := io.Copy(sum.Hash(), z); err != nil {
		return "", errors.Join(err, z.Close())
	}
	return sum.Digest().String(), z.Close()
}
