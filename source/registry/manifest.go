package registry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
)

// A Descriptor names a document or a blob.
type Descriptor struct {
	Digest    digest.Digest
	MediaType string // from the registry; "" if unknown
	Size      int64  // bytes; 0 if unknown
}

// Found is an image, or another object that a name refers to.
type Found struct {
	*Repository
	Descriptor
	Name string // full name: "docker.io/library/app:1"
}

// The media types of manifests and indexes.
var manifestTypes = []string{
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.oci.artifact.manifest.v1+json",
	"*/*",
}

// memory holds documents read so far, by digest.
type memory struct {
	mu   sync.Mutex
	read map[digest.Digest][]byte
}

func (m *memory) get(d digest.Digest) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, ok := m.read[d]
	return text, ok
}

func (m *memory) put(d digest.Digest, text []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.read == nil {
		m.read = map[digest.Digest][]byte{}
	}
	m.read[d] = text
}

// known returns a verified local document.
func (r *Repository) known(d digest.Digest) ([]byte, bool) {
	if text, ok := r.memory.get(d); ok {
		return text, true
	}
	text, ok := r.client.read(d.String())
	if !ok || d.Validate() != nil || d.Algorithm().FromBytes(text) != d {
		return nil, false
	}
	return text, true
}

// keep stores a verified document.
func (r *Repository) keep(d digest.Digest, text []byte) {
	r.memory.put(d, text)
	r.client.write(d.String(), text)
}

// Resolve resolves a name. It looks up a tag by HEAD, which registries don't count as a pull; a
// digest with a known manifest takes no request. The error wraps ErrNotFound if the image does
// not exist.
func (c *Client) Resolve(ctx context.Context, s string) (*Found, error) {
	refs, err := c.references(s)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, ref := range refs {
		found, err := c.resolve(ctx, ref)
		if err == nil {
			return found, nil
		}
		errs = append(errs, err)
		if isOver(err) {
			return nil, err
		}
	}
	return nil, joined(s, errs)
}

// isOver reports whether an error ends the whole operation.
func isOver(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (c *Client) resolve(ctx context.Context, ref reference) (*Found, error) {
	r, err := c.repository(ref)
	if err != nil {
		return nil, err
	}
	found := &Found{Repository: r, Name: ref.String()}
	if ref.digest != "" {
		text, err := r.Manifest(ctx, Descriptor{Digest: ref.digest})
		found.Descriptor = Descriptor{Digest: ref.digest, Size: int64(len(text)), MediaType: typeOf(text)}
		return found, err
	}
	if c.Offline {
		found.Descriptor, err = r.last(ref)
		return found, err
	}
	err = r.each(r.byTag, ref.String(), func(s *session) error {
		found.Descriptor, err = r.head(ctx, s, ref)
		return err
	})
	if err == nil {
		c.write(ref.tagKey(), []byte(found.Digest))
	}
	return found, err
}

// last returns the tag's digest from the last lookup.
func (r *Repository) last(ref reference) (Descriptor, error) {
	text, ok := r.client.read(ref.tagKey())
	d := Descriptor{Digest: digest.Digest(text)}
	if !ok || d.Digest.Validate() != nil {
		return d, fail(ErrOffline, ref.String(), "leave out --offline, and PEEL_OFFLINE", "it has not been opened before, and no registry is asked")
	}
	manifest, ok := r.known(d.Digest)
	if !ok {
		return d, fail(ErrOffline, ref.String(), "leave out --offline, and PEEL_OFFLINE", "its manifest is not in the cache any more, and no registry is asked")
	}
	d.Size, d.MediaType = int64(len(manifest)), typeOf(manifest)
	return d, nil
}

// typeOf returns the media type in a manifest.
func typeOf(text []byte) string {
	var m struct {
		MediaType string `json:"mediaType"`
	}
	_ = json.Unmarshal(text, &m) // the manifest's parser reports errors
	return m.MediaType
}

// head looks up a tag at one place. If the response lacks the digest, it reads the manifest.
func (r *Repository) head(ctx context.Context, s *session, ref reference) (Descriptor, error) {
	short, cancel := r.client.within(ctx)
	defer cancel()
	a, err := s.do(short, ref.String(), request{method: http.MethodHead, path: "manifests/" + ref.id(), header: accepting()})
	if err != nil {
		return Descriptor{}, err
	}
	switch {
	case a.StatusCode == http.StatusOK:
		d := Descriptor{digest.Digest(a.Header.Get("Docker-Content-Digest")), a.Header.Get("Content-Type"), max(a.ContentLength, 0)}
		if d.Digest.Validate() == nil && !a.page() && !schema1(d.MediaType) {
			a.close()
			return d, nil
		}
	case a.StatusCode == http.StatusTooManyRequests, a.StatusCode >= 500:
		return Descriptor{}, s.answered(ref.String(), a)
	}
	a.close()
	text, kind, err := r.get(ctx, s, ref.String(), "manifests/"+ref.id())
	if err != nil {
		return Descriptor{}, r.suggest(ctx, s, ref, err)
	}
	d := Descriptor{digest.FromBytes(text), kind, int64(len(text))}
	r.keep(d.Digest, text)
	return d, nil
}

// schema1 reports whether a media type is a manifest of Docker's schema 1, whose digest does not
// cover its bytes.
func schema1(mediaType string) bool {
	return strings.HasPrefix(mediaType, "application/vnd.docker.distribution.manifest.v1+")
}

func accepting() http.Header { return http.Header{"Accept": {strings.Join(manifestTypes, ", ")}} }

// Manifest returns the verified manifest or index with a digest.
func (r *Repository) Manifest(ctx context.Context, d Descriptor) ([]byte, error) {
	if text, ok := r.known(d.Digest); ok {
		return text, nil
	}
	asked := r.ref.path() + "@" + d.Digest.String()
	if err := r.offline(asked); err != nil {
		return nil, err
	}
	var text []byte
	err := r.each(r.byDigest, asked, func(s *session) (err error) {
		text, _, err = r.get(ctx, s, asked, "manifests/"+d.Digest.String())
		if err != nil {
			return err
		}
		return verified(asked, s.host.name, d, text)
	})
	if err != nil {
		return nil, err
	}
	r.keep(d.Digest, text)
	return text, nil
}

// offline is the error for a request that is forbidden.
func (r *Repository) offline(asked string) error {
	if !r.client.Offline {
		return nil
	}
	return fail(ErrOffline, asked, "leave out --offline, and PEEL_OFFLINE", "it is not in the cache, and no registry is asked")
}

// verified checks that a document matches its descriptor.
func verified(asked, host string, d Descriptor, text []byte) error {
	if d.Size > 0 && int64(len(text)) != d.Size {
		return fail(ErrWrongBytes, asked, "", "%s returns %d bytes instead of %d", host, len(text), d.Size)
	}
	if got := d.Digest.Algorithm().FromBytes(text); got != d.Digest {
		return fail(ErrWrongBytes, asked, "", "%s returns other content: its digest is %s", host, got)
	}
	return nil
}

// Document returns a verified small blob by digest, such as a config.
func (r *Repository) Document(ctx context.Context, d Descriptor) ([]byte, error) {
	if text, ok := r.known(d.Digest); ok {
		return text, nil
	}
	asked := r.ref.path() + "@" + d.Digest.String()
	if err := r.offline(asked); err != nil {
		return nil, err
	}
	if d.Size > maxDocument {
		return nil, fail(ErrWrongBytes, asked, "", "%d bytes, more than the %d allowed for such a document", d.Size, int64(maxDocument))
	}
	ctx, cancel := r.client.within(ctx)
	defer cancel()
	b := r.Blob(ctx, d)
	text, err := io.ReadAll(b)
	if err = errors.Join(err, b.Close()); err != nil {
		return nil, err
	}
	r.keep(d.Digest, text)
	return text, nil
}

// get reads a small document from one place.
func (r *Repository) get(ctx context.Context, s *session, asked, path string) (text []byte, mediaType string, err error) {
	ctx, cancel := r.client.within(ctx)
	defer cancel()
	for tries := 1; ; tries++ {
		a, err := s.do(ctx, asked, request{method: http.MethodGet, path: path, header: accepting()})
		if err != nil {
			return nil, "", err
		}
		if a.StatusCode != http.StatusOK || a.page() {
			return nil, "", s.missing(asked, a)
		}
		text, err = io.ReadAll(io.LimitReader(a.Body, maxDocument+1))
		a.close()
		switch {
		case len(text) > maxDocument:
			return nil, "", fail(ErrWrongBytes, asked, "", "%s returns more than the %d bytes allowed for such a document", s.host.name, int64(maxDocument))
		case err == nil:
			return text, a.Header.Get("Content-Type"), nil
		case ctx.Err() != nil, tries >= s.client.tries:
			return nil, "", s.host.unanswered(ctx, asked, err)
		}
		if err := s.client.sleep(ctx, s.client.backoff(tries)); err != nil {
			return nil, "", err
		}
	}
}

// missing is answered, with a specific error for "404".
func (s *session) missing(asked string, a *answer) error {
	if a.StatusCode != http.StatusNotFound || a.page() || a.away {
		return s.answered(asked, a)
	}
	code, _ := a.diagnosis()
	a.close()
	e := fail(ErrNotFound, asked, "", "%s has no such image", s.host.name)
	if code == "NAME_UNKNOWN" {
		e = fail(ErrNotFound, asked, "check the name", "%s has no repository %s", s.host.name, s.repo)
	}
	e.Status = http.StatusNotFound
	return e
}
