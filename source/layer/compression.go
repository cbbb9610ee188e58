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

// A Form is the compression of a blob, detected from its bytes, because media types and file
// names are too often wrong.
type Form uint8

// The forms.
const (
	Plain       Form = iota // a tar, or nothing
	Gzip                    // one or more members
	Zstd                    // one or more frames, including skippable ones
	Unsupported             // a known format that peel can't read
	Unknown                 // an unknown format
)

// SniffLen is the number of bytes that Sniff needs, if available.
const SniffLen = blockSize

// zstdWindow is the maximum window of a zstd frame in bytes; the zstd command has the same
// default.
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

// Sniff detects the form of a blob that starts with head; name is set for an unsupported form. An
// empty or all-zero start is an empty tar.
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

// isSkippable reports whether b starts a skippable zstd frame (RFC 8878, 3.1.2).
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

// Unpack returns a reader that decompresses r.
func Unpack(c Form, r io.Reader) (io.ReadCloser, error) {
	if c == Plain {
		return io.NopCloser(r), nil
	}
	return newUnpacker(c, r, false)
}

// An unpacker decompresses data. Use either Read or next, which does not copy, but not both.
type unpacker interface {
	io.ReadCloser
	pieces

	// trailing reports whether the compressed data has ended but its source has not: the rest is
	// ignored.
	trailing() bool

	// record lets r store checkpoints, if the format supports them.
	record(r *recorder)
}

// newUnpacker returns an unpacker of r in form c, which is not Plain. If the digest of r is
// verified, it skips the weaker checksums of zstd frames, which take up to a tenth of the time.
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

// gzipReader ends after the last member. It ignores trailing data that isn't a member, as gzip
// and therefore Docker do; podman rejects such a layer.
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

// windowLimit is the value from LimitWindows; 0 to use only zstdWindow.
var windowLimit atomic.Int64

// leastLimit is the minimum value of windowLimit in bytes: what RFC 8878 (3.1.1.1.2) requires
// from every zstd decoder.
const leastLimit = 8 << 20

// LimitWindows limits the window of a decoder, in bytes, on systems that refuse large
// allocations: a few bytes of input can request such a window. Call it at the start of the
// program.
func LimitWindows(bytes int64) { windowLimit.Store(max(bytes, leastLimit)) }

// MostWindow returns the maximum window of a decoder that would otherwise allow most bytes, and
// whether the memory limit reduced it.
func MostWindow(most int64) (bytes int64, less bool) {
	if limit := windowLimit.Load(); limit > 0 && limit < most {
		return limit, true
	}
	return most, false
}

// zstdError adds the maximum to an error about a window that is too large.
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

// zstdDecoders are unused decoders. Each keeps buffers of twice its largest
// window, which are worth reusing for other layers.
var zstdDecoders sync.Pool

// zstdReader is a decoder that returns to the pool when closed.
type zstdReader struct {
	z *zstd.Decoder

	// The decoder passes its blocks without a copy only to a writer, so next takes them one by
	// one from a writer in a coroutine.
	block func() ([]byte, error, bool)
	stop  func()
	err   error // final error
}

// newZstd returns a decoder that runs in its reader's goroutine. It checks the frames' checksums
// unless r is verified.
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

// trailing is always false, because only frames may follow a frame.
func (r *zstdReader) trailing() bool { return false }

// record does nothing, because a frame's window is too large to store.
func (r *zstdReader) record(*recorder) {}

func (r *zstdReader) Close() error {
	if r.stop != nil {
		r.stop()
	}
	if r.z != nil && r.z.Reset(nil) == nil { // releases the source
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

// labelled adds the compression to errors.
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
