package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/net/http/httpproxy"
)

// A host is one server, and how it is trusted and reached. Safe for concurrent use.
type host struct {
	name   string // "ghcr.io", "localhost:5000"
	client *Client
	rule   *hostRule // nil if hosts.toml says nothing of it

	schemes []string // to try, in order
	near    *http.Transport
	guarded *http.Transport // for requests that a registry elsewhere has caused

	resolve sync.Once
	private bool

	pacer pacer
}

// host returns the host of that name, "HOST" or "HOST:PORT". insecure says that
// registries.conf allows it what Options.Insecure allows.
func (c *Client) host(name string, insecure bool, rule *hostRule) (*host, error) {
	id := fmt.Sprint(name, " ", insecure)
	if rule != nil {
		id += " " + rule.dir + " " + rule.url.String()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.hosts[id]; ok {
		return h, nil
	}
	b, err := certsOf(name)
	if err == nil && rule != nil {
		err = rule.trust(b)
	}
	if err != nil {
		return nil, fail(ErrUntrusted, name, "mend or remove that file", "reading its certificates: %s", said(err.Error()))
	}
	insecure = insecure || c.insecure(name)
	if insecure {
		b.config.InsecureSkipVerify = true // as the user says
	}
	h := &host{name: name, client: c, rule: rule, schemes: []string{"https"}}
	switch {
	case rule != nil && rule.url.Scheme == "http":
		h.schemes = []string{"http"}
	case insecure || isLoopback(name):
		h.schemes = []string{"https", "http"}
	}
	h.near, h.guarded = c.newTransport(b.config), c.newTransport(b.config)
	dialer := &net.Dialer{Timeout: c.dial}
	h.near.DialContext = dialer.DialContext
	outward := &net.Dialer{Timeout: c.dial, ControlContext: outwardOnly}
	h.guarded.DialContext = outward.DialContext
	c.hosts[id] = h
	return h, nil
}

// insecure reports whether the options list a host.
func (c *Client) insecure(name string) bool {
	bare := hostname(name)
	return slices.ContainsFunc(c.Insecure, func(s string) bool {
		s = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://"), "/")
		return strings.EqualFold(s, name) || strings.EqualFold(s, bare)
	})
}

func (h *host) close() {
	h.near.CloseIdleConnections()
	h.guarded.CloseIdleConnections()
}

// base is the path that the registry's API begins at, "/v2".
func (h *host) base() string {
	if h.rule == nil {
		return "/v2"
	}
	return h.rule.url.Path
}

// login is the host as login commands want it.
func (h *host) login() string {
	if hub(h.name) {
		return "docker.io"
	}
	return h.name
}

// certsHint is a folder for the certificates that the host is trusted by.
func (h *host) certsHint() string {
	return filepath.Join("/etc/docker/certs.d", hostFolder(h.name), "ca.crt")
}

// proxyHint adds to an advice that a proxy is in between.
func (h *host) proxyHint(advice string) string {
	u := &url.URL{Scheme: h.schemes[0], Host: h.name}
	via, err := h.client.proxy.of(u)
	switch {
	case err == nil && via == nil:
		return advice
	case advice != "":
		advice += "; "
	}
	if err != nil {
		return advice + "the proxy that the environment names has a malformed address"
	}
	return advice + "it is asked through the proxy " + said(via.Host) + ", which the environment names"
}

// isPrivate reports whether the host is on this machine, or in a network that the
// rest of the world cannot reach: then it may send to others there.
func (h *host) isPrivate(ctx context.Context) bool {
	h.resolve.Do(func() {
		name := hostname(h.name)
		if isLoopback(h.name) {
			h.private = true
			return
		}
		if addr, err := netip.ParseAddr(name); err == nil {
			h.private = inward(addr)
			return
		}
		if via, _ := h.client.proxy.of(&url.URL{Scheme: "https", Host: h.name}); via != nil {
			return // what the name means is up to the proxy
		}
		ctx, cancel := context.WithTimeout(ctx, h.client.dial)
		defer cancel()
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		h.private = err == nil && slices.ContainsFunc(addrs, inward)
	})
	return h.private
}

// away returns what to reach the host by, where from has sent peel there: not to an
// inner address, if from is public.
func (h *host) away(ctx context.Context, from *host, u *url.URL) (http.RoundTripper, error) {
	if from.isPrivate(ctx) {
		return h.near, nil
	}
	name := hostname(u.Host)
	if addr, err := netip.ParseAddr(name); err == nil && inward(addr) || isLoopback(u.Host) {
		return nil, errInward
	}
	if via, _ := h.client.proxy.of(u); via != nil {
		return h.near, nil // that dials the proxy, which may well be near
	}
	return h.guarded, nil
}

// errInward says that a public registry has sent peel into a private network.
var errInward = &Error{Kind: ErrRefused, text: "it sends peel to an address in a private network, which peel does not follow"}

// outwardOnly refuses to connect to inner addresses.
func outwardOnly(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if inward(at.Addr()) {
		return errInward
	}
	return nil
}

// carrierGrade is the network of addresses behind a provider's translation.
var carrierGrade = netip.MustParsePrefix("100.64.0.0/10")

// inward reports whether an address means nothing to the rest of the world.
func inward(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsUnspecified() || carrierGrade.Contains(a)
}

// isLoopback reports whether a host is this machine by its name alone.
func isLoopback(name string) bool {
	bare := hostname(name)
	if bare == "localhost" || strings.HasSuffix(bare, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(bare)
	return err == nil && addr.Unmap().IsLoopback()
}

// hostname is "HOST:PORT" without the port, and without brackets.
func hostname(name string) string {
	return strings.ToLower((&url.URL{Host: name}).Hostname())
}

// proxyFunc is which proxy the environment names for an address.
type proxyFunc func(*url.URL) (*url.URL, error)

func environmentProxy() proxyFunc { return httpproxy.FromEnvironment().ProxyFunc() }

func (p proxyFunc) request(r *http.Request) (*url.URL, error) { return p.of(r.URL) }

func (p proxyFunc) of(u *url.URL) (*url.URL, error) {
	via, err := p(u)
	if err != nil {
		return nil, errors.New("the environment names a proxy with a malformed address") // the error would repeat it
	}
	return via, nil
}
