// Package fakeregistry is a registry for tests: go-containerregistry's, behind a proxy that
// tests can make fail in many ways.
package fakeregistry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// A Fault mishandles a request. It returns false to let the registry handle it normally. n
// counts the requests with the same method and path, from 1.
type Fault func(w http.ResponseWriter, r *http.Request, n int) (handled bool)

// A Registry is a server on loopback. Its requests are recorded.
type Registry struct {
	*httptest.Server
	inner http.Handler

	mu     sync.Mutex
	faults []Fault
	pushes []Fault  // for pushes
	asked  []string // "GET /v2/app/manifests/1 [RANGE]"
	pushed []string // the same, for pushes
	auth   []string // the Authorization header of each
	seen   map[string]int
	sent   int64 // bytes of answers
}

// New serves a registry by plain HTTP until the test ends.
func New(t testing.TB) *Registry {
	t.Helper()
	r := unstarted()
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// NewTLS is New with HTTPS and a certificate that the system doesn't trust: see
// httptest.Server.Certificate.
func NewTLS(t testing.TB) *Registry {
	t.Helper()
	r := unstarted()
	r.Server = httptest.NewUnstartedServer(r)
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

func unstarted() *Registry {
	return &Registry{
		inner: registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)),
		seen:  map[string]int{},
	}
}

// Host returns the registry's name: "127.0.0.1:5000".
func (r *Registry) Host() string { return r.Listener.Addr().String() }

// Break installs faults. From now on, the first fault that handles a request replaces the
// registry.
func (r *Registry) Break(faults ...Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = faults
}

// BreakPushes is Break for pushes; n is always 1.
func (r *Registry) BreakPushes(faults ...Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pushes = faults
}

// Pushed returns the push requests since the last call, in order.
func (r *Registry) Pushed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	pushed := r.pushed
	r.pushed = nil
	return pushed
}

// Asked returns all other requests since the last call, in order.
func (r *Registry) Asked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := r.asked
	r.asked = nil
	return asked
}

// Sent returns how many bytes of response bodies were sent since the last call.
func (r *Registry) Sent() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent := r.sent
	r.sent = 0
	return sent
}

// counter counts the bytes of a response.
type counter struct {
	http.ResponseWriter
	r *Registry
}

func (c counter) Write(p []byte) (int, error) {
	c.r.count(len(p)) // count first, so that a client that has read the bytes finds them counted
	n, err := c.ResponseWriter.Write(p)
	c.r.count(n - len(p))
	return n, err
}

func (r *Registry) count(bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent += int64(bytes)
}

// Flush sends what has been written.
func (c counter) Flush() { _ = http.NewResponseController(c.ResponseWriter).Flush() }

// Authorizations returns the Authorization headers of the requests since the last call.
func (r *Registry) Authorizations() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	auth := r.auth
	r.auth = nil
	return auth
}

// Inner handles a request as the registry does without faults.
func (r *Registry) Inner(w http.ResponseWriter, req *http.Request) { r.inner.ServeHTTP(w, req) }

func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodPut || req.Method == http.MethodPost || req.Method == http.MethodPatch {
		r.mu.Lock()
		r.pushed = append(r.pushed, req.Method+" "+req.URL.Path)
		faults := slices.Clone(r.pushes)
		r.mu.Unlock()
		for _, fault := range faults {
			if fault(w, req, 1) {
				return
			}
		}
		r.inner.ServeHTTP(w, req)
		return
	}
	r.mu.Lock()
	line := strings.TrimSpace(req.Method + " " + req.URL.Path + " " + req.Header.Get("Range"))
	r.asked = append(r.asked, line)
	r.auth = append(r.auth, req.Header.Get("Authorization"))
	key := req.Method + " " + req.URL.Path
	r.seen[key]++
	n, faults := r.seen[key], slices.Clone(r.faults)
	r.mu.Unlock()
	w = counter{w, r}
	for _, fault := range faults {
		if fault(w, req, n) {
			return
		}
	}
	r.inner.ServeHTTP(w, req)
}

// Forget restarts the counts of requests from 1.
func (r *Registry) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked, r.auth, r.seen, r.sent = nil, nil, map[string]int{}, 0
}

// put sends a request that must succeed.
func (r *Registry) put(t testing.TB, method, path, mediaType string, body []byte) {
	t.Helper()
	req := httptest.NewRequest(method, path, bytes.NewReader(body))
	req.Header.Set("Content-Type", mediaType)
	w := httptest.NewRecorder()
	r.inner.ServeHTTP(w, req)
	if w.Code >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
}

// Blob pushes a blob to a repository.
func (r *Registry) Blob(t testing.TB, repo, digest string, body []byte) {
	t.Helper()
	r.put(t, http.MethodPost, "/v2/"+repo+"/blobs/uploads/?digest="+digest, "application/octet-stream", body)
}

// Manifest pushes a manifest or index under a tag or digest.
func (r *Registry) Manifest(t testing.TB, repo, reference, mediaType string, body []byte) {
	t.Helper()
	r.put(t, http.MethodPut, "/v2/"+repo+"/manifests/"+reference, mediaType, body)
}

// document has the fields of a manifest or index that are needed to push it.
type document struct {
	MediaType string       `json:"mediaType"`
	Manifests []descriptor `json:"manifests"`
	Config    descriptor   `json:"config"`
	Layers    []descriptor `json:"layers"`
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
}

// Push pushes the only image, or the only index, of an OCI layout in a folder under a tag. It
// skips blobs that aren't in the folder.
func (r *Registry) Push(t testing.TB, dir, repo, tag string) {
	t.Helper()
	index := load(t, filepath.Join(dir, "index.json"))
	if len(index.Manifests) != 1 {
		text, err := os.ReadFile(filepath.Join(dir, "index.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range index.Manifests {
			r.push(t, dir, repo, d, "")
		}
		r.Manifest(t, repo, tag, "application/vnd.oci.image.index.v1+json", text)
		return
	}
	r.push(t, dir, repo, index.Manifests[0], tag)
}

func (r *Registry) push(t testing.TB, dir, repo string, d descriptor, tag string) {
	t.Helper()
	path := func(digest string) string {
		return filepath.Join(dir, "blobs", filepath.FromSlash(strings.Replace(digest, ":", "/", 1)))
	}
	m := load(t, path(d.Digest))
	for _, inner := range m.Manifests {
		if _, err := os.Stat(path(inner.Digest)); err == nil {
			r.push(t, dir, repo, inner, "")
		}
	}
	if m.Manifests == nil {
		for _, b := range append(m.Layers, m.Config) {
			if text, err := os.ReadFile(path(b.Digest)); err == nil {
				r.Blob(t, repo, b.Digest, text)
			}
		}
	}
	text, err := os.ReadFile(path(d.Digest))
	if err != nil {
		t.Fatal(err)
	}
	mediaType := d.MediaType
	if mediaType == "" {
		mediaType = m.MediaType
	}
	r.Manifest(t, repo, d.Digest, mediaType, text)
	if tag != "" {
		r.Manifest(t, repo, tag, mediaType, text)
	}
}

func load(t testing.TB, path string) document {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", path, err))
	}
	return d
}
