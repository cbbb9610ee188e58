package inflate_test

import (
	"bytes"
	"compress/flate"
	stdgzip "compress/gzip"
	"errors"
	"io"
	"math/bits"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"

	"github.com/peelhq/peel/internal/inflate"
	"github.com/peelhq/peel/internal/testkit"
)

// both decompresses with the library and with this package.
func both(r func() io.Reader) (want, got []byte, wantErr, gotErr error) {
	if z, err := gzip.NewReader(r()); err != nil {
		wantErr = err
	} else {
		want, wantErr = io.ReadAll(z)
	}
	if z, err := inflate.NewReader(r()); err != nil {
		gotErr = err
	} else {
		got, gotErr = io.ReadAll(z)
	}
	return want, got, wantErr, gotErr
}

// chunks is a reader that is also a Source: it returns chunks of all small sizes, from varying
// places in its buffer, surrounded by bytes that don't belong to them.
type chunks struct {
	*bytes.Reader
	n    int
	data inflate.Chunk
}

func (c *chunks) Next() (data *inflate.Chunk, from, to int, err error) {
	for i := range 200 {
		c.data[i], c.data[len(c.data)-1-i] = 0xa5, 0x5a
	}
	c.n++
	size := 1 + c.n*7%60
	if from = c.n * 5 % 50; c.n%3 == 0 { // at the chunk's end
		from = inflate.ChunkSize - size
	}
	size, err = c.Read(c.data[from : from+size])
	return &c.data, from, from + size, err
}

// kind returns an error's text without the position.
func kind(err error) string {
	if _, ok := errors.AsType[flate.CorruptInputError](err); ok {
		return "corrupt"
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

func compare(t *testing.T, packed []byte) {
	t.Helper()
	ways := map[string]func() io.Reader{"whole": func() io.Reader { return bytes.NewReader(packed) }}
	if len(packed) < 10_000 { // byte by byte, the fast loop is never entered
		ways["by byte"] = func() io.Reader { return iotest.OneByteReader(bytes.NewReader(packed)) }
		ways["in chunks"] = func() io.Reader { return &chunks{Reader: bytes.NewReader(packed)} }
	}
	for name, r := range ways {
		want, got, wantErr, gotErr := both(r)
		if kind(wantErr) != kind(gotErr) {
			// The library treats a code without symbols as that of the last block; the standard
			// library doesn't.
			if z, err := stdgzip.NewReader(r()); err == nil {
				want, wantErr = io.ReadAll(z)
			}
		}
		if kind(wantErr) != kind(gotErr) {
			t.Fatalf("%s: got error %v, the library %v", name, gotErr, wantErr)
		}
		if wantErr != nil {
			// The amount of data before an error depends on how many bits are read ahead, but
			// the data must be the same.
			n := min(len(want), len(got))
			want, got = want[:n], got[:n]
		}
		if !bytes.Equal(want, got) {
			t.Fatalf("%s: got %d bytes (%v), the library %d bytes (%v), or different ones", name, len(got), gotErr, len(want), wantErr)
		}
	}
}

func pack(t testing.TB, b []byte, level int) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := stdgzip.NewWriterLevel(&out, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// texts returns data with all kinds of redundancy.
func texts() [][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	out := [][]byte{{}, {1}, bytes.Repeat([]byte{7}, 300_000), bytes.Repeat([]byte("abc"), 70_000)}
	for _, n := range []int{10, 3000, 70_000, 150_000} {
		for _, symbols := range []int{2, 16, 100, 256} {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(rnd.IntN(symbols))
				if symbols == 100 { // skewed, for long codes
					b[i] = byte(int(rnd.ExpFloat64()*9) & 0xff)
				}
			}
			for range n / 500 { // add matches, near and far
				from, to, l := rnd.IntN(n), rnd.IntN(n), rnd.IntN(400)
				copy(b[to:], b[from:min(n, from+l)])
			}
			out = append(out, b)
		}
	}
	return out
}

func TestAgainstTheLibrary(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, text := range testkit.Sample(texts()) {
		for _, level := range []int{0, 1, 6, 9, -2} {
			packed := pack(t, text, level)
			compare(t, packed)
			compare(t, append(bytes.Clone(packed), packed...))
			for range testkit.Size(3, 1) { // damaged or cut off somewhere
				b := bytes.Clone(packed)
				b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
				compare(t, b)
				compare(t, packed[:rnd.IntN(len(packed))])
			}
		}
	}
}

// TestMutated checks streams that are nearly valid, which a fuzzer finds late.
func TestMutated(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	var seeds [][]byte
	for _, text := range texts() {
		if len(text) > 80_000 {
			continue
		}
		for _, level := range []int{0, 1, 9, -2} {
			seeds = append(seeds, pack(t, text, level))
		}
	}
	for range testkit.Rounds(1500) {
		b := bytes.Clone(seeds[rnd.IntN(len(seeds))])
		if rnd.IntN(2) == 0 {
			b = b[:min(len(b), 3000)]
		}
		for range 1 + rnd.IntN(6) {
			if len(b) < 12 {
				break
			}
			i := 10 + rnd.IntN(min(len(b)-10, 1+rnd.IntN(3000)))
			switch rnd.IntN(3) {
			case 0:
				b[i] ^= 1 << rnd.IntN(8)
			case 1:
				b[i] = byte(rnd.Uint32())
			case 2:
				b = append(b[:i:i], b[min(len(b), i+1+rnd.IntN(5)):]...)
			}
		}
		compare(t, b)
	}
}

// TestMatches copies matches of every length from every near distance and some far ones, each
// after other data, so that each way to copy is used, including across the ends of buffers.
func TestMatches(t *testing.T) {
	var plain []byte
	rnd := rand.New(rand.NewPCG(9, 10))
	var b bitWriter
	b.bits(1|1<<1, 3) // a last block with fixed codes
	match := func(length, dist int) {
		b.match(length, dist)
		for range length {
			plain = append(plain, plain[len(plain)-dist])
		}
	}
	literals := func(n int) {
		for range n {
			c := byte(rnd.Uint32())
			b.literal(c)
			plain = append(plain, c)
		}
	}
	literals(300)
	for length := 3; length <= 258; length++ {
		for dist := 1; dist <= 40; dist++ {
			literals(rnd.IntN(4))
			match(length, dist)
		}
		for range 4 {
			literals(rnd.IntN(4))
			match(length, 1+rnd.IntN(min(32<<10, len(plain))))
		}
	}
	match(258, 32<<10)
	b.bits(0, 7)
	z, err := inflate.NewReader(io.MultiReader(bytes.NewReader(gzipHeader), bytes.NewReader(b.done())))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(z)
	if !errors.Is(err, io.ErrUnexpectedEOF) { // the trailer is missing
		t.Fatal(err)
	}
	if !bytes.Equal(got, plain) {
		t.Fatalf("got %d bytes, %d were compressed, or different ones", len(got), len(plain))
	}
	compare(t, append(bytes.Clone(gzipHeader), b.done()...))
}

// bitWriter writes DEFLATE with the fixed codes.
type bitWriter struct {
	out []byte
	b   uint64
	n   int
}

// bits writes the lowest n bits of v, lowest first.
func (w *bitWriter) bits(v, n int) {
	w.b |= uint64(v) << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.b))
		w.b >>= 8
	}
}

// code writes a code of n bits, highest first.
func (w *bitWriter) code(v, n int) { w.bits(int(bits.Reverse16(uint16(v))>>(16-n)), n) }

func (w *bitWriter) literal(c byte) {
	if c < 144 {
		w.code(0x30+int(c), 8)
	} else {
		w.code(0x190+int(c)-144, 9)
	}
}

// match writes a length and a distance. Source: RFC 1951, 3.2.5 and 3.2.6.
func (w *bitWriter) match(length, dist int) {
	symbol, extra, from := 257, 0, 3
	for symbol < 284 && length >= from+1<<extra {
		from += 1 << extra
		symbol++
		extra = max(0, (symbol-261)/4)
	}
	if length == 258 {
		symbol, extra, from = 285, 0, 258
	}
	if symbol < 280 {
		w.code(symbol-256, 7)
	} else {
		w.code(0xc0+symbol-280, 8)
	}
	w.bits(length-from, extra)
	symbol, extra, from = 0, 0, 1
	for dist >= from+1<<extra {
		from += 1 << extra
		symbol++
		extra = max(0, (symbol-2)/2)
	}
	w.code(symbol, 5)
	w.bits(dist-from, extra)
}

func (w *bitWriter) done() []byte { return append(w.out, byte(w.b)) }

var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}

func FuzzInflate(f *testing.F) {
	// Keep inputs short: Go's fuzzer tries to remove every run of bytes from what it finds,
	// which takes time in the square of the length.
	for _, n := range []int{0, 1, 20, 150} {
		for symbols := 2; symbols <= 256; symbols *= 4 {
			text := make([]byte, n)
			for i := range text {
				text[i] = byte(i * i * 31 % symbols)
			}
			for _, level := range []int{0, 1, 9, -2} {
				f.Add(pack(f, text, level)[10:])
			}
		}
	}
	f.Add(pack(f, make([]byte, 40_000), 9)[10:]) // farther than a match can reach
	f.Add(pack(f, bytes.Repeat([]byte("abcdefghijk"), 4_000), 9)[10:])
	f.Fuzz(func(t *testing.T, b []byte) {
		compare(t, b)
		compare(t, append(bytes.Clone(gzipHeader), b...))
	})
}

// TestTrailing checks that data after the last member is distinguished from a broken member.
func TestTrailing(t *testing.T) {
	member := pack(t, []byte("some text"), 6)
	for _, c := range []struct {
		name   string
		behind []byte
		want   bool
	}{
		{"nothing", nil, false},
		{"a zero", []byte{0}, true},
		{"zeros", make([]byte, 100_000), true},
		{"text", []byte("some text"), true},
		{"a member", member, false},
		{"half a member", member[:len(member)/2], false},
		{"a member with a wrong sum", append(bytes.Clone(member[:len(member)-8]), make([]byte, 8)...), false},
		{"how one begins", []byte{0x1f}, false},
		{"how one begins, and nothing more", []byte{0x1f, 0x8b}, false},
		{"how one begins, and text", []byte{0x1f, 'x'}, true},
		{"an unknown method", []byte{0x1f, 0x8b, 9, 0, 0, 0, 0, 0, 0, 0}, false},
		{"a member, and text", append(bytes.Clone(member), "some text"...), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []io.Reader{
				bytes.NewReader(append(bytes.Clone(member), c.behind...)),
				iotest.OneByteReader(bytes.NewReader(append(bytes.Clone(member), c.behind...))),
			} {
				z, err := inflate.NewReader(r)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(z)
				if z.Trailing() != c.want || !bytes.HasPrefix(got, []byte("some text")) {
					t.Errorf("got trailing %v after %q (%v), want %v", z.Trailing(), got, err, c.want)
				}
			}
		})
	}
}
