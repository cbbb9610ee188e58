package inflate_test

import (
	"bytes"
	"compress/flate"
	stdgzip "compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"

	"github.com/peelhq/peel/internal/inflate"
)

// both unpacks packed with the library and with this package.
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

// kind is what an error says, without the place.
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
	if len(packed) < 10_000 {
		ways["by byte"] = func() io.Reader { return iotest.OneByteReader(bytes.NewReader(packed)) }
	}
	for name, r := range ways {
		want, got, wantErr, gotErr := both(r)
		if kind(wantErr) != kind(gotErr) {
			// The library takes a code without symbols for the last block's; the
			// standard one does not.
			if z, err := stdgzip.NewReader(r()); err == nil {
				want, wantErr = io.ReadAll(z)
			}
		}
		if kind(wantErr) != kind(gotErr) {
			t.Fatalf("%s: error %v, the library: %v", name, gotErr, wantErr)
		}
		if wantErr != nil {
			// How much comes before an error depends on how far ahead bits are
			// taken, but what comes is the same.
			n := min(len(want), len(got))
			want, got = want[:n], got[:n]
		}
		if !bytes.Equal(want, got) {
			t.Fatalf("%s: %d bytes (%v), the library: %d bytes (%v), or others", name, len(got), gotErr, len(want), wantErr)
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

// texts are of all kinds of redundancy.
func texts() [][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	out := [][]byte{{}, {1}, bytes.Repeat([]byte{7}, 300_000), bytes.Repeat([]byte("abc"), 70_000)}
	for _, n := range []int{10, 3000, 70_000, 150_000} {
		for _, symbols := range []int{2, 16, 100, 256} {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(rnd.IntN(symbols))
				if symbols == 100 { // skewed: long codes
					b[i] = byte(int(rnd.ExpFloat64()*9) & 0xff)
				}
			}
			for range n / 500 { // and matches, near and far
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
	for _, text := range texts() {
		for _, level := range []int{0, 1, 6, 9, -2} {
			packed := pack(t, text, level)
			compare(t, packed)
			compare(t, append(bytes.Clone(packed), packed...))
			for range 3 { // broken somewhere, cut off somewhere
				b := bytes.Clone(packed)
				b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
				compare(t, b)
				compare(t, packed[:rnd.IntN(len(packed))])
			}
		}
	}
}

// What a fuzzer finds late: streams that are nearly right.
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
	for range 1500 {
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

func FuzzInflate(f *testing.F) {
	for _, text := range texts()[:8] {
		for _, level := range []int{0, 1, 9, -2} {
			f.Add(pack(f, text, level)[10:])
		}
	}
	header := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
	f.Fuzz(func(t *testing.T, b []byte) {
		compare(t, b)
		compare(t, append(bytes.Clone(header), b...))
	})
}
