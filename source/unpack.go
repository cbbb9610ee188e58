package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/source/layer"
)

// unpackStream reads a tar of images, possibly compressed as a whole, in one pass.
func unpackStream(ctx context.Context, r io.Reader, keep bool, scan layer.ScanOptions, m *meter) (*stream, error) {
	buffered := bufio.NewReaderSize(r, memberBuffer)
	head, err := buffered.Peek(whatLen)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	form, err := sniffWhole(head)
	if err != nil {
		return nil, err
	}
	z, err := form.unpack(buffered)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return readStream(ctx, z, keep, scan, m)
}

// cutOff adds the likely cause to the error of a truncated archive.
func cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w; the archive is not whole: copy or download it again", err)
	}
	return err
}

// stdin reads an archive from standard input.
func (o *opener) stdin(ctx context.Context) (*Image, error) {
	return o.fromStdin(ctx, func() (*Image, error) { return o.fromStream(ctx, o.Stdin, "standard input") })
}

// fromStdin calls open to read the image from standard input. A read may block forever, so a
// cancelled context does not wait for it.
func (o *opener) fromStdin(ctx context.Context, open func() (*Image, error)) (*Image, error) {
	if o.Stdin == nil {
		return nil, absent("standard input is closed")
	}
	o.KeepContent = o.KeepContent || o.ContentOnDemand // it can be read only once
	type result struct {
		im  *Image
		err error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		r.err = crash.Do(func() (err error) {
			r.im, err = open()
			return err
		})
		done <- r
	}()
	select {
	case r := <-done:
		return r.im, r.err
	case <-ctx.Done():
		go func() { // close anything that it still opens
			if r := <-done; r.im != nil {
				_ = r.im.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// fromStream reads the only image of a stream.
func (o *opener) fromStream(ctx context.Context, r io.Reader, what string) (*Image, error) {
	b, err := o.stream(ctx, r, 0, func() error { return nil })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, cutOff(err))
	}
	im, err := o.image(ctx, b, "", anyForm)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, errors.Join(err, b.close()))
	}
	im.Source = "-"
	return im, nil
}
