package layer

import (
	"context"
	"io"
)

// AppendIndexed appends a scanned layer, for a reader that will not have its
// content: as AppendScanned does, but with the checksums that Sum has added, and
// without those that compare with nothing (an engine's, those of a table of contents).
// It reports false for what no scan gives.
func AppendIndexed(b []byte, s *Scanned, collectors []Collector) ([]byte, bool) {
	b, _, ok := appendItems(b, s.Entries)
	if !ok {
		return nil, false
	}
	return appendFacts(b, collectors, s.Facts), true
}

// Indexed reads what AppendIndexed has written, and the names of the collectors.
func (r *Decoder) Indexed() (s *Scanned, collectors []string) {
	s = &Scanned{Entries: r.entries()}
	collectors, s.Facts = r.facts(s.Entries.Len())
	return s, collectors
}

// AllowText lets names have so many bytes more than is in proportion to what they are
// written in. TextLeft is the remainder.
func (r *Decoder) AllowText(bytes int) { r.text = bytes }

// TextLeft returns the remainder of what AllowText has allowed.
func (r *Decoder) TextLeft() int { return r.text }

// Wanted leaves the facts that these collectors draw; false if the layer was not
// given to all of them, of which drawn are the names.
func (s *Scanned) Wanted(drawn []string, collectors []Collector) bool {
	return s.wanted(drawn, collectors)
}

// Indexed returns a Reader of a layer of which everything is known but contents:
// asking for those is the error why.
func Indexed(s *Scanned, why error) Reader { return &indexed{broken{why}, s} }

type indexed struct {
	broken
	scanned *Scanned
}

func (x *indexed) Scan(context.Context, ScanOptions) (*Scanned, error) { return x.scanned, nil }

// Each fails only if it is asked for something.
func (x *indexed) Each(ctx context.Context, e *Entries, entries []int, fn func(i int, r io.Reader) error) error {
	if len(regular(e, entries)) == 0 {
		return nil
	}
	return x.broken.Each(ctx, e, entries, fn)
}

// sum adds no checksum: those that the index does not have could not be computed when it
// was written, and count as different now as they did then.
func (x *indexed) sum(context.Context, *Entries, []int) error { return nil }
