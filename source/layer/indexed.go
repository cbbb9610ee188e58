package layer

import (
	"context"
	"io"
)

// AppendIndexed encodes a scanned layer for readers without access to its content. It is like
// AppendScanned, but includes the checksums from Sum, and omits those that can't be compared
// (from an engine or a table of contents). It reports false if there is no encoding.
func AppendIndexed(b []byte, s *Scanned, collectors []Collector) ([]byte, bool) {
	b, _, ok := appendItems(b, s.Entries)
	if !ok {
		return nil, false
	}
	return appendFacts(b, collectors, s.Facts), true
}

// Indexed decodes the output of AppendIndexed, and the names of the collectors.
func (r *Decoder) Indexed() (s *Scanned, collectors []string) {
	s = &Scanned{Entries: r.entries()}
	collectors, s.Facts = r.facts(s.Entries.Len())
	return s, collectors
}

// AllowText raises the limit on the bytes of names. TextLeft returns what remains.
func (r *Decoder) AllowText(bytes int) { r.text = bytes }

// TextLeft returns what remains of the limit set by AllowText.
func (r *Decoder) TextLeft() int { return r.text }

// Wanted keeps only the facts of these collectors; false if drawn, the collectors used for the
// layer, lacks one of them.
func (s *Scanned) Wanted(drawn []string, collectors []Collector) bool {
	return s.wanted(drawn, collectors)
}

// Indexed returns a Reader of a layer without contents: reading one fails with why.
func Indexed(s *Scanned, why error) Reader { return &indexed{broken{why}, s} }

type indexed struct {
	broken
	scanned *Scanned
}

func (x *indexed) Scan(context.Context, ScanOptions) (*Scanned, error) { return x.scanned, nil }

// Each fails only if entries is not empty.
func (x *indexed) Each(ctx context.Context, e *Entries, entries []int, fn func(i int, r io.Reader) error) error {
	if len(regular(e, entries)) == 0 {
		return nil
	}
	return x.broken.Each(ctx, e, entries, fn)
}

// sum computes nothing: checksums missing from the index could not be computed when it was
// written, and count as different.
func (x *indexed) sum(context.Context, *Entries, []int) error { return nil }
