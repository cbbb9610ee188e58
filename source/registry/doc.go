// Package registry resolves a name to manifests and blobs in a registry. It
// knows nothing about images, layers and their tars, or other places of images.
//
//	c := registry.NewClient(registry.Options{})
//	defer c.Close()
//	found, err := c.Resolve(ctx, "ghcr.io/me/app:1")     // one HEAD
//	text, err := found.Manifest(ctx, found.Descriptor)   // verified
//	r, err := found.Blob(ctx, layer)                     // resumes, verifies
//
// go-containerregistry handles names, the ping and tokens. The location of a
// registry and how to trust it come from the files of other programs:
// registries.conf, certs.d, hosts.toml, Docker's config.json, podman's
// auth.json.
//
// Registries are not trusted: their responses are limited in bytes and time,
// and verified by digest. Credentials for one host are never sent to another,
// and no error or log contains a secret: no password, no token, and no query of
// a URL, which may contain a signature.
package registry

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Options control how registries are reached. The zero value is ready to use.
type Options struct {
	// Insecure are hosts, "HOST" or "HOST:PORT", whose certificates are not
	// checked and which may be reached by plain HTTP. A host without a port
	// matches any port.
	Insecure []string

	// Offline forbids requests: only what Store holds is found.
	Offline bool

	// Store keeps documents between runs. Nil: none.
	Store Store

	// Rate bounds the average number of requests per second to a registry, however many are
	// made at once. 0 means no bound.
	Rate float64

	// Keep has connections and tokens be kept for other images: Close does nothing, and
	// End lets go of them.
	Keep bool

	// Agent is the program's name and version, for the User-Agent header.
	Agent string

	// Log receives requests at debug level: method, host, path, status. Nil: none.
	Log *slog.Logger
}

// A Store keeps small documents between runs: manifests and configs by digest,
// and the last digest of a tag. Documents with a digest are verified before
// use. Safe for concurrent use.
type Store interface {
	Read(key string) ([]byte, bool)
	Write(key string, text []byte)
}

// A Client sends requests to registries. Safe for concurrent use.
type Client struct {
	Options
	limits
	keys  keychain
	proxy proxyFunc
	conf  func() (*conf, error) // reads registries.conf on first use

	mu    sync.Mutex
	hosts map[string]*host  // by name and port
	repos map[string]places // of repositories that were asked, by name, with Keep
}

// places are where a repository is asked.
type places struct{ byTag, byDigest []*session }

// maxKept bounds the repositories whose tokens are kept.
const maxKept = 64

// limits are limits that tests lower.
type limits struct {
	dial     time.Duration // to connect, and again for the TLS handshake
	header   time.Duration // for the first line of a response
	idle     time.Duration // without a byte of a body
	document time.Duration // for a complete manifest, token or list
	wait     time.Duration // the longest Retry-After that is obeyed
	pause    time.Duration // before the second attempt; each further one takes four times as long
	tries    int           // of one request, and of resuming without progress
}

// usual are the limits outside of tests.
var usual = limits{
	dial: 15 * time.Second, header: time.Minute, idle: time.Minute, document: 2 * time.Minute,
	wait: time.Minute, pause: 200 * time.Millisecond, tries: 4,
}

// Limits on what is read from a registry, in bytes.
const (
	maxDocument = 8 << 20  // for a manifest, an index, a config, or a page of tags
	maxHeader   = 64 << 10 // for the header of a response
	maxMessage  = 300      // for the text of a registry's error, as shown
)

// NewClient returns a client. It sends no request.
func NewClient(o Options) *Client {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{
		Options: o, limits: usual, proxy: environmentProxy(),
		conf:  sync.OnceValues(readConf),
		hosts: map[string]*host{},
	}
}

// Close closes idle connections, unless Keep is set.
func (c *Client) Close() error {
	if c.Keep {
		return nil
	}
	return c.End()
}

// End closes idle connections.
func (c *Client) End() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.hosts {
		h.close()
	}
	return nil
}

func (c *Client) read(key string) ([]byte, bool) {
	if c.Store == nil {
		return nil, false
	}
	return c.Store.Read(key)
}

func (c *Client) write(key string, text []byte) {
	if c.Store != nil {
		c.Store.Write(key, text)
	}
}

// within limits ctx to the time for a complete small response.
func (c *Client) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.document, errSlow)
}

// newTransport returns a separate transport for one host.
func (c *Client) newTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                  c.proxy.request,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    c.dial,
		ResponseHeaderTimeout:  c.header,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second,
		DisableCompression:     true, // bytes are needed as stored
		ForceAttemptHTTP2:      true,
	}
}
