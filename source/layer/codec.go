package layer

import (
	"encoding/binary"
)

// How entries are written, for the cache. Numbers are varints (encoding/binary),
// those that are likely to be negative zigzag ones; a string is its length and its
// bytes.
//
// The entries of a layer are written one after the other, each as what differs
// from what is to be expected behind the one before: a name as how many bytes
// it shares with the previous name, and the rest; an offset as the distance
// from where the next content begins when a plain header stands between; the
// owner, the mode and the time only where they change.

// textRatio bounds how many bytes of names one byte of a file may stand for, so
// that a small file cannot fill memory. Real layers have less than 20.
const textRatio = 64

// minEntry is the least number of bytes of an entry: its flags, the length of
// the name that is shared and of the rest, and the offset.
const minEntry = 4

// AppendScanned appends what the scan of a layer has given to these collectors. It
// reports false for what it has no form for, see appendEntries.
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

// appendEntries appends the entries of a layer. It reports false for what it has
// no form for: nothing that a scan gives but in a layer that is made to be odd.
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

// appendItems appends the entries of a layer, and returns how many bytes their names
// and links have together.
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

// AppendText appends a string.
func AppendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// AppendBytes appends bytes, as a string.
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

// A Decoder goes through what AppendScanned, AppendText and the like have
// written. After something that they cannot have written, it has failed, and all
// that is read is zero or empty.
type Decoder struct {
	b      []byte
	bad    bool
	budget *Budget
	text   int // bytes that names may have beyond what is in proportion
}

// NewDecoder returns a Decoder of b. Entries are charged to budget, nil for none.
func NewDecoder(b []byte, budget *Budget) *Decoder { return &Decoder{b: b, budget: budget} }

// Scanned reads what AppendScanned has written, and the names of the collectors.
func (r *Decoder) Scanned() (s *Scanned, collectors []string) {
	s = &Scanned{Packed: r.Number(1) == 1, Digest: r.Text(), Entries: r.entries()}
	collectors, s.Facts = r.facts(s.Entries.Len())
	return s, collectors
}

// Failed reports whether something was met that cannot be.
func (r *Decoder) Failed() bool { return r.bad }

// End reports whether all has been read, and nothing was wrong with it.
func (r *Decoder) End() bool { return !r.bad && len(r.b) == 0 }

// Fail makes the decoder fail.
func (r *Decoder) Fail() { r.b, r.bad = nil, true }

// Byte reads a byte.
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

// Number reads a number of at most limit.
func (r *Decoder) Number(limit uint64) uint64 {
	v := r.uvarint()
	if v > limit {
		r.Fail()
		return 0
	}
	return v
}

// Count reads how many things follow, of which each takes size bytes at least.
func (r *Decoder) Count(size int) int {
	return int(r.Number(uint64(len(r.b) / size)))
}

// Bytes reads a string; its bytes belong to the input.
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

// Text reads a string.
func (r *Decoder) Text() string { return string(r.Bytes()) }

// entries reads the entries of a layer. Whatever the bytes are, what comes out
// is such as a scan could have given.
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
