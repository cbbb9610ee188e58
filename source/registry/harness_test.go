package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/peelhq/peel/internal/fakeregistry"
	"github.com/peelhq/peel/internal/testkit"
)

// alone sets up an environment without registry settings and with short timeouts. It returns
// the home directory and the root of the system's files.
func alone(t *testing.T) (home, root string) {
	t.Helper()
	home = testkit.NoEngines(t)
	for _, name := range []string{"CONTAINERS_REGISTRIES_CONF", "REGISTRY_AUTH_FILE", "XDG_CACHE_HOME", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, "")
	}
	root = t.TempDir()
	wasRoot, wasUsual := systemRoot, usual
	systemRoot = root
	usual.pause = time.Millisecond
	usual.idle = 300 * time.Millisecond
	usual.wait = 2 * time.Second
	usual.dial = 5 * time.Second
	t.Cleanup(func() { systemRoot, usual = wasRoot, wasUsual })
	return home, root
}

// mapStore is a Store in memory.
type mapStore struct {
	mu   sync.Mutex
	text map[string][]byte
}

func (m *mapStore) Read(key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.text[key]
	return b, ok
}

func (m *mapStore) Write(key string, text []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.text == nil {
		m.text = map[string][]byte{}
	}
	m.text[key] = bytes.Clone(text)
}

// client returns a client that is closed at the end of the test.
func client(t *testing.T, o Options) *Client {
	t.Helper()
	c := NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// pushed is a registry with a manifest at "me/app:1" and the blob that it names.
type pushed struct {
	*fakeregistry.Registry
	manifest digest.Digest
	text     []byte
	blob     Descriptor
	bytes    []byte
}

// push pushes made-up content of the given size.
func push(t *testing.T, r *fakeregistry.Registry, size int) *pushed {
	t.Helper()
	p := &pushed{Registry: r, bytes: make([]byte, size)}
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte("peel"))).Read(p.bytes)
	p.blob = Descriptor{Digest: digest.FromBytes(p.bytes), Size: int64(size)}
	r.Blob(t, "me/app", p.blob.Digest.String(), p.bytes)
	config := []byte("{}")
	r.Blob(t, "me/app", digest.FromBytes(config).String(), config)
	const manifestType = "application/vnd.oci.image.manifest.v1+json"
	p.text, _ = json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest.FromBytes(config), "size": 2},
		"layers": []any{map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": p.blob.Digest, "size": size}},
	})
	p.manifest = digest.FromBytes(p.text)
	r.Manifest(t, "me/app", "1", manifestType, p.text)
	return p
}

// name returns the name of the pushed image.
func (p *pushed) name() string { return p.Host() + "/me/app:1" }

// blobPath returns the path of requests for the blob.
func (p *pushed) blobPath() string { return "/v2/me/app/blobs/" + p.blob.Digest.String() }

// readBlob resolves the name and reads the blob, as an image's layer is read.
func (p *pushed) readBlob(t *testing.T, c *Client) ([]byte, error) {
	t.Helper()
	found, err := c.Resolve(t.Context(), p.name())
	if err != nil {
		return nil, err
	}
	b := found.Blob(t.Context(), p.blob)
	got, err := io.ReadAll(b)
	return got, errors.Join(err, b.Close())
}

// onBlob limits a fault to requests for the blob.
func (p *pushed) onBlob(fault fakeregistry.Fault) fakeregistry.Fault {
	return func(w http.ResponseWriter, r *http.Request, n int) bool {
		return r.URL.Path == p.blobPath() && r.Method == http.MethodGet && fault(w, r, n)
	}
}

// cut answers as the registry would, but breaks off after this many bytes of the body.
func cut(reg *fakeregistry.Registry, w http.ResponseWriter, r *http.Request, after int) bool {
	reg.Inner(&cutter{ResponseWriter: w, left: after}, r)
	panic(http.ErrAbortHandler)
}

type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	if _, err := c.ResponseWriter.Write(p[:n]); err != nil {
		return n, err
	}
	c.ResponseWriter.(http.Flusher).Flush()
	if n < len(p) {
		return n, errors.New("cut off")
	}
	return n, nil
}

// says fails the test unless the error is of this kind and contains all the texts.
func says(t *testing.T, err, kind error, texts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("error %v (%T)\nisn't %q", err, err, fmt.Sprint(kind))
	}
	if len(texts) > 0 {
		testkit.WantError(t, err, texts...)
	}
}
