package layer

import (
	"encoding/binary"
)

// The encoding of entries in the cache. Numbers are varints (encoding/binary), with zigzag for
// those that are often negative. A string is its length and its bytes.
//
// The entries of a layer follow one another, each encoded as the difference from what is expected
// after the previous one: a name as the length of the prefix shared with the previous name, and
// the rest; an offset as the distance from where the content would start after a plain header;
// owner, mode and time only if they change.

// textRatio is the maximum number of name bytes for each byte of a file, so that a small file
// cannot fill memory. Real layers have less than 20.
const textRatio = 64

// minEntry is the minimum encoded size of an entry in bytes: flags, the lengths of the shared and
// the remaining name, and the offset.
const minEntry = 4

// AppendScanned encodes the result of scanning a layer with these collectors. It reports false if
// there is no encoding, see appendEntries.
func AppendScanned(b []byte, s *Scanned, collectors []Collector) ([]byte, bool) {
	packed := byte(0)
	if s.Packed {
		packed = 1
	}
	b, ok := appendEntries(AppendText(append(b, packed), s.Digest), s.Entries)
	if !ok {
		return nil, false
	}
	return appendFacts(b, collectors, s.Facts), true
}

// appendEntries encodes the entries of a layer. It reports false if there is no encoding, which
// only happens for odd, artificial layers.
func appendEntries(b []byte, e *Entries) ([]byte, bool) {
	from := len(b)
	for i := range e.count {
		if e.record(i).bits&(bitCRC|bitSHA) != 0 {
			return nil, false
		}
	}
	b, text, ok := appendItems(b, e)
	return b, ok && text <= textRatio*(len(b)-from)
}

// appendItems encodes the entries of a layer, and returns the total length of their names and
// links.
func appendItems(b []byte, e *Entries) (_ []byte, text int, ok bool) {
	b = binary.AppendUvarint(b, uint64(e.count))
	for i := range e.count {
		text += e.nameLen(i) + len(e.LinkBytes(i))
	}
	b = binary.AppendUvarint(b, uint64(text))
	b = binary.AppendUvarint(b, uint64(len(e.rare)))
	var m, last item
	for i := range e.count {
		e.item(i, &m)
		if !m.plausible() {
			return nil, 0, false
		}
		b = m.append(b, &last)
		m, last = last, m
	}
	b = binary.AppendUvarint(b, uint64(len(e.flaws)))
	for _, f := range e.flaws {
		b = AppendText(AppendText(b, f.Path), f.Problem)
	}
	return b, text, true
}

// AppendText encodes a string.
func AppendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// AppendBytes encodes bytes as a string.
func AppendBytes(b, s []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// A Decoder decodes the output of AppendScanned, AppendText and the like. After
// invalid input it has failed, and returns only zero values.
type Decoder struct {
	b      []byte
	bad    bool
	budget *Budget
	text   int // bytes that names may have beyond the proportional limit
}

// NewDecoder returns a Decoder of b. It charges entries to budget, which may be nil.
func NewDecoder(b []byte, budget *Budget) *Decoder { return &Decoder{b: b, budget: budget} }

// Scanned decodes the output of AppendScanned, and the names of the collectors.
func (r *Decoder) Scanned() (s *Scanned, collectors []string) {
	s = &Scanned{Packed: r.Number(1) == 1, Digest: r.Text(), Entries: r.entries()}
	collectors, s.Facts = r.facts(s.Entries.Len())
	return s, collectors
}

// Failed reports whether the input was invalid.
func (r *Decoder) Failed() bool { return r.bad }

// End reports whether the whole input has been read and was valid.
func (r *Decoder) End() bool { return !r.bad && len(r.b) == 0 }

// Fail marks the input as invalid.
func (r *Decoder) Fail() { r.b, r.bad = nil, true }

// Byte decodes a byte.
func (r *Decoder) Byte() byte {
	if len(r.b) == 0 {
		r.Fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *Decoder) uvarint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		v := r.b[0]
		r.b = r.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.Fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *Decoder) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// Number decodes a number of at most limit.
func (r *Decoder) Number(limit uint64) uint64 {
	v := r.uvarint()
	if v > limit {
		r.Fail()
		return 0
	}
	return v
}

// Count decodes the number of following items, each of which takes at least size bytes.
func (r *Decoder) Count(size int) int {
	return int(r.Number(uint64(len(r.b) / size)))
}

// Bytes decodes a string; the result refers to the input.
func (r *Decoder) Bytes() []byte { return r.take(r.Count(1)) }

func (r *Decoder) take(n int) []byte {
	if n > len(r.b) {
		r.Fail()
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// Text decodes a string.
func (r *Decoder) Text() string { return string(r.Bytes()) }

// entries decodes the entries of a layer. For any input, the result is one that a scan could have
// returned.
func (r *Decoder) entries() *Entries {
	given := len(r.b)
	n := r.Count(minEntry)
	text := int(r.Number(uint64(min(textRatio*given+r.text, maxText))))
	r.text -= max(text-textRatio*given, 0)
	rares := r.Count(minEntry)
	if n > maxEntries || rares > n || r.bad {
		r.Fail()
		return nil
	}
	e := &Entries{budget: r.budget}
	var m, last item
	for range n {
		r.item(&m, &last)
		text -= len(m.Name) + len(m.Link)
		if r.bad || text < 0 || !m.plausible() || e.Add(&m.Record) != nil {
			r.Fail()
			return nil
		}
		if m.summed {
			e.setSum(e.count-1, m.sum, XXH3)
		}
		m, last = last, m
	}
	e.done()
	flaws := r.Count(2)
	if flaws > maxFlaws+1 {
		r.Fail()
		return nil
	}
	for range flaws {
		e.flaws = append(e.flaws, Flaw{Path: r.Text(), Problem: r.Text()})
	}
	if r.bad || text != 0 || len(e.rare) != rares {
		r.Fail()
		return nil
	}
	return e
}
