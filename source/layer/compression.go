package layer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/peelhq/peel/internal/inflate"
)

// A Form is how bytes are packed, found out from the bytes themselves:
// media types and file names are hints that are wrong too often.
type Form uint8

// The forms.
const (
	Plain       Form = iota // a tar, or nothing at all
	Gzip                    // of one member or several
	Zstd                    // of one frame or several, skippable ones too
	Unsupported             // a known form that peel does not read
	Unknown                 // nothing known
)

// SniffLen is how many bytes Sniff wants to see, if there are as many.
const SniffLen = blockSize

// zstdWindow bounds what a zstd frame may ask to be kept, in bytes; it is also
// what the zstd command accepts by default.
const zstdWindow = 128 << 20

var unreadableForms = []struct {
	magic string
	name  string
}{
	{"BZh", "bzip2"},
	{"\xfd7zXZ\x00", "xz"},
	{"hsqs", "squashfs"},
	{"\x04\x22\x4d\x18", "lz4"},
	{"\x5d\x00\x00", "lzma"},
	{"PK\x03\x04", "zip"},
}

// Sniff tells the form of what begins with head; name is that of an unsupported
// one. An empty or all-zero beginning is an empty tar.
func Sniff(head []byte) (form Form, name string) {
	switch {
	case len(head) == 0:
		return Plain, ""
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return Gzip, ""
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), isSkippable(head):
		return Zstd, ""
	case isTar(head):
		return Plain, ""
	}
	for _, f := range unreadableForms {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return Unsupported, f.name
		}
	}
	return Unknown, ""
}

// isSkippable reports a skippable zstd frame (RFC 8878, 3.1.2).
func isSkippable(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && head[1] == 0x2a && head[2] == 0x4d && head[3] == 0x18
}

func isTar(head []byte) bool {
	if len(head) < blockSize {
		return bytes.Equal(head, zeroBlock[:len(head)])
	}
	block := (*[blockSize]byte)(head)
	return *block == zeroBlock || validChecksum(block)
}

// Unpack returns a reader of what r holds in form c.
func Unpack(c Form, r io.Reader) (io.ReadCloser, error) {
	if c == Plain {
		return io.NopCloser(r), nil
	}
	return newUnpacker(c, r, false)
}

// An unpacker unpacks what is compressed. It is read from by one of the two:
// Read, or next, which copies nothing.
type unpacker interface {
	io.ReadCloser
	pieces

	// trailing reports whether what is compressed has ended, but not what holds
	// it: something follows that is passed over.
	trailing() bool

	// record has r keep checkpoints, if this form has any.
	record(r *recorder)
}

// newUnpacker returns an unpacker of what r holds in form c, which is not Plain. If
// the digest of r is verified, the checksums of zstd's frames, which prove less, are
// passed over: they take as long as a tenth of the unpacking.
func newUnpacker(c Form, r io.Reader, verified bool) (unpacker, error) {
	switch c {
	case Gzip:
		z, err := inflate.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", noEOF(err))
		}
		return gzipUnpacker(z), nil
	case Zstd:
		z, err := newZstd(r, verified)
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", noEOF(err))
		}
		return labelled{z, "zstd"}, nil
	}
	return nil, errors.New("not a form that can be read")
}

func gzipUnpacker(z *inflate.Reader) unpacker { return labelled{gzipReader{z}, "gzip"} }

// gzipReader ends where the last member does. What follows and is no member is
// passed over, as gzip, and Docker by it, do; podman refuses such a layer.
type gzipReader struct{ *inflate.Reader }

func (r gzipReader) trailing() bool { return r.Trailing() }

func (r gzipReader) record(to *recorder) { r.Checkpoints(to.every, to.keep) }

func (r gzipReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	return n, r.end(err)
}

func (r gzipReader) next() ([]byte, error) {
	b, err := r.Next()
	return b, r.end(err)
}

func (r gzipReader) end(err error) error {
	if err != nil && r.Trailing() {
		return io.EOF
	}
	return err
}

// windowLimit is what LimitWindows has set; 0 for no limit but zstdWindow.
var windowLimit atomic.Int64

// leastLimit is what LimitWindows leaves at least, in bytes: what RFC 8878
// (3.1.1.1.2) asks every decoder of zstd for.
const leastLimit = 8 << 20

// LimitWindows bounds the window of a decoder to so many bytes, where the system
// refuses large allocations: a window is one, and a few bytes can ask for it. It is
// for the beginning of a program.
func LimitWindows(bytes int64) { windowLimit.Store(max(bytes, leastLimit)) }

// MostWindow returns how large the window of a decoder may be that may have most
// bytes by itself, and whether that is less for want of memory.
func MostWindow(most int64) (bytes int64, less bool) {
	if limit := windowLimit.Load(); limit > 0 && limit < most {
		return limit, true
	}
	return most, false
}

// zstdError says of a window that is too large how large it may be.
func zstdError(err error) error {
	if !errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return err
	}
	most, less := MostWindow(zstdWindow)
	if less {
		return fmt.Errorf("%w: more than %d MiB, and there is not enough memory for it", err, most>>20)
	}
	return fmt.Errorf("%w: more than %d MiB", err, most>>20)
}

// zstdDecoders are those that nobody uses at the moment. Each has buffers of
// twice the largest window that it has met, which is worth keeping from one layer
// to the next.
var zstdDecoders sync.Pool

// zstdReader is a decoder that goes back to the others when it is closed.
type zstdReader struct {
	z *zstd.Decoder

	// The decoder hands out its blocks without a copy only to a writer: next takes
	// them one by one from one that waits in a coroutine.
	block func() ([]byte, error, bool)
	stop  func()
	err   error // what it ended with
}

// newZstd returns a decoder that works in the goroutine of its reader. It checks the
// frames' checksums unless r is verified.
func newZstd(r io.Reader, verified bool) (*zstdReader, error) {
	if z, ok := zstdDecoders.Get().(*zstd.Decoder); ok {
		return &zstdReader{z: z}, z.ResetWithOptions(r, zstd.IgnoreChecksum(verified))
	}
	most, _ := MostWindow(zstdWindow)
	z, err := zstd.NewReader(r, zstd.IgnoreChecksum(verified), zstd.WithDecoderMaxWindow(uint64(most)), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	return &zstdReader{z: z}, err
}

func (r *zstdReader) Read(p []byte) (int, error) {
	if r.z == nil {
		return 0, zstd.ErrDecoderClosed
	}
	n, err := r.z.Read(p)
	return n, zstdError(err)
}

func (r *zstdReader) next() ([]byte, error) {
	if r.z == nil {
		return nil, zstd.ErrDecoderClosed
	}
	if r.block == nil {
		r.block, r.stop = iter.Pull2(func(yield func([]byte, error) bool) {
			if _, err := r.z.WriteTo(yielding(yield)); err != nil {
				yield(nil, err)
			}
		})
	}
	if r.err != nil {
		return nil, r.err
	}
	b, err, ok := r.block()
	if !ok {
		err = io.EOF
	}
	r.err = zstdError(err)
	return b, r.err
}

// trailing is never so: what follows a frame has to be one.
func (r *zstdReader) trailing() bool { return false }

// record keeps nothing: what a frame may refer to is too much to be kept.
func (r *zstdReader) record(*recorder) {}

func (r *zstdReader) Close() error {
	if r.stop != nil {
		r.stop()
	}
	if r.z != nil && r.z.Reset(nil) == nil { // lets go of what it reads from
		zstdDecoders.Put(r.z)
	}
	r.z = nil
	return nil
}

// yielding is a writer that yields what is written to it.
type yielding func([]byte, error) bool

func (y yielding) Write(p []byte) (int, error) {
	if len(p) > 0 && !y(p, nil) {
		return 0, zstd.ErrDecoderClosed
	}
	return len(p), nil
}

// labelled says in its errors what was being unpacked.
type labelled struct {
	unpacker
	what string
}

func (n labelled) Read(p []byte) (int, error) {
	k, err := n.unpacker.Read(p)
	return k, n.wrap(err)
}

func (n labelled) next() ([]byte, error) {
	b, err := n.unpacker.next()
	return b, n.wrap(err)
}

func (n labelled) wrap(err error) error {
	if err == nil || err == io.EOF { //nolint:errorlint // io.Reader's contract is a bare EOF
		return err
	}
	return fmt.Errorf("%s: %w", n.what, err)
}
