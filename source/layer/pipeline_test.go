package layer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"

	"github.com/peelhq/peel/internal/testkit"

	"github.com/peelhq/peel/internal/crash"
)

// TestRelay checks that a relay returns the same as a streamInput for any calls, up to the end
// or a read error.
func TestRelay(t *testing.T) {
	broken := errors.New("broken")
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		data := make([]byte, rnd.IntN(6*chunkSize))
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		reader := func() io.Reader {
			if seed%3 == 0 {
				return io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken))
			}
			return bytes.NewReader(data)
		}
		var group sync.WaitGroup
		stop := make(chan struct{})
		ahead := newRelay(reader(), stop, &group)
		got := &pieceInput{src: ahead}
		want := newStreamInput(reader())
		for {
			n := rnd.IntN(3 * blockSize)
			if rnd.IntN(4) == 0 {
				n = rnd.IntN(chunkSize + 1)
			}
			var a, b []byte
			var errA, errB error
			switch rnd.IntN(3) {
			case 0:
				errA, errB = got.skip(int64(n)), want.skip(int64(n))
			default:
				a, errA = got.next(n)
				b, errB = want.next(n)
			}
			if fmt.Sprint(errA) != fmt.Sprint(errB) || !bytes.Equal(a, b) || got.pos() != want.pos() {
				t.Fatalf("seed %d: got %d bytes and %v at %d, want %d bytes and %v at %d",
					seed, len(a), errA, got.pos(), len(b), errB, want.pos())
			}
			if errA != nil {
				break
			}
		}
		close(stop)
		group.Wait()
		ahead.release()
	}
}

// packedForms returns b in each compressed form.
func packedForms(t *testing.T, b []byte) map[Form][]byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return map[Form][]byte{Gzip: gzipOf(t, b), Zstd: z.EncodeAll(b, nil)}
}

// bigTar returns a tar of one file of n incompressible bytes.
func bigTar(n int) []byte {
	tar := make([]byte, blockSize+(n+blockSize-1)/blockSize*blockSize+2*blockSize)
	block := tar[:blockSize]
	copy(block, "big")
	copy(block[100:], "0000644\x000000000\x000000000\x00")
	copy(block[124:], fmt.Sprintf("%011o\x00%011o\x00", n, 0))
	block[156] = '0'
	copy(block[257:], "ustar\x0000")
	sum := 8 * int(' ')
	for _, c := range block {
		sum += int(c)
	}
	copy(block[148:], fmt.Sprintf("%06o\x00 ", sum))
	rnd := rand.New(rand.NewPCG(1, 1))
	content := tar[blockSize : blockSize+n]
	for ; len(content) >= 8; content = content[8:] {
		binary.LittleEndian.PutUint64(content, rnd.Uint64())
	}
	return tar
}

// TestPipelineEnds checks that when reading a layer ends, for any reason, it ends at once and
// leaves no goroutine behind.
func TestPipelineEnds(t *testing.T) {
	testkit.Long(t, "it waits for readers to end")
	tar := bigTar(8 * chunkSize)
	broken := errors.New("broken")
	before := runtime.NumGoroutine()
	noTars := packedForms(t, bytes.Repeat([]byte("no tar at all. "), 1<<15))
	bigs, allZeros := packedForms(t, bigTar(1 << 20)[:1<<20]), packedForms(t, make([]byte, 1<<20))
	for form, packed := range packedForms(t, tar) {
		whole, err := scanPacked(t.Context(), form, bytes.NewReader(packed), &ScanOptions{})
		if err != nil || whole.Entries.Len() != 1 || whole.Digest != digest.FromBytes(packed).String() {
			t.Fatalf("form %d: %+v, %v", form, whole, err)
		}
		half := packed[:len(packed)/2]
		_, err = scanPacked(t.Context(), form, bytes.NewReader(half), &ScanOptions{})
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("form %d, cut off: got %v", form, err)
		}
		_, err = scanPacked(t.Context(), form, io.MultiReader(bytes.NewReader(half), iotest.ErrReader(broken)), &ScanOptions{})
		if !errors.Is(err, broken) {
			t.Errorf("form %d, broken: %v", form, err)
		}
		// Data that isn't a tar is followed by more than anyone could read: the reader must
		// give up.
		notTar := noTars[form]
		_, err = scanPacked(t.Context(), form, io.MultiReader(bytes.NewReader(notTar), &endless{packed: notTar}), &ScanOptions{})
		if !errors.Is(err, errHeader) {
			t.Errorf("form %d, not a tar: got %v", form, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(20 * time.Millisecond)
			cancel()
		}()
		// A file without end, made of endless members or frames.
		big, zeros := bigs[form], allZeros[form]
		_, err = scanPacked(ctx, form, ctxReader{ctx: ctx, r: io.MultiReader(bytes.NewReader(big), &endless{packed: zeros})}, &ScanOptions{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("form %d, cancelled: %v", form, err)
		}
		cancel()
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, before %d", runtime.NumGoroutine(), before)
}

// endless repeats compressed data without end.
type endless struct {
	packed []byte
	at     int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.packed[e.at:])
	e.at = (e.at + n) % len(e.packed)
	return n, nil
}

// panics is a defective reader.
type panics struct{}

func (panics) Read([]byte) (int, error) { panic("a defect") }

// TestRelayOfAPanic checks that a decoder that panics fails the layer, not the program.
func TestRelayOfAPanic(t *testing.T) {
	var group sync.WaitGroup
	stop := make(chan struct{})
	l := newRelay(panics{}, stop, &group)
	_, err := l.next()
	var defect *crash.Defect
	if !errors.As(err, &defect) || defect.Value != "a defect" {
		t.Errorf("got error %v", err)
	}
	close(stop)
	group.Wait()
}
