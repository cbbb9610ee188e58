package inflate_test

import (
	"bytes"
	stdgzip "compress/gzip"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/peelhq/peel/internal/inflate"
	"github.com/peelhq/peel/internal/testkit"
)

// unpacked is a stream's content, its end, and the checkpoints in it.
type unpacked struct {
	text     []byte
	ends     string // part of the error; "" for a proper end
	trailing bool
	points   []inflate.Checkpoint
}

// unpackAll reads a stream to its end, with checkpoints at the given distances.
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

// resumeEverywhere compares the data after each checkpoint with that of a read from the
// beginning. It returns the checkpoints.
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
			t.Fatalf("checkpoint %d is at bit %d, byte %d, after one at %d, %d", n, c.In, c.Out, last.In, last.Out)
		}
		last = c
		if n > 10 && n%(len(want.points)/10) > 0 {
			continue // only some, if there are very many
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
				t.Fatalf("from checkpoint %d, at byte %d: got %d bytes that differ from the %d wanted", n, c.Out, len(got.text), len(rest))
			}
			if got.ends != want.ends || got.trailing != want.trailing {
				t.Fatalf("from checkpoint %d it ends with %q, trailing %v; want %q, %v", n, got.ends, got.trailing, want.ends, want.trailing)
			}
			if len(got.points) > 0 { // they are as good as any other
				p := got.points[0]
				z, err := inflate.Resume(bytes.NewReader(packed[p.In/8:]), p)
				if err != nil {
					t.Fatal(err)
				}
				if text, err := io.ReadAll(z); err == nil && !bytes.Equal(text, want.text[p.Out:]) {
					t.Fatalf("from checkpoint %d, and from a later one, at byte %d: different bytes", n, p.Out)
				}
			}
		}
	}
	return want.points
}

// TestCheckpoints resumes in the middle of streams of all kinds.
func TestCheckpoints(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	found := 0
	for _, text := range testkit.Sample(texts()) {
		for _, level := range []int{0, 1, 6, 9, -2}[:testkit.Size(5, 3)] {
			packed := pack(t, text, level)
			broken := bytes.Clone(packed)
			broken[rnd.IntN(len(broken))] ^= 1 << rnd.IntN(8)
			for _, b := range [][]byte{
				packed,
				append(bytes.Clone(packed), packed...), // a boundary between members
				append(bytes.Clone(packed), "and something that is no member"...),
				packed[:rnd.IntN(len(packed))],
				broken,
			} {
				found += len(resumeEverywhere(t, b, inflate.Spacing{In: 1, Out: 1}))
				resumeEverywhere(t, b, inflate.Spacing{In: 5000, Out: 20_000})
				resumeEverywhere(t, b, inflate.Spacing{In: 1 << 40, Out: 2*inflate.WindowSize + 1})
			}
		}
	}
	if found < testkit.Rounds(300) {
		t.Errorf("got only %d checkpoints", found)
	}
}

// TestCheckpointKinds checks where checkpoints are, and how large their windows are.
func TestCheckpointKinds(t *testing.T) {
	text := make([]byte, 400_000)
	rnd := rand.New(rand.NewPCG(13, 14))
	for i := range text {
		text[i] = byte(rnd.IntN(30))
	}
	flushed := func(n int) []byte { // blocks of n bytes, each followed by an empty stored block
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
		least, most int // number of checkpoints
		window      int // maximum number of bytes
	}{
		{"one block", pack(t, text[:10_000], 6), inflate.Spacing{In: 1, Out: 1}, 0, 1, 0}, // 0 or 1, since level 6 may add an empty last block
		{"stored", pack(t, text, 0), inflate.Spacing{In: 1, Out: 1}, 3, 8, inflate.WindowSize},
		{"blocks, as close as can be", flushed(10_000), inflate.Spacing{In: 1, Out: 1}, 4, 12, inflate.WindowSize},
		{"blocks, far apart", flushed(10_000), inflate.Spacing{In: 1 << 40, Out: 100_000}, 3, 4, inflate.WindowSize},
		{"blocks, far apart in the stream", flushed(10_000), inflate.Spacing{In: 50_000, Out: 1 << 40}, 3, 6, inflate.WindowSize},
		{"members", members(10_000), inflate.Spacing{In: 1 << 40, Out: 10_000}, 35, 45, 10_000},
		{"never", flushed(10_000), inflate.Spacing{In: 1 << 40, Out: 1 << 40}, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			points := resumeEverywhere(t, c.packed, c.every)
			if n := len(points); n < c.least || n > c.most {
				t.Errorf("got %d checkpoints, want %d to %d", n, c.least, c.most)
			}
			for _, p := range points {
				if len(p.Window) > c.window && c.window > 0 {
					t.Errorf("got a window of %d bytes at byte %d, want at most %d", len(p.Window), p.Out, c.window)
				}
			}
		})
	}
	if _, err := inflate.Resume(bytes.NewReader(nil), inflate.Checkpoint{Window: make([]byte, inflate.WindowSize+1)}); err == nil {
		t.Error("a window that is too large is accepted")
	}
}

// TestWindow checks that a window has only the bytes that something refers to.
func TestWindow(t *testing.T) {
	rnd := rand.New(rand.NewPCG(15, 16))
	noise := make([]byte, 300_000) // without any references
	for i := range noise {
		noise[i] = byte(1 + rnd.IntN(255))
	}
	text := bytes.Clone(noise) // the second half of each 16 KiB repeats the first half
	for i := range text {
		if i%(16<<10) >= 8<<10 {
			text[i] = text[i-8<<10]
		}
	}
	for _, c := range []struct {
		name        string
		text        []byte
		level       int
		least, most int // bytes of a window that aren't zero
	}{
		{"noise, stored", noise, 0, 0, 0},
		{"noise", noise, 6, 0, 500}, // chance matches
		{"repeated", text, 6, 1000, 12_000},
		{"nearly all of it", bytes.Repeat(noise[:inflate.WindowSize-1000], 1000), 6, inflate.WindowSize - 3000, inflate.WindowSize},
	} {
		t.Run(c.name, func(t *testing.T) {
			if len(c.text) > 10<<20 {
				testkit.Long(t, "it unpacks 32 MB again and again")
			}
			points := resumeEverywhere(t, pack(t, c.text, c.level), inflate.Spacing{In: 1 << 40, Out: 2*inflate.WindowSize + 1})
			if len(points) < 2 {
				t.Fatalf("%d checkpoints", len(points))
			}
			least, most := inflate.WindowSize, 0
			for _, p := range points[:len(points)-1] { // little may follow the last one
				n := len(p.Window) - bytes.Count(p.Window, []byte{0})
				least, most = min(least, n), max(most, n)
			}
			if most > c.most || most < c.least {
				t.Errorf("got windows of %d to %d bytes, want %d to %d at most", least, most, c.least, c.most)
			}
		})
	}
}

// FuzzCheckpoints checks that reading from every checkpoint gives the same as reading from the
// beginning, for streams that are valid, broken, or not streams at all.
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
		resumeEverywhere(t, b, inflate.Spacing{In: 1, Out: 1})
		resumeEverywhere(t, b, spacing)
		resumeEverywhere(t, append(bytes.Clone(gzipHeader), b...), spacing)
		// Use the input as text, repeated with other bytes in between, in a real compressor's
		// blocks and with partial windows.
		if len(b) > 0 {
			long := make([]byte, 0, 3*inflate.WindowSize)
			for n := 0; len(long) < cap(long)-len(b)-8; n++ {
				long = append(append(long, b...), byte(n), byte(n>>8*7), byte(n*n*31), block)
			}
			resumeEverywhere(t, pack(t, long, int(every%9)+1), inflate.Spacing{In: 1 << 40, Out: inflate.WindowSize + int64(every)})
		}
		// Use it in blocks and members, so that every input has checkpoints.
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
