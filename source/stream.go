package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// Bounds on what is kept of a stream: a file that may be a manifest or a
// config, and all of these together, in bytes.
const (
	maxDocument  = 8 << 20
	maxDocuments = 128 << 20
)

// stream is a bundle read in one pass. Whatever may turn out to be a layer is
// scanned as it passes, since its manifest may stand at the end.
type stream struct {
	*members
	spool *spool // nil if contents are not kept
	kept  int64
	raw   *bufio.Reader // over the current member's content
	key   string        // under which it is kept in the cache; "" if it is not, or comes from there
}

// readStream reads a tar of images to its end. If keep, its bytes are spooled.
func readStream(ctx context.Context, r io.Reader, keep bool, m *meter) (_ *stream, err error) {
	st := &stream{members: newMembers(), raw: bufio.NewReaderSize(nil, streamBuffer)}
	if keep {
		if st.spool, err = newSpool(); err != nil {
			return nil, err
		}
		r = io.TeeReader(r, st.spool)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, st.close())
		}
	}()
	in := newStreamInput(r)
	s := &scanner{in: in}
	var h header
	for {
		switch err := s.next(&h); {
		case err == io.EOF: //nolint:errorlint // only a bare EOF is the end
			return st, pastEnd(in)
		case err != nil:
			return nil, fmt.Errorf("reading the archive: %w", err)
		}
		b, err := st.member(ctx, s, &h, m)
		if err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = &tarError{at: in.pos(), err: err}
			}
			return nil, fmt.Errorf("reading the archive: %s: %w", memberName(string(h.name)), err)
		}
		if err := st.add(&h, b); err != nil {
			return nil, err
		}
	}
}

// maxPastEnd bounds what is read behind the end of an archive, in bytes. tar pads
// to records of 10 KiB, or of up to 1 MiB if it is told to.
const maxPastEnd = 1 << 20

// pastEnd reads on behind the end of the archive, so that a program that writes
// into a pipe is not cut off while it pads; but not for ever.
func pastEnd(r io.Reader) error {
	_, err := io.CopyN(io.Discard, r, maxPastEnd)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// member goes through the content of the current member. An error is the
// stream's; what is wrong with a layer is kept with it, for it may be one that
// nobody asks for.
func (st *stream) member(ctx context.Context, s *scanner, h *header, m *meter) (*blob, error) {
	if h.typ != File || h.unknown != 0 {
		return nil, nil //nolint:nilnil // no content is no error
	}
	if h.sparse {
		return nil, errors.New("a sparse file in an archive of images")
	}
	b := &blob{name: memberName(string(h.name)), size: h.size}
	if st.spool != nil {
		b.at = io.NewSectionReader(st.spool, h.content, h.size)
	}
	raw := st.raw
	raw.Reset(s.content(ctx))
	head, err := raw.Peek(int(min(sniffLen, h.size)))
	if err != nil {
		return nil, err
	}
	switch form, name := sniff(head); form {
	case plain:
		b.seen = &scanned{}
		b.seen.entries, b.seen.err = scanTar(ctx, &streamInput{r: raw}, true)
		m.layerDone()
	case gzipped, zstandard:
		b.seen = scanCompressed(ctx, form, raw)
		m.layerDone()
	case unreadable:
		b.seen = &scanned{form: form, err: errUnsupported{name}}
	case notAnything:
		b.seen = &scanned{form: form, err: errNotLayer}
		if looksLikeJSON(head) && h.size <= maxDocument {
			if st.kept += h.size; st.kept > maxDocuments {
				return nil, fmt.Errorf("more than %d bytes of manifests and configs", int64(maxDocuments))
			}
			b.body = make([]byte, h.size)
			if _, err := io.ReadFull(raw, b.body); err != nil {
				return nil, err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, raw)
	return b, err
}

func looksLikeJSON(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n\ufeff")
	return len(head) > 0 && (head[0] == '{' || head[0] == '[')
}

func (st *stream) close() error {
	if st.spool == nil {
		return nil
	}
	return st.spool.close()
}
