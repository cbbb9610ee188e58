package registry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Limits on one request.
const (
	maxRedirects = 10
	maxRenewals  = 2 // of a redirect target that is no longer accepted
	maxDenials   = 8 // rejected credentials and tokens
)

// A request is one call of a registry's API.
type request struct {
	method string
	path   string // below the repository: "manifests/1"
	query  url.Values
	header http.Header

	// began is the earlier redirect target of this request, or nil.
	began *url.URL
}

// An answer is a response of the registry or of a redirect target. The caller closes it.
type answer struct {
	*http.Response
	away bool                   // it comes from another host
	at   *url.URL               // that other host
	said []transport.Diagnostic // already parsed
	end  context.CancelFunc     // may be nil
}

func (a *answer) close() {
	if a.Body != nil {
		// Read a little more, so that the connection can be reused.
		_, _ = io.CopyN(io.Discard, a.Body, 16<<10)
		_ = a.Body.Close()
	}
	if a.end != nil {
		a.end()
	}
}

// page reports whether the response is a web page according to its header.
func (a *answer) page() bool {
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	return kind == "text/html" || kind == "application/xhtml+xml"
}

// diagnosis returns a registry's error code and a message fit for display. Other text is not
// quoted, because blob stores put signed URLs into it. Source: OCI distribution-spec, "Error
// Codes".
func (a *answer) diagnosis() (code, message string) {
	if a.said == nil && a.Body != nil {
		var got struct{ Errors []transport.Diagnostic }
		if text, err := io.ReadAll(io.LimitReader(a.Body, 64<<10)); err == nil && json.Unmarshal(text, &got) == nil {
			a.said = got.Errors
		}
	}
	if len(a.said) == 0 {
		return "", ""
	}
	first := a.said[0]
	return string(first.Code), said(strings.TrimSpace(string(first.Code) + " " + first.Message))
}

// do sends the request until a retry would not change the response. An error means that there was
// none.
func (s *session) do(ctx context.Context, asked string, r request) (*answer, error) {
	failures, renewals, denials := 0, 0, 0
	for {
		rt, scheme, err := s.connect(ctx)
		if err != nil {
			if failures++; failures >= s.client.tries || !passing(err) {
				return nil, s.retitled(asked, err)
			}
			if err := s.client.sleep(ctx, s.client.backoff(failures)); err != nil {
				return nil, err
			}
			continue
		}
		a, err := s.once(ctx, rt, scheme, r)
		if err != nil {
			if failures++; failures >= s.client.tries || ctx.Err() != nil || !transient(err) {
				return nil, s.host.unanswered(ctx, asked, err)
			}
			if err := s.client.sleep(ctx, s.client.backoff(failures)); err != nil {
				return nil, err
			}
			continue
		}
		status := a.StatusCode
		switch {
		case a.away && (status == http.StatusForbidden || status == http.StatusUnauthorized || status == http.StatusBadRequest || status == http.StatusGone || status == http.StatusNotFound && r.began != nil):
			// An expired signature: the registry issues a new one.
			if renewals++; renewals > maxRenewals {
				return a, nil
			}
			r.began = nil
			a.close()
			continue
		case !a.away && (status == http.StatusUnauthorized || status == http.StatusForbidden):
			if denials++; denials > maxDenials || !s.again(a, rt) {
				return a, nil
			}
			a.close()
			continue
		case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500 && status != http.StatusNotImplemented:
			after := retryAfter(a.Response, time.Now())
			if failures++; failures >= s.client.tries || after > s.client.wait {
				return a, nil
			}
			a.close()
			s.client.Log.Debug("trying again", "host", s.host.name, "status", status, "after", max(after, s.client.backoff(failures)))
			if err := s.client.sleep(ctx, max(after, s.client.backoff(failures))); err != nil {
				return nil, err
			}
			continue
		case !a.away && status < 400:
			s.accepted()
		}
		return a, nil
	}
}

// retitled rewords a connection error to name the request.
func (s *session) retitled(asked string, err error) error {
	own, ok := errors.AsType[*Error](err)
	if !ok || asked == "" {
		return err
	}
	copied := *own
	copied.Asked = asked
	return &copied
}

// passing reports whether a connection failure may be temporary.
func passing(err error) bool {
	own, ok := errors.AsType[*Error](err)
	return ok && own.Status >= 500
}

// once sends a request and follows redirects.
func (s *session) once(ctx context.Context, rt http.RoundTripper, scheme string, r request) (*answer, error) {
	at := &url.URL{Scheme: scheme, Host: s.host.name, Path: "/v2/" + strings.TrimPrefix(s.repo+"/"+r.path, "/"), RawQuery: r.query.Encode()}
	by, away := rt, false
	var err error
	if r.began != nil {
		at, away = r.began, true
		if by, err = s.elsewhere(ctx, at); err != nil {
			return nil, err
		}
	}
	for range maxRedirects {
		req, err := http.NewRequestWithContext(ctx, r.method, at.String(), http.NoBody)
		if err != nil {
			return nil, err
		}
		maps.Copy(req.Header, r.header)
		req.Header.Set("Accept-Encoding", "identity")
		var resp *http.Response
		if !away {
			if err := s.host.pace(ctx, s.client); err != nil {
				return nil, err
			}
		}
		if away {
			resp, err = s.client.send(by, req) //nolint:bodyclose // answer.close does it
		} else {
			resp, err = by.RoundTrip(req) //nolint:bodyclose // answer.close does it
		}
		if err != nil {
			return nil, err
		}
		a := &answer{Response: resp, away: away}
		if away {
			a.at = at
		}
		to := resp.Header.Get("Location")
		if !redirects(resp.StatusCode) || to == "" {
			return a, nil
		}
		a.close()
		next, err := s.follow(at, to)
		if err != nil {
			return nil, err
		}
		if away || next.Scheme != scheme || !sameHost(next.Host, s.host.name, scheme) {
			// After a redirect to another host, the registry's credentials are not sent again.
			away = true
			if by, err = s.elsewhere(ctx, next); err != nil {
				return nil, err
			}
		}
		at = next
	}
	return nil, fail(ErrRefused, "", "", "%s redirects more than %d times", s.host.name, maxRedirects)
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// follow returns the target of a redirect if peel accepts it.
func (s *session) follow(from *url.URL, to string) (*url.URL, error) {
	next, err := from.Parse(to)
	if err != nil {
		return nil, fail(ErrRefused, "", "", "%s redirects to a malformed address", s.host.name)
	}
	next.User, next.Fragment = nil, ""
	switch {
	case next.Scheme != "http" && next.Scheme != "https":
		return nil, fail(ErrRefused, "", "", "%s redirects to an address with the scheme %q", s.host.name, said(next.Scheme))
	case next.Host == "":
		return nil, fail(ErrRefused, "", "", "%s redirects to an address without a host", s.host.name)
	case from.Scheme == "https" && next.Scheme == "http":
		return nil, fail(ErrRefused, "", "", "%s redirects from HTTPS to plain HTTP (%s), which peel does not follow", s.host.name, shown(next))
	}
	return next, nil
}

// elsewhere returns a transport for another host, without the session's token.
func (s *session) elsewhere(ctx context.Context, u *url.URL) (http.RoundTripper, error) {
	h, err := s.client.host(u.Host, false, nil)
	if err != nil {
		return nil, err
	}
	return h.away(ctx, s.host, u)
}

// transient reports whether a failure may be temporary.
func transient(err error) bool {
	var own *Error
	var dns *net.DNSError
	switch {
	case errors.As(err, &own), untrusted(err) != "", notTLS(err), errors.Is(err, syscall.ECONNREFUSED):
		return false
	case errors.As(err, &dns):
		return dns.Temporary()
	}
	return true
}

// backoff returns the delay after a number of failures.
func (c *Client) backoff(failures int) time.Duration {
	d := c.pause
	for range failures - 1 {
		d *= 4
	}
	return d
}

// sleep waits until the delay or the context ends.
func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// retryAfter returns the delay that a response requests, or 0. Source: RFC 9110, section 10.2.3.
func retryAfter(r *http.Response, now time.Time) time.Duration {
	v := strings.TrimSpace(r.Header.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(v, 10, 64); err == nil {
		const most = int64(365 * 24 * time.Hour / time.Second)
		return time.Duration(min(max(seconds, 0), most)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
