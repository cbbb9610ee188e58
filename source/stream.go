package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/peelhq/peel/source/layer"
)

// Limits on the data held in memory from a stream, in bytes: one file that may be a manifest or a
// config, and all such files.
const (
	maxDocument  = 8 << 20
	maxDocuments = 128 << 20
)

// memberBuffer is the size of one read of a member, in bytes.
const memberBuffer = 256 << 10

// stream is a bundle read in one pass. It scans every member that may be a layer, because the
// manifest may come last.
type stream struct {
	*members
	shelf     *layer.Shelf
	spool     *layer.Spool // nil if contents are not kept
	documents int64        // bytes of documents so far
	scan      layer.ScanOptions
	raw       *bufio.Reader // over the current member's content
}

// readStream reads a tar of images to its end. If keep is set, it spools the bytes.
func readStream(ctx context.Context, r io.Reader, keep bool, scan layer.ScanOptions, m *meter) (_ *stream, err error) {
	st := &stream{members: newMembers(), shelf: layer.NewShelf(), scan: scan, raw: bufio.NewReaderSize(nil, memberBuffer)}
	if keep {
		if st.spool, err = layer.NewSpool(); err != nil {
			return nil, err
		}
		r = io.TeeReader(r, st.spool)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, st.close())
		}
	}()
	start := &beginning{r: r}
	s := layer.NewTarStream(start)
	var h layer.Header
	for first := true; ; first = false {
		switch err := s.Next(&h); {
		case err == io.EOF: //nolint:errorlint // only a bare EOF is the end
			// Read on so that a program writing into a pipe is not cut off.
			return st, s.Drain(maxPastEnd)
		case err != nil:
			if not := start.notTar(); first && not != nil {
				return nil, not
			}
			return nil, fmt.Errorf("reading the archive: %w", err)
		}
		if err := st.admit(&h); err != nil {
			return nil, err
		}
		b, err := st.member(ctx, s, &h, m)
		if err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("cut off after byte %d of the tar: %w", s.Pos(), err)
			}
			return nil, fmt.Errorf("reading the archive: %s: %w", memberName(string(h.Name)), err)
		}
		st.add(&h, b)
	}
}

// beginning is a reader of an archive's unpacked bytes that keeps the first of them.
type beginning struct {
	r    io.Reader
	head []byte
	err  error // of the last read
}

func (b *beginning) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if missing := layer.SniffLen - len(b.head); missing > 0 {
		b.head = append(b.head, p[:min(n, missing)]...)
	}
	b.err = err
	return n, err
}

// notTar returns an error that says what the bytes are if they are certainly no tar, else nil.
func (b *beginning) notTar() error {
	if b.err != nil && !errors.Is(b.err, io.EOF) {
		return nil // they may only be cut off
	}
	form, err := sniffWhole(b.head)
	switch {
	case err != nil:
		return fmt.Errorf("unpacked, it is %w", err)
	case !form.plain():
		return errors.New("not an image: it is packed twice; unpack it once")
	}
	return nil
}

// maxPastEnd is the maximum number of bytes read after the end of an archive. tar pads to records
// of 10 KiB by default, and up to 1 MiB on request.
const maxPastEnd = 1 << 20

// member processes the content of the current member. It returns errors of the
// stream; errors of a layer are kept with the layer, because that layer may
// never be requested.
func (st *stream) member(ctx context.Context, s *layer.Tar, h *layer.Header, m *meter) (blob, error) {
	if h.Type != File || h.Unknown != 0 {
		return nil, nil //nolint:nilnil // no content is no error
	}
	named := label{memberName(string(h.Name)), h.Size}
	raw := st.raw
	raw.Reset(s.Reader(ctx, h))
	head, err := raw.Peek(int(min(layer.SniffLen, h.Size)))
	if err != nil {
		return nil, err
	}
	var b blob
	switch form, what := layer.Sniff(head); form {
	case layer.Plain, layer.Gzip, layer.Zstd:
		scan := st.scan
		scan.Digest = digestNamed(named.called)
		scan.Cache = nil // the stream is cached as a whole
		passed, err := layer.Pass(ctx, form, raw, scan)
		if err != nil {
			return nil, err
		}
		if st.spool != nil {
			passed.Kept(h.At(st.spool), h.Size, named.called, st.shelf)
		}
		m.layerCame(named.called, passed)
		b = &passedBlob{named, passed}
	case layer.Unsupported:
		b = &passedBlob{named, layer.NewPassed(nil, layer.UnsupportedError{Form: what})}
	default:
		b = &passedBlob{named, layer.NewPassed(nil, layer.ErrNotLayer)}
		if looksLikeJSON(head) && h.Size <= maxDocument {
			if st.documents += h.Size; st.documents > maxDocuments {
				return nil, fmt.Errorf("more than %d bytes of manifests and configs", int64(maxDocuments))
			}
			text := make([]byte, h.Size)
			if _, err := io.ReadFull(raw, text); err != nil {
				return nil, err
			}
			b = newDocument(named.called, text)
			m.documentCame(named.called, text)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	_, err = io.Copy(passedOver{}, raw)
	return b, err
}

// passedOver skips content that nobody reads. It skips holes without cost.
type passedOver struct{}

var _ layer.HoleWriter = passedOver{}

func (passedOver) Write(p []byte) (int, error) { return len(p), nil }

func (passedOver) Hole(int64) error { return nil }

func looksLikeJSON(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n\ufeff")
	return len(head) > 0 && (head[0] == '{' || head[0] == '[')
}

func (st *stream) close() error {
	err := st.shelf.Close()
	if st.spool != nil {
		err = errors.Join(err, st.spool.Close())
	}
	return err
}
