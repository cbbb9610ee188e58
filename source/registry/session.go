package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/peelhq/peel/internal/lazy"
)

// A session sends requests for one repository to one host and holds the token.
// It tries the allowed schemes and known credentials in order until one is
// accepted. Safe for concurrent use.
type session struct {
	client *Client
	host   *host
	repo   string // "me/app"
	origin string // the original host if this one is its mirror; else ""
	scope  string // scope of the token, in registry notation; "" for pulling

	mu        sync.Mutex
	creds     []credential // nil before the lookup
	at        int          // index of the current one
	rt        http.RoundTripper
	scheme    string
	proved    bool   // the host has accepted a request
	challenge string // from a host that requests a token only after the ping
}

// used returns the session's current credential.
func (s *session) used() credential {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at >= len(s.creds) {
		return credential{}
	}
	return s.creds[s.at]
}

// connect returns a transport with the session's token, and the host's scheme.
func (s *session) connect(ctx context.Context) (http.RoundTripper, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rt != nil {
		return s.rt, s.scheme, nil
	}
	if s.creds == nil {
		found, troubles := s.client.keys.find(ctx, s.host.name, s.repo)
		for _, t := range troubles {
			s.client.Log.Debug("credentials that cannot be used", "reason", t)
		}
		if len(found) == 0 {
			found = []credential{{}}
		}
		s.creds = found
	}
	schemes := s.host.schemes
	if s.scheme != "" {
		schemes = []string{s.scheme}
	}
	var err error
	for _, scheme := range schemes {
		for {
			var rt http.RoundTripper
			if rt, err = s.handshake(ctx, scheme); err == nil {
				s.rt, s.scheme = rt, scheme
				return rt, scheme, nil
			}
			if !errors.Is(err, ErrUnauthorized) || s.at+1 >= len(s.creds) {
				break
			}
			s.client.Log.Debug("credentials that are not accepted", "from", s.creds[s.at].from)
			s.at++
		}
		if ctx.Err() != nil || !errors.Is(err, errNotHTTPS) && !errors.Is(err, ErrUnreachable) {
			break // another scheme won't help
		}
	}
	return nil, "", err
}

// errNotHTTPS says that a host answers HTTPS with something else.
var errNotHTTPS = errors.New("not HTTPS")

// handshake pings the host and gets a token, with one scheme and the current credential. The
// caller holds s.mu.
func (s *session) handshake(ctx context.Context, scheme string) (http.RoundTripper, error) {
	cred := credential{}
	if s.at < len(s.creds) {
		cred = s.creds[s.at]
	}
	options := []name.Option{name.WeakValidation}
	if scheme == "http" {
		options = append(options, name.Insecure)
	}
	reg, err := name.NewRegistry(s.host.name, options...)
	if err != nil {
		return nil, fail(ErrNotFound, s.host.name, "", "it is not the name of a host")
	}
	w := &wire{s: s, scheme: scheme, challenge: s.challenge}
	scope := "repository:" + s.repo + ":" + cmp.Or(s.scope, transport.PullScope)
	if s.repo == "" {
		scope = catalogScope
	}
	ctx, cancel := s.client.within(ctx)
	defer cancel()
	rt, err := transport.NewWithContext(ctx, reg, cred.auth(), w, []string{scope})
	if err == nil {
		return rt, nil
	}
	return nil, s.notConnected(ctx, w, cred, err)
}

// notConnected is the error of a handshake.
func (s *session) notConnected(ctx context.Context, w *wire, cred credential, err error) error {
	answered, last := w.ended()
	var status *transport.Error
	switch {
	case errors.As(err, &status):
		r := &http.Response{StatusCode: status.StatusCode, Header: w.header(), Request: status.Request}
		if r.Request == nil {
			r.Request = &http.Request{URL: &url.URL{Scheme: w.scheme, Host: s.host.name}}
		}
		a := &answer{Response: r, said: status.Errors, away: !sameHost(w.real(r.Request.URL).Host, s.host.name, w.scheme)}
		r.Request = &http.Request{URL: w.real(r.Request.URL)}
		if slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest}, r.StatusCode) && !a.page() && w.asksToken(r.Request.URL) {
			a.away = false // a token server acts for its registry
			_, message := a.diagnosis()
			return s.refusedBy(cred, r.StatusCode, message)
		}
		return s.answeredBy(cred, s.host.name+"/"+s.repo, a)
	case last != nil:
		e := s.host.unanswered(ctx, s.host.name+"/"+s.repo, last)
		if notTLS(innermost(last)) {
			return errors.Join(e, errNotHTTPS)
		}
		return e
	case ctx.Err() != nil:
		return s.host.unanswered(ctx, s.host.name+"/"+s.repo, err)
	case answered:
		return fail(ErrPage, s.host.name+"/"+s.repo, "a proxy may require a login: check HTTPS_PROXY, NO_PROXY and the name",
			"it, or its token service, does not answer like a registry")
	}
	return fail(nil, s.host.name+"/"+s.repo, "", "%s", said(innermost(err).Error()))
}

// refusedBy is refused with s.mu held.
func (s *session) refusedBy(cred credential, status int, message string) error {
	return (&session{client: s.client, host: s.host, repo: s.repo, creds: []credential{cred}}).
		refused(s.host.name+"/"+s.repo, status, "", message)
}

func (s *session) answeredBy(cred credential, asked string, a *answer) error {
	return (&session{client: s.client, host: s.host, repo: s.repo, creds: []credential{cred}}).answered(asked, a)
}

// again reports whether to repeat a rejected request: with the next credential, with a new token,
// or because the host now requests a token.
func (s *session) again(a *answer, with http.RoundTripper) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	challenge := a.Header.Get("WWW-Authenticate")
	switch {
	case s.rt != with: // another goroutine has already reconnected
		return true
	case a.StatusCode == http.StatusUnauthorized && challenge != "" && s.challenge == "" && !s.proved:
		s.challenge = challenge
	case a.StatusCode == http.StatusUnauthorized && s.proved:
		s.proved = false // probably an expired token: retry once
	case s.at+1 < len(s.creds):
		s.client.Log.Debug("credentials that are not accepted", "from", s.creds[s.at].from)
		s.at++
	default:
		return false
	}
	s.rt = nil
	return true
}

func (s *session) accepted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proved = true
}

// A wire is the transport below go-containerregistry's: for the ping, token requests, and
// requests with a token. It enforces one scheme, rejects forbidden targets, and records failures.
type wire struct {
	s         *session
	scheme    string
	challenge string // the answer to the ping; "" to ask the host

	mu       sync.Mutex
	last     error             // error of the last request without a response
	answers  int               // number of responses
	lastHead http.Header       // header of the last response
	realms   map[string]string // token servers by their substitute names
}

// errScheme rejects requests with the wrong scheme.
var errScheme = errors.New("of another scheme")

func (w *wire) RoundTrip(in *http.Request) (*http.Response, error) {
	u := w.real(in.URL)
	own := sameHost(u.Host, w.s.host.name, w.scheme)
	if u.Scheme != w.scheme && (own || u.Scheme == "http") {
		return nil, errScheme
	}
	ping := own && u.Path == "/v2/" && in.Method == http.MethodGet && in.Header.Get("Range") == ""
	if ping && w.challenge != "" {
		return w.madeUp(in, http.StatusUnauthorized, w.challenge), nil
	}
	out := in.Clone(in.Context())
	out.URL, out.Host = u, ""
	var by http.RoundTripper = w.s.host.near
	if own {
		w.s.dress(out)
	} else {
		h, err := w.s.client.host(u.Host, false, nil)
		if err == nil {
			by, err = h.away(in.Context(), w.s.host, u)
		}
		if err != nil {
			return nil, w.note(err)
		}
	}
	r, err := w.s.client.send(by, out)
	if err != nil {
		return nil, w.note(err)
	}
	w.mu.Lock()
	w.answers++
	w.lastHead = r.Header
	w.mu.Unlock()
	if ping && w.s.host.base() != "/v2" && r.StatusCode != http.StatusUnauthorized && r.StatusCode != http.StatusOK {
		_ = r.Body.Close()
		return w.madeUp(in, http.StatusOK, ""), nil // the ping may not exist
	}
	w.nameRealm(r) //nolint:contextcheck // it takes that of the request
	r.Request = in
	return r, nil
}

// dress adds hosts.toml's headers to a request to the session's own host.
func (s *session) dress(r *http.Request) {
	if base := s.host.base(); base != "/v2" {
		if rest, ok := strings.CutPrefix(r.URL.Path, "/v2/"); ok {
			r.URL.Path, r.URL.RawPath = base+"/"+rest, ""
		}
	}
	if s.origin != "" {
		q := r.URL.Query()
		q.Set("ns", s.origin)
		r.URL.RawQuery = q.Encode()
	}
	if s.host.rule != nil {
		maps.Copy(r.Header, s.host.rule.header())
	}
}

// madeUp returns an artificial response.
func (w *wire) madeUp(in *http.Request, status int, challenge string) *http.Response {
	h := http.Header{}
	if challenge != "" {
		h.Set("WWW-Authenticate", challenge)
	}
	return &http.Response{
		StatusCode: status, Status: statusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: http.NoBody, Request: in,
	}
}

func (w *wire) note(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = err
	return err
}

// ended reports whether any request got a response, and the last failure, or nil.
func (w *wire) ended() (answered bool, last error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answers > 0, w.last
}

func (w *wire) header() http.Header {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lastHead.Clone()
}

// asksToken reports whether an address is outside of the registry's API: a token server.
func (w *wire) asksToken(u *url.URL) bool {
	return !sameHost(u.Host, w.s.host.name, w.scheme) || u.Path != "/v2/"
}

var realmOf = lazy.New(`(?i)realm="([^"]*)"`)

// nameRealm gives a name to a token server with a private address, because the transport rejects
// all such addresses. It is allowed if the registry itself has a private address.
func (w *wire) nameRealm(r *http.Response) {
	for i, challenge := range r.Header["Www-Authenticate"] {
		found := realmOf.FindStringSubmatch(challenge)
		if found == nil {
			continue
		}
		u, err := url.Parse(found[1])
		if err != nil {
			continue
		}
		addr, err := netip.ParseAddr(u.Hostname())
		if err != nil || !inward(addr) || sameHost(u.Host, w.s.host.name, w.scheme) || !w.s.host.isPrivate(r.Request.Context()) {
			continue
		}
		w.mu.Lock()
		if w.realms == nil {
			w.realms = map[string]string{}
		}
		made := fmt.Sprintf("realm-%d.invalid", len(w.realms))
		w.realms[made] = u.Host
		w.mu.Unlock()
		u.Host = made
		r.Header["Www-Authenticate"][i] = strings.Replace(challenge, found[1], u.String(), 1)
	}
}

// real returns the actual address of a request.
func (w *wire) real(u *url.URL) *url.URL {
	out := *u
	out.User = nil
	w.mu.Lock()
	defer w.mu.Unlock()
	if host, ok := w.realms[u.Host]; ok {
		out.Host = host
	}
	return &out
}

// sameHost reports whether two hosts are equal, with the scheme's default port.
func sameHost(a, b, scheme string) bool {
	full := func(s string) string {
		u := url.URL{Host: s}
		if u.Port() != "" {
			return strings.ToLower(s)
		}
		if scheme == "http" {
			return strings.ToLower(s) + ":80"
		}
		return strings.ToLower(s) + ":443"
	}
	return full(a) == full(b)
}

// send sends one request and logs it without possible secrets.
func (c *Client) send(by http.RoundTripper, r *http.Request) (*http.Response, error) {
	if c.Offline {
		return nil, fail(ErrOffline, "", "leave out --offline, and PEEL_OFFLINE", "it needs a request to %s", r.URL.Host)
	}
	agent := "peel"
	if c.Agent != "" {
		agent = c.Agent
	}
	r.Header.Set("User-Agent", agent)
	start := time.Now()
	resp, err := by.RoundTrip(r)
	took := time.Since(start).Round(time.Millisecond)
	if err != nil {
		c.Log.Debug("request", "method", r.Method, "url", shown(r.URL), "error", said(innermost(err).Error()), "took", took)
		return nil, err
	}
	c.Log.Debug("request", "method", r.Method, "url", shown(r.URL), "range", r.Header.Get("Range"), "status", resp.StatusCode, "bytes", resp.ContentLength, "took", took)
	return resp, nil
}
