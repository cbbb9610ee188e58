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

// A wholeForm is how an archive is packed as a whole: as layers are, or in one of
// the forms that engines load archives in, and layers are not.
type wholeForm struct {
	form layer.Form
	name string // "xz" or "bzip2"; "" if form says it
}

// xzDictionary bounds what xz may ask to be kept, in bytes; "xz -9" asks for half
// of it.
const xzDictionary = 128 << 20

// sniffWhole tells how the archive that begins with head, whatLen bytes if there
// are as many, is packed. The error
// says what it is instead, if it cannot be an archive of images.
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
	// A tar that begins with zeros is an empty one, or is none.
	if form == layer.Plain && bytes.Trim(head[:min(len(head), layer.SniffLen)], "\x00") != nil {
		return wholeForm{form, ""}, nil
	}
	if is, hint := whatIs(head); is != "" {
		return wholeForm{}, fmt.Errorf("not an image: it is %s%s", is, hint)
	}
	if form == layer.Plain {
		return wholeForm{form, ""}, nil
	}
	return wholeForm{}, errors.New("not an image: neither a tar nor a compressed one that is known")
}

// plain reports whether the archive is stored as it is.
func (f wholeForm) plain() bool { return f == wholeForm{form: layer.Plain} }

// unpack returns a reader of the archive that r holds in packed form.
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

// Bounds on what an archive in xz or bzip2 unpacks to: so many times its size, and
// so many bytes besides. Both unpack a few hundred MB a second at most, and a few
// bytes of theirs may stand for gigabytes of zeros.
const maxUnpackRatio = 256

// maxUnpackMore is a variable for tests.
var maxUnpackMore int64 = 1 << 30

// counter counts what is read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// bounded reads what is unpacked, as long as that is in proportion, and says of
// errors what they are of.
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
	if strings.HasPrefix(err.Error(), "xz: ") { // the library's own
		return err
	}
	return fmt.Errorf("xz: %w", err)
}

func bzip2Error(err error) error { return fmt.Errorf("bzip2: %w", err) }
