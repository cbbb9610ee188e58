package registry

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/redact"
)

// The kinds of an [Error].
var (
	ErrNotFound     = errors.New("not found")                        // unknown repository, tag or digest
	ErrNoBlob       = fmt.Errorf("no such blob: %w", fs.ErrNotExist) // missing blob of a manifest
	ErrUnauthorized = errors.New("not allowed")                      // wrong or missing credentials
	ErrRateLimited  = errors.New("too many requests")
	ErrPage         = errors.New("a web page") // usually from a proxy that requires a login
	ErrUntrusted    = errors.New("not trusted")
	ErrUnreachable  = errors.New("no answer")
	ErrBlocked      = errors.New("blocked")     // by registries.conf
	ErrOffline      = errors.New("offline")     // a request would be needed
	ErrWrongBytes   = errors.New("wrong bytes") // they do not match the digest or the size
	ErrBroken       = errors.New("broken off")  // after the last attempt
	ErrWhole        = errors.New("whole")       // the whole blob instead of the requested part
	ErrRefused      = errors.New("refused")     // something that peel refuses to do, such as a redirect to plain HTTP
	errSlow         = errors.New("no whole answer in time")
)

// An Error is a failure with a registry. Its text says what was requested, why it failed and what
// to do. It contains no secrets.
type Error struct {
	Kind   error  // one of those above; otherwise nil
	Asked  string // what was requested: "ghcr.io/me/app:1"
	Status int    // of the response; 0 if none
	text   string
	try    string // what to do, or ""
	cause  error  // only for errors.Is; not part of the text
	parts  []error
}

// Error returns one line: what was requested, the reason, and possible help.
func (e *Error) Error() string {
	text := e.text
	if e.Asked != "" {
		text = e.Asked + ": " + text
	}
	if e.try != "" {
		text += "; " + e.try
	}
	return text
}

func (e *Error) Unwrap() []error {
	var out []error
	for _, err := range append([]error{e.Kind, e.cause}, e.parts...) {
		if err != nil {
			out = append(out, err)
		}
	}
	return out
}

// fail returns an Error about a request.
func fail(kind error, asked, try, format string, args ...any) *Error {
	return &Error{Kind: kind, Asked: asked, try: try, text: clean.Line(fmt.Sprintf(format, args...))}
}

// said prepares foreign text for display: one short line without possible secrets.
func said(text string) string {
	text = clean.Line(redact.Text(text))
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "..."
	}
	return text
}

// shown returns a URL without query, fragment and userinfo.
func shown(u *url.URL) string { return clean.Line(redact.URL(u)) }

// innermost returns the cause of a net/http error without the URL, which may contain a signature.
func innermost(err error) error {
	for {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err
			continue
		}
		return err
	}
}

// unanswered converts the error of a request without a response. secure says that it used HTTPS.
func (h *host) unanswered(ctx context.Context, asked string, err error) error {
	if ctx.Err() != nil {
		if cause := context.Cause(ctx); !errors.Is(cause, errSlow) {
			return cmp.Or(cause, ctx.Err())
		}
		return fail(ErrUnreachable, asked, "try again later", "%s does not answer in time", h.name)
	}
	if own, ok := errors.AsType[*Error](err); ok {
		if own.Asked == "" {
			copied := *own
			copied.Asked = asked
			return &copied
		}
		return own
	}
	err = innermost(err)
	if why := untrusted(err); why != "" {
		return fail(ErrUntrusted, asked, fmt.Sprintf("if it uses your own certificates, put the signing one into %s; or use --insecure-registry %s", h.certsHint(), h.name),
			"the certificate of %s is not trusted: %s", h.name, why)
	}
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case err.Error() == http.StatusText(http.StatusProxyAuthRequired): // net/http's text for CONNECT
		return h.proxyLogin(asked)
	case errors.As(err, &dns) && dns.IsNotFound:
		return fail(ErrUnreachable, asked, "check the name and the network", "no host %s", h.name)
	case errors.As(err, &dns):
		return fail(ErrUnreachable, asked, "check the network", "the name of %s cannot be looked up: %s", h.name, said(dns.Err))
	case notTLS(err):
		return fail(ErrUntrusted, asked, "if that is intended, use --insecure-registry "+h.name, "%s speaks plain HTTP, not HTTPS", h.name)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fail(ErrUnreachable, asked, h.proxyHint("check the network, or try again later"), "%s does not answer", h.name)
	}
	return fail(ErrUnreachable, asked, h.proxyHint(""), "%s does not answer: %s", h.name, said(err.Error()))
}

// proxyLogin is the error of a proxy that rejects peel.
func (h *host) proxyLogin(asked string) error {
	for _, scheme := range h.schemes {
		via, err := h.client.proxy.of(&url.URL{Scheme: scheme, Host: h.name})
		if err != nil || via == nil {
			continue
		}
		variable := strings.ToUpper(scheme) + "_PROXY"
		if via.User != nil {
			return fail(ErrUnauthorized, asked, "correct them", "the proxy %s does not accept the user and the password of %s", said(via.Host), variable)
		}
		return fail(ErrUnauthorized, asked, "put the user and the password into "+variable, "the proxy %s requires a login", said(via.Host))
	}
	return fail(ErrUnauthorized, asked, "", "a proxy requires a login")
}

// untrusted says why a certificate is not trusted, or returns "" for other errors.
func untrusted(err error) string {
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		if issuer := unknown.Cert; issuer != nil {
			return fmt.Sprintf("it is signed by %q, which is not trusted here", said(cmp.Or(issuer.Issuer.CommonName, issuer.Issuer.String())))
		}
		return "no trusted authority has signed it"
	}
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return said(name.Error())
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return said(invalid.Error())
	}
	if verify, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return said(verify.Err.Error())
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return said(alert.Error())
	}
	return ""
}

// notTLS reports whether the server answered HTTPS with something else.
func notTLS(err error) bool {
	record, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok && record.Conn != nil || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// answered converts an unexpected response to an Error. It reads the start of the body and closes
// it.
func (s *session) answered(asked string, a *answer) error {
	defer a.close()
	e := &Error{Asked: asked, Status: a.StatusCode}
	code, message := a.diagnosis()
	host := a.Request.URL.Host
	from := host
	if a.away {
		from = host + ", to which " + s.host.name + " redirects"
	}
	switch status := a.StatusCode; {
	case status == http.StatusTooManyRequests || code == string(transport.TooManyRequestsErrorCode):
		return limited(asked, from, a.Response, message)
	case a.page():
		e.Kind = ErrPage
		e.text = fmt.Sprintf("%s answers with a web page, not as a registry does (%s)", from, statusText(status))
		e.try = "a proxy may require a login, or this is no registry: check HTTPS_PROXY, NO_PROXY and the name"
	case status == http.StatusProxyAuthRequired:
		return s.host.proxyLogin(asked)
	case status == http.StatusUnauthorized && !a.away, status == http.StatusForbidden && !a.away:
		return s.refused(asked, status, code, message)
	default:
		e.text = from + " answers " + statusText(status)
		if message != "" {
			e.text += ": " + message
		}
		if status >= 500 {
			e.try = "try again later"
		}
	}
	e.text = clean.Line(e.text)
	return e
}

func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// limited is the error of a rate limit, with the host's numbers.
func limited(asked, from string, r *http.Response, message string) error {
	e := &Error{Kind: ErrRateLimited, Asked: asked, Status: r.StatusCode, text: from + " asks for fewer requests"}
	var facts []string
	for _, header := range []struct{ name, text string }{
		{"Ratelimit-Limit", "limit %s"}, {"X-Ratelimit-Limit", "limit %s"},
		{"Ratelimit-Remaining", "left %s"}, {"X-Ratelimit-Remaining", "left %s"},
	} {
		if v := r.Header.Get(header.name); v != "" {
			facts = append(facts, fmt.Sprintf(header.text, window(v)))
		}
	}
	if message != "" {
		facts = append(facts, message)
	}
	if len(facts) > 0 {
		e.text += " (" + strings.Join(facts, ", ") + ")"
	}
	switch after := retryAfter(r, time.Now()); {
	case after > 0:
		e.try = fmt.Sprintf("try again in %v, at %s", after.Round(time.Second), time.Now().Add(after).Format(time.TimeOnly))
	default:
		e.try = "try again later, or log in to get a higher limit"
	}
	e.text = clean.Line(e.text)
	return e
}

// window converts "100;w=21600" to "100 in 6h0m0s".
func window(v string) string {
	number, rest, _ := strings.Cut(v, ";")
	text := said(number)
	if seconds, ok := strings.CutPrefix(strings.TrimSpace(rest), "w="); ok {
		if d, err := time.ParseDuration(seconds + "s"); err == nil && d > 0 {
			text += " in " + d.String()
		}
	}
	return text
}

// refused is the error of wrong or missing credentials.
func (s *session) refused(asked string, status int, code, message string) error {
	e := &Error{Kind: ErrUnauthorized, Asked: asked, Status: status}
	reason := ""
	if message != "" {
		reason = " (" + message + ")"
	}
	keys := s.client.keys.describe(s.host.name, s.repo)
	if used := s.used(); used.from != "" {
		e.text = fmt.Sprintf("%s does not accept the credentials of %s%s", s.host.name, used.from, reason)
		e.try = "log in again (docker login " + s.host.login() + "), or check that they allow to pull this"
	} else {
		e.text = fmt.Sprintf("%s has no such public image, or it needs credentials%s; %s", s.host.name, reason, keys)
		e.try = "check the name, or log in (docker login " + s.host.login() + ", or podman login)"
	}
	_ = code
	e.text = clean.Line(e.text)
	return e
}
