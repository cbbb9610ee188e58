// Package registry turns a name into manifests and blobs of a registry. It knows
// nothing of images, of layers and their tars, or of where else an image may be.
//
//	c := registry.NewClient(registry.Options{})
//	defer c.Close()
//	found, err := c.Resolve(ctx, "ghcr.io/me/app:1")     // one HEAD
//	text, err := found.Manifest(ctx, found.Descriptor)   // verified
//	r, err := found.Blob(ctx, layer)                     // resumes, verifies
//
// Names, the ping and tokens are go-containerregistry's. Where a registry is, and
// how it is trusted, is read from the files that other programs read:
// registries.conf, certs.d, hosts.toml, Docker's config.json, podman's auth.json.
//
// A registry is not trusted: what it sends is bounded in bytes and time, and is
// verified against the digest that names it. No request carries one host's
// credentials to another, and no error or log holds a secret: not a password, not
// a token, not the query of a URL, in which signatures stand.
package registry

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Options says how registries are reached. The zero value is ready to use.
type Options struct {
	// Insecure are hosts, "HOST" or "HOST:PORT", whose certificates are not
	// checked, and that may be asked by plain HTTP. One without a port is meant
	// with any.
	Insecure []string

	// Offline has nothing be asked of any registry: only what Store holds is
	// found.
	Offline bool

	// Store keeps documents from one run to the next. Nil: nothing is kept.
	Store Store

	// Rate bounds how many requests a second a registry gets, on average, however many
	// are made at once. 0: there is no bound.
	Rate float64

	// Keep has connections and tokens be kept for other images: Close does nothing, and
	// End lets go of them.
	Keep bool

	// Agent is the program's name and version, for the User-Agent header.
	Agent string

	// Log receives the requests, at debug level: method, host, path, status.
	// Nil: nothing.
	Log *slog.Logger
}

// A Store keeps small documents between runs: manifests and configs under their
// digest, and which digest a tag had last. What it returns is verified before it
// is used, where a digest can. Safe for concurrent use.
type Store interface {
	Read(key string) ([]byte, bool)
	Write(key string, text []byte)
}

// A Client asks registries. Safe for concurrent use.
type Client struct {
	Options
	limits
	keys  keychain
	proxy proxyFunc
	conf  func() (*conf, error) // registries.conf, read when it is first needed

	mu    sync.Mutex
	hosts map[string]*host  // by name and port
	repos map[string]places // of repositories that were asked, by name, with Keep
}

// places are where a repository is asked.
type places struct{ byTag, byDigest []*session }

// maxKept bounds the repositories whose tokens are kept.
const maxKept = 64

// limits are the bounds that tests make smaller.
type limits struct {
	dial     time.Duration // to connect, and again for the handshake of TLS
	header   time.Duration // for the first line of an answer
	idle     time.Duration // without a byte of a body
	document time.Duration // for the whole of a manifest, a token, a list
	wait     time.Duration // the longest Retry-After that is waited for
	pause    time.Duration // before the second try of what has failed; the next is four times as long
	tries    int           // of one request, and of reading on without progress
}

// usual are the limits outside of tests.
var usual = limits{
	dial: 15 * time.Second, header: time.Minute, idle: time.Minute, document: 2 * time.Minute,
	wait: time.Minute, pause: 200 * time.Millisecond, tries: 4,
}

// Bounds on what a registry makes peel read, in bytes.
const (
	maxDocument = 8 << 20  // of a manifest, an index, a config, a page of tags
	maxHeader   = 64 << 10 // of the header of an answer
	maxMessage  = 300      // of what a registry says in an error, shown
)

// NewClient returns a client that has asked nothing yet.
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

// Close lets go of connections that nobody uses, unless they are to be kept.
func (c *Client) Close() error {
	if c.Keep {
		return nil
	}
	return c.End()
}

// End lets go of connections that nobody uses.
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

// within is ctx for the whole of a small answer.
func (c *Client) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.document, errSlow)
}

// newTransport returns a transport of our own, for one host.
func (c *Client) newTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                  c.proxy.request,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    c.dial,
		ResponseHeaderTimeout:  c.header,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second,
		DisableCompression:     true, // bytes are wanted as they are stored
		ForceAttemptHTTP2:      true,
	}
}
