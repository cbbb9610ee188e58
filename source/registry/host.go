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

// A host is one server, with its TLS settings and addresses. Safe for concurrent use.
type host struct {
	name   string // "ghcr.io", "localhost:5000"
	client *Client
	rule   *hostRule // nil if hosts.toml has none

	schemes []string // to try, in order
	near    *http.Transport
	guarded *http.Transport // for requests caused by another registry

	resolve sync.Once
	private bool

	pacer pacer
}

// host returns the host with a name, "HOST" or "HOST:PORT". insecure is registries.conf's
// equivalent of Options.Insecure.
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
		return nil, fail(ErrUntrusted, name, "fix or remove that file", "reading its certificates: %s", said(err.Error()))
	}
	insecure = insecure || c.insecure(name)
	if insecure {
		b.config.InsecureSkipVerify = true // as the user requested
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

// base returns the path prefix of the registry's API, "/v2".
func (h *host) base() string {
	if h.rule == nil {
		return "/v2"
	}
	return h.rule.url.Path
}

// login returns the host as login commands expect it.
func (h *host) login() string {
	if hub(h.name) {
		return "docker.io"
	}
	return h.name
}

// certsHint returns a folder for the host's certificates.
func (h *host) certsHint() string {
	return filepath.Join("/etc/docker/certs.d", hostFolder(h.name), "ca.crt")
}

// proxyHint adds to advice that a proxy is involved.
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

// isPrivate reports whether the host is on this machine or in a private network. Only then may it
// redirect to others there.
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
			return // the proxy resolves the name
		}
		ctx, cancel := context.WithTimeout(ctx, h.client.dial)
		defer cancel()
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		h.private = err == nil && slices.ContainsFunc(addrs, inward)
	})
	return h.private
}

// away returns the transport for a host that from redirects to: it excludes inner addresses if
// from is public.
func (h *host) away(ctx context.Context, from *host, u *url.URL) (http.RoundTripper, error) {
	if from.isPrivate(ctx) {
		return h.near, nil
	}
	name := hostname(u.Host)
	if addr, err := netip.ParseAddr(name); err == nil && inward(addr) || isLoopback(u.Host) {
		return nil, errInward
	}
	if via, _ := h.client.proxy.of(u); via != nil {
		return h.near, nil // it dials the proxy, which may be local
	}
	return h.guarded, nil
}

// errInward says that a public registry redirects into a private network.
var errInward = &Error{Kind: ErrRefused, text: "it redirects to an address in a private network, which peel does not follow"}

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

// carrierGrade is the address range of carrier-grade NAT.
var carrierGrade = netip.MustParsePrefix("100.64.0.0/10")

// inward reports whether an address is not globally reachable.
func inward(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsUnspecified() || carrierGrade.Contains(a)
}

// isLoopback reports whether a host's name means this machine.
func isLoopback(name string) bool {
	bare := hostname(name)
	if bare == "localhost" || strings.HasSuffix(bare, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(bare)
	return err == nil && addr.Unmap().IsLoopback()
}

// hostname returns "HOST:PORT" without port and brackets.
func hostname(name string) string {
	return strings.ToLower((&url.URL{Host: name}).Hostname())
}

// proxyFunc returns the environment's proxy for an address.
type proxyFunc func(*url.URL) (*url.URL, error)

func environmentProxy() proxyFunc { return httpproxy.FromEnvironment().ProxyFunc() }

func (p proxyFunc) request(r *http.Request) (*url.URL, error) { return p.of(r.URL) }

func (p proxyFunc) of(u *url.URL) (*url.URL, error) {
	via, err := p(u)
	if err != nil {
		return nil, errors.New("the environment names a proxy with a malformed address") // the error would quote it
	}
	return via, nil
}
