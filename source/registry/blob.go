package registry

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"
)

// maxBreaks is the maximum number of interruptions while reading one blob, whatever the progress.
const maxBreaks = 10_000

// A BlobReader streams one blob. If the connection breaks, it continues from there, as long as
// bytes keep coming. Only at the end does it verify the digest: data read before is unverified.
// It is for one goroutine.
type BlobReader struct {
	ctx  context.Context
	repo *Repository
	d    Descriptor
	sum  hash.Hash // nil for a part, which is not verified
	end  int64     // end of the range

	source blobSource
	body   *blobBody // nil if not connected
	at     int64     // current offset
	idle   int       // interruptions in a row without a byte in between
	breaks int
	err    error // final error
}

var _ io.ReadCloser = (*BlobReader)(nil)

// Blob returns a reader of the blob that a descriptor names; its size must be
// known. It sends no request before the first read. Read errors wrap ErrNoBlob
// if the registry does not have the blob.
func (r *Repository) Blob(ctx context.Context, d Descriptor) *BlobReader {
	b := &BlobReader{ctx: ctx, repo: r, d: d, end: d.Size, source: blobSource{repo: r, d: d}}
	if err := d.Digest.Validate(); err != nil {
		b.err = fail(ErrWrongBytes, r.ref.path(), "", "%q is not a digest that peel knows (sha256, sha384, sha512)", said(d.Digest.String()))
		return b
	}
	b.sum = d.Digest.Algorithm().Hash()
	return b
}

// SumBy sets a new hash of the digest's algorithm to compute the blob's digest. Call it before
// reading.
func (b *BlobReader) SumBy(h hash.Hash) {
	if b.sum != nil {
		b.sum = h
	}
}

// Part returns a reader of a half-open range of a blob. It verifies only the number of bytes. If
// a registry sends the whole blob instead, read errors wrap ErrWhole.
func (r *Repository) Part(ctx context.Context, d Descriptor, from, to int64) *BlobReader {
	b := &BlobReader{ctx: ctx, repo: r, d: d, at: from, end: to, source: blobSource{repo: r, d: d, strict: true}}
	if from < 0 || to < from || to > d.Size {
		b.err = errors.New("reading beyond a blob's end")
	}
	return b
}

// Read returns io.EOF only if all bytes have been read and match the digest.
func (b *BlobReader) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	n, err := b.read(p)
	b.err = err
	return n, nilIf(n > 0, err)
}

// nilIf keeps an error for the next read.
func nilIf(cond bool, err error) error {
	if cond {
		return nil
	}
	return err
}

func (b *BlobReader) read(p []byte) (int, error) {
	for {
		if b.at == b.end {
			return 0, b.finish()
		}
		if b.body == nil {
			body, err := b.source.open(b.ctx, b.at, b.end)
			if err != nil {
				return 0, err
			}
			b.body = body
		}
		n, err := b.body.Read(p[:min(int64(len(p)), b.end-b.at)])
		if n > 0 {
			b.at += int64(n)
			b.idle = 0
			if b.sum != nil {
				_, _ = b.sum.Write(p[:n]) // never fails
			}
			return n, nil // an error recurs
		}
		if err == nil {
			continue
		}
		if err := b.broke(err); err != nil {
			return 0, err
		}
	}
}

// broke handles an interruption: it waits before the next attempt, or returns an error if there
// is none.
func (b *BlobReader) broke(err error) error {
	silent := b.body.silent.Load()
	b.drop()
	if b.ctx.Err() != nil {
		return b.source.last.host.unanswered(b.ctx, b.source.asked(), err)
	}
	b.idle++
	b.breaks++
	c := b.repo.client
	c.Log.Debug("a blob breaks off", "digest", b.d.Digest, "at", b.at, "of", b.d.Size, "error", said(innermost(err).Error()))
	if b.idle >= c.tries || b.breaks >= maxBreaks || silent && b.idle > 1 {
		why := said(innermost(err).Error())
		if silent {
			why = fmt.Sprintf("nothing came for %v", c.limits.idle)
		}
		return fail(ErrBroken, b.source.asked(), "try again", "it breaks off after %d of %d bytes: %s", b.at, b.d.Size, why)
	}
	if b.idle > 1 {
		return c.sleep(b.ctx, c.backoff(b.idle-1))
	}
	return nil
}

// finish verifies what was read.
func (b *BlobReader) finish() error {
	if b.sum == nil {
		b.drop()
		return io.EOF
	}
	more := b.body != nil && b.body.more()
	b.drop()
	if more {
		return fail(ErrWrongBytes, b.source.asked(), "", "it has more than the %d bytes that the manifest says", b.d.Size)
	}
	if got := digest.NewDigest(b.d.Digest.Algorithm(), b.sum); got != b.d.Digest {
		return fail(ErrWrongBytes, b.source.asked(), "", "the registry returned the wrong bytes: their digest is %s", got)
	}
	return io.EOF
}

func (b *BlobReader) drop() {
	if b.body != nil {
		b.body.Close()
	}
	b.body = nil
}

// Close stops reading at any point.
func (b *BlobReader) Close() error {
	b.drop()
	if b.err == nil {
		b.err = errors.New("the blob has been closed")
	}
	return nil
}

// ReadRange reads len(p) bytes of a blob from off on. It verifies only the number of bytes: the
// digest covers the whole blob.
func (r *Repository) ReadRange(ctx context.Context, d Descriptor, p []byte, off int64) error {
	if off < 0 || off+int64(len(p)) > d.Size {
		return errors.New("reading beyond a blob's end")
	}
	source := blobSource{repo: r, d: d}
	end := off + int64(len(p))
	for idle := 0; off < end; {
		body, err := source.open(ctx, off, end)
		if err != nil {
			return err
		}
		n, err := io.ReadFull(body, p)
		body.Close()
		p, off = p[n:], off+int64(n)
		if off == end {
			return nil
		}
		if idle++; n > 0 {
			idle = 0
		}
		if ctx.Err() != nil || idle >= r.client.tries {
			return source.last.host.unanswered(ctx, source.asked(), err)
		}
		if idle > 0 {
			if err := r.client.sleep(ctx, r.client.backoff(idle)); err != nil {
				return err
			}
		}
	}
	return nil
}

// addresses are redirect targets for blobs, by place and digest. They are reused until they are
// rejected.
type addresses struct {
	mu    sync.Mutex
	known map[string]*url.URL
}

func (a *addresses) get(key string) *url.URL {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known[key]
}

func (a *addresses) put(key string, u *url.URL) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[string]*url.URL{}
	}
	a.known[key] = u
}

// A blobSource requests parts of one blob at one of the places that have it.
type blobSource struct {
	repo   *Repository
	d      Descriptor
	strict bool     // the whole blob is not accepted in place of a part
	last   *session // last one used
}

func (b *blobSource) asked() string { return b.repo.ref.path() + "@" + b.d.Digest.String() }

// open requests a half-open range of bytes.
func (b *blobSource) open(ctx context.Context, from, to int64) (*blobBody, error) {
	if err := b.repo.offline(b.asked()); err != nil {
		return nil, err
	}
	places := b.repo.byDigest
	if b.last != nil { // it is the one known to have the blob
		others := slices.DeleteFunc(slices.Clone(places), func(s *session) bool { return s == b.last })
		places = append([]*session{b.last}, others...)
	}
	var body *blobBody
	err := b.repo.each(places, b.asked(), func(s *session) (err error) {
		b.last = s
		body, err = b.openAt(ctx, s, from, to)
		return err
	})
	return body, err
}

func (b *blobSource) openAt(ctx context.Context, s *session, from, to int64) (*blobBody, error) {
	ctx, cancel := context.WithCancel(ctx)
	key := s.host.name + " " + b.d.Digest.String()
	r := request{method: http.MethodGet, path: "blobs/" + b.d.Digest.String(), header: http.Header{}, began: b.repo.blobsAt.get(key)}
	part := from > 0 || to < b.d.Size
	if part {
		r.header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
	}
	a, err := s.do(ctx, b.asked(), r)
	if err != nil {
		cancel()
		return nil, err
	}
	a.end = cancel
	if a.at != nil {
		b.repo.blobsAt.put(key, a.at)
	}
	body := &blobBody{answer: a, idle: s.client.limits.idle, cancel: cancel}
	if err := b.check(ctx, s, body, from, to, part); err != nil {
		body.Close()
		return nil, err
	}
	return body, nil
}

// check compares a response with the request, and positions the body at from.
func (b *blobSource) check(ctx context.Context, s *session, body *blobBody, from, to int64, part bool) error {
	a := body.answer
	wrong := func(format string, args ...any) error {
		if a.page() {
			return s.answered(b.asked(), a)
		}
		return fail(ErrWrongBytes, b.asked(), "", "%s", s.host.name+" "+fmt.Sprintf(format, args...))
	}
	switch {
	case a.StatusCode == http.StatusPartialContent && part:
		first, last, total, err := contentRange(a.Header.Get("Content-Range"))
		switch {
		case err != nil:
			return wrong("does not say which part of the blob it answers with (%s)", err)
		case total >= 0 && total != b.d.Size:
			return wrong("has %d bytes, the manifest says %d", total, b.d.Size)
		case first != from || last != to-1:
			return wrong("answers with the bytes %d-%d, not %d-%d", first, last, from, to-1)
		case a.ContentLength >= 0 && a.ContentLength != to-from:
			return wrong("answers with %d bytes, not %d", a.ContentLength, to-from)
		}
		body.exact = true
		return nil
	case a.StatusCode == http.StatusOK && part && b.strict:
		return fail(ErrWhole, b.asked(), "", "%s does not return parts of a blob", s.host.name)
	case a.StatusCode == http.StatusOK:
		if a.ContentLength >= 0 && a.ContentLength != b.d.Size {
			return wrong("has %d bytes, the manifest says %d", a.ContentLength, b.d.Size)
		}
		body.exact = to < b.d.Size // the rest is ignored
		if _, err := io.CopyN(io.Discard, body, from); err != nil {
			if ctx.Err() != nil && !body.silent.Load() {
				return context.Cause(ctx)
			}
			body.early = err // like a body that ends at once
		}
		return nil
	case a.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return wrong("has fewer than the %d bytes that the manifest says", b.d.Size)
	case a.StatusCode == http.StatusNotFound && !a.page():
		e := fail(ErrNoBlob, b.asked(), "push the image again, or ask for another", "%s does not have this blob, which the manifest names", s.host.name)
		e.Status = a.StatusCode
		return e
	case a.StatusCode < 300:
		return wrong("answers %s", statusText(a.StatusCode))
	}
	return s.answered(b.asked(), a)
}

// contentRange parses "bytes FIRST-LAST/TOTAL"; an unknown total is -1. Source: RFC 9110, section
// 14.4.
func contentRange(v string) (first, last, total int64, err error) {
	var rest string
	if n, scanErr := fmt.Sscanf(v, "bytes %d-%d/%s", &first, &last, &rest); n != 3 || scanErr != nil {
		return 0, 0, 0, errors.New("no Content-Range")
	}
	total = -1
	if rest != "*" {
		if n, scanErr := fmt.Sscanf(rest, "%d", &total); n != 1 || scanErr != nil || total < 0 {
			return 0, 0, 0, errors.New("a malformed Content-Range")
		}
	}
	if first < 0 || last < first || total >= 0 && last >= total {
		return 0, 0, 0, errors.New("a malformed Content-Range")
	}
	return first, last, total, nil
}

// A blobBody is the body of one response. It times out.
type blobBody struct {
	*answer
	idle   time.Duration
	cancel context.CancelFunc
	silent atomic.Bool // it timed out
	exact  bool        // the response has exactly the requested bytes
	early  error       // it failed before any useful byte
}

func (b *blobBody) Read(p []byte) (int, error) {
	if b.early != nil {
		return 0, b.early
	}
	watch := time.AfterFunc(b.idle, func() {
		b.silent.Store(true)
		b.cancel()
	})
	n, err := b.Body.Read(p)
	watch.Stop()
	return n, err
}

// more reports whether another byte follows.
func (b *blobBody) more() bool {
	if b.exact || b.ContentLength >= 0 {
		return false
	}
	var one [1]byte
	n, _ := b.Read(one[:])
	return n > 0
}

// Close releases the response without reading the rest.
func (b *blobBody) Close() {
	b.cancel()
	_ = b.Body.Close()
}
