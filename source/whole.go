package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/therootcompany/xz"

	"github.com/peelhq/peel/source/layer"
)

// A wholeForm is the compression of a whole archive: one that layers use too, or one that only
// engines accept for archives.
type wholeForm struct {
	form layer.Form
	name string // "xz" or "bzip2"; "" to use form
}

// xzDictionary is the maximum dictionary size for xz; "xz -9" needs half of it.
const xzDictionary = 128 << 20

// sniffWhole detects the compression of an archive from head, its first whatLen
// bytes if available. If it can't be an image archive, the error says what it
// is.
func sniffWhole(head []byte) (wholeForm, error) {
	if len(head) == 0 {
		return wholeForm{}, errors.New("it is empty")
	}
	form, name := layer.Sniff(head)
	switch {
	case name == "xz", name == "bzip2":
		return wholeForm{form, name}, nil
	case form == layer.Gzip, form == layer.Zstd:
		return wholeForm{form, ""}, nil
	}
	// A tar that starts with zeros is empty, or not a tar.
	if form == layer.Plain && bytes.Trim(head[:min(len(head), layer.SniffLen)], "\x00") != nil {
		return wholeForm{form, ""}, nil
	}
	if is, hint := whatIs(head); is != "" {
		return wholeForm{}, fmt.Errorf("not an image: it is %s%s", is, hint)
	}
	if form == layer.Plain {
		return wholeForm{form, ""}, nil
	}
	return wholeForm{}, errors.New("not an image: neither a tar nor in a known compressed format")
}

// plain reports whether the archive is uncompressed.
func (f wholeForm) plain() bool { return f == wholeForm{form: layer.Plain} }

// unpack returns a reader that decompresses r.
func (f wholeForm) unpack(r io.Reader) (io.ReadCloser, error) {
	switch f.name {
	case "xz":
		packed := &counter{r: bufio.NewReaderSize(r, memberBuffer)}
		most, _ := layer.MostWindow(xzDictionary)
		z, err := xz.NewReader(packed, uint32(most))
		if err != nil {
			return nil, xzError(err)
		}
		return io.NopCloser(&bounded{counter{r: z}, packed, xzError}), nil
	case "bzip2":
		packed := &counter{r: bufio.NewReaderSize(r, memberBuffer)}
		return io.NopCloser(&bounded{counter{r: bzip2.NewReader(packed)}, packed, bzip2Error}), nil
	}
	return layer.Unpack(f.form, r)
}

// Limits on the unpacked size of an archive in xz or bzip2: a multiple of its size plus a
// constant. Both unpack at most a few hundred MB a second, and a few bytes may expand to
// gigabytes of zeros.
const maxUnpackRatio = 256

// maxUnpackMore is a variable so that tests can change it.
var maxUnpackMore int64 = 1 << 30

// counter counts the bytes read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// bounded reads unpacked data while it stays within the limits, and adds the compression to
// errors.
type bounded struct {
	counter
	packed *counter
	about  func(error) error
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.counter.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's contract is a bare EOF
		return n, b.about(err)
	}
	if b.n > maxUnpackMore+maxUnpackRatio*b.packed.n {
		return n, b.about(fmt.Errorf("it unpacks to more than %d MiB and %d times its size", maxUnpackMore>>20, maxUnpackRatio))
	}
	return n, err
}

func xzError(err error) error {
	switch {
	case errors.Is(err, xz.ErrMemlimit):
		most, less := layer.MostWindow(xzDictionary)
		if less {
			return fmt.Errorf("xz: a dictionary of more than %d MiB, and there is not enough memory for it", most>>20)
		}
		return fmt.Errorf("xz: a dictionary of more than %d MiB; pack it again with xz -9 or less", most>>20)
	case errors.Is(err, xz.ErrBuf):
		return fmt.Errorf("%w: %w", err, io.ErrUnexpectedEOF)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("xz: %w", io.ErrUnexpectedEOF)
	}
	if strings.HasPrefix(err.Error(), "xz: ") { // from the library
		return err
	}
	return fmt.Errorf("xz: %w", err)
}

func bzip2Error(err error) error { return fmt.Errorf("bzip2: %w", err) }
