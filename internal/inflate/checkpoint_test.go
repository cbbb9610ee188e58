package inflate_test

import (
	"bytes"
	stdgzip "compress/gzip"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/peelhq/peel/internal/inflate"
)

// unpacked is what a stream holds, how it ends, and the checkpoints on the way.
type unpacked struct {
	text     []byte
	ends     string // what the error says; "" at a proper end
	trailing bool
	points   []inflate.Checkpoint
}

// unpackAll reads a stream to its end, with checkpoints at those distances.
func unpackAll(t *testing.T, z *inflate.Reader, every inflate.Spacing) (u unpacked) {
	t.Helper()
	z.Checkpoints(every, func(c inflate.Checkpoint) inflate.Spacing {
		c.Window = bytes.Clone(c.Window)
		u.points = append(u.points, c)
		return every
	})
	var err error
	u.text, err = io.ReadAll(z)
	u.ends, u.trailing = kind(err), z.Trailing()
	return u
}

// resumeEverywhere compares what comes behind each checkpoint with what has come
// behind that place from the beginning. It returns the checkpoints.
func resumeEverywhere(t *testing.T, packed []byte, every inflate.Spacing) []inflate.Checkpoint {
	t.Helper()
	z, err := inflate.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	want := unpackAll(t, z, every)
	var last inflate.Checkpoint
	for n, c := range want.points {
		if c.In <= last.In || c.Out < last.Out || c.Out > int64(len(want.text)) {
			t.Fatalf("checkpoint %d is at bit %d, byte %d, behind one at %d, %d", n, c.In, c.Out, last.In, last.Out)
		}
		last = c
		if n > 10 && n%(len(want.points)/10) > 0 {
			continue // some of very many
		}
		ways := []io.Reader{bytes.NewReader(packed[c.In/8:])}
		if len(packed) < 10_000 {
			ways = append(ways, &chunks{Reader: bytes.NewReader(packed[c.In/8:])}, iotest.HalfReader(bytes.NewReader(packed[c.In/8:])))
		}
		for _, r := range ways {
			z, err := inflate.Resume(r, c)
			if err != nil {
				t.Fatalf("checkpoint %d: %v", n, err)
			}
			got := unpackAll(t, z, every)
			if rest := want.text[c.Out:]; !bytes.Equal(got.text, rest) && (want.ends == "" || !bytes.HasPrefix(got.text, rest) && !bytes.HasPrefix(rest, got.text)) {
				t.Fatalf("from checkpoint %d, at byte %d: %d bytes that are not the %d wanted", n, c.Out, len(got.text), len(rest))
			}
			if got.ends != want.ends || got.trailing != want.trailing {
				t.Fatalf("from checkpoint %d it ends with %q, trailing %v; else %q, %v", n, got.ends, got.trailing, want.ends, want.trailing)
			}
			for i, p := range got.points { // the same places, where there are any
				if q := want.points[n+1:]; i < len(q) && (p.In != q[i].In || p.Out != q[i].Out || p.Sum != q[i].Sum || p.Size != q[i].Size || !bytes.Equal(p.Window, q[i].Window)) && every.In <= 1 {
					t.Fatalf("from checkpoint %d the next but %d is another: at bit %d, byte %d, window %d, want %d, %d, %d", n, i, p.In, p.Out, len(p.Window), q[i].In, q[i].Out, len(q[i].Window))
				}
			}
		}
	}
	return want.points
}

// TestCheckpoints begins in the middle of streams of all kinds.
func TestCheckpoints(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	found := 0
	for _, text := range texts() {
		for _, level := range []int{0, 1, 6, 9, -2} {
			packed := pack(t, text, level)
			broken := bytes.Clone(packed)
			broken[rnd.IntN(len(broken))] ^= 1 << rnd.IntN(8)
			for _, b := range [][]byte{
				packed,
				append(bytes.Clone(packed), packed...), // a border of members
				append(bytes.Clone(packed), "and something that is no member"...),
				packed[:rnd.IntN(len(packed))],
				broken,
			} {
				found += len(resumeEverywhere(t, b, inflate.Spacing{In: 1, Out: 1}))
				resumeEverywhere(t, b, inflate.Spacing{In: 5000, Out: 20_000})
			}
		}
	}
	if found < 500 {
		t.Errorf("%d checkpoints: too few to show anything", found)
	}
}

// TestCheckpointKinds tells where checkpoints are, and what is kept with them.
func TestCheckpointKinds(t *testing.T) {
	text := make([]byte, 400_000)
	rnd := rand.New(rand.NewPCG(13, 14))
	for i := range text {
		text[i] = byte(rnd.IntN(30))
	}
	flushed := func(n int) []byte { // blocks of n bytes, with an empty stored one behind each
		var out bytes.Buffer
		z := stdgzip.NewWriter(&out)
		for at := 0; at < len(text); at += n {
			_, _ = z.Write(text[at:min(len(text), at+n)])
			_ = z.Flush()
		}
		_ = z.Close()
		return out.Bytes()
	}
	members := func(n int) (out []byte) {
		for at := 0; at < len(text); at += n {
			out = append(out, pack(t, text[at:min(len(text), at+n)], 6)...)
		}
		return out
	}
	for _, c := range []struct {
		name        string
		packed      []byte
		every       inflate.Spacing
		least, most int // checkpoints
		window      int // most bytes
	}{
		{"one block", pack(t, text[:10_000], 6), inflate.Spacing{In: 1, Out: 1}, 0, 1, 0}, // 0 or 1: level 6 may add an empty last one
		{"stored", pack(t, text, 0), inflate.Spacing{In: 1, Out: 1}, 5, 8, inflate.WindowSize},
		{"blocks", flushed(10_000), inflate.Spacing{In: 1, Out: 1}, 70, 90, inflate.WindowSize},
		{"blocks, far apart", flushed(10_000), inflate.Spacing{In: 1 << 40, Out: 100_000}, 3, 4, inflate.WindowSize},
		{"blocks, far apart in the stream", flushed(10_000), inflate.Spacing{In: 50_000, Out: 1 << 40}, 3, 6, inflate.WindowSize},
		{"members", members(10_000), inflate.Spacing{In: 1 << 40, Out: 10_000}, 35, 45, 10_000},
		{"never", flushed(10_000), inflate.Spacing{In: 1 << 40, Out: 1 << 40}, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			points := resumeEverywhere(t, c.packed, c.every)
			if n := len(points); n < c.least || n > c.most {
				t.Errorf("%d checkpoints, want %d to %d", n, c.least, c.most)
			}
			for _, p := range points {
				if len(p.Window) > c.window && c.window > 0 {
					t.Errorf("a window of %d bytes at byte %d, want %d at most", len(p.Window), p.Out, c.window)
				}
			}
		})
	}
	if _, err := inflate.Resume(bytes.NewReader(nil), inflate.Checkpoint{Window: make([]byte, inflate.WindowSize+1)}); err == nil {
		t.Error("a window that is too large is taken")
	}
}

// FuzzCheckpoints proves that reading on from every checkpoint gives what reading
// from the beginning gives, of streams that are whole, broken, or no streams.
func FuzzCheckpoints(f *testing.F) {
	for _, n := range []int{0, 20, 150, 2000} {
		for symbols := 2; symbols <= 256; symbols *= 8 {
			text := make([]byte, n)
			for i := range text {
				text[i] = byte(i * i * 31 % symbols)
			}
			for _, level := range []int{0, 1, 9, -2} {
				f.Add(pack(f, text, level), uint16(1), uint8(7))
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, every uint16, block uint8) {
		spacing := inflate.Spacing{In: int64(every), Out: int64(every)}
		resumeEverywhere(t, b, spacing)
		resumeEverywhere(t, append(bytes.Clone(gzipHeader), b...), spacing)
		// As a text, in blocks and members: here every input has checkpoints.
		var out bytes.Buffer
		z := stdgzip.NewWriter(&out)
		for n := 0; len(b) > 0; n++ {
			step := min(len(b), 1+int(block))
			_, _ = z.Write(b[:step])
			_ = z.Flush()
			if b = b[step:]; n%5 == 4 {
				_ = z.Close()
				z.Reset(&out)
			}
		}
		_ = z.Close()
		resumeEverywhere(t, out.Bytes(), spacing)
	})
}
