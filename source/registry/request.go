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

// Bounds on what one request may lead to.
const (
	maxRedirects = 10
	maxRenewals  = 2 // of an address that another host does not accept any more
	maxDenials   = 8 // of credentials and tokens
)

// A request is one call of a registry's API.
type request struct {
	method string
	path   string // below the repository: "manifests/1"
	query  url.Values
	header http.Header

	// began is where the registry has sent this request before; nil if it has not.
	began *url.URL
}

// An answer is what came, from the registry or from where it sends to. Its
// receiver closes it.
type answer struct {
	*http.Response
	away bool                   // it is another host's
	at   *url.URL               // of the host it is from, if that is another
	said []transport.Diagnostic // if they are known already
	end  context.CancelFunc     // may be nil
}

func (a *answer) close() {
	if a.Body != nil {
		// A little is read on, so that the connection can be used again.
		_, _ = io.CopyN(io.Discard, a.Body, 16<<10)
		_ = a.Body.Close()
	}
	if a.end != nil {
		a.end()
	}
}

// page reports whether the answer is a web page, as its header says.
func (a *answer) page() bool {
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	return kind == "text/html" || kind == "application/xhtml+xml"
}

// diagnosis is what the registry says of an error: its code, and a message fit to
// be shown. Text that does not have the form of a registry's errors is not repeated: a store
// of blobs puts what it has signed into them.
// Source: OCI distribution-spec, "Error Codes".
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

// do asks until there is an answer that another try would not change. An error
// says that there was none.
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
			// A signature that has expired: the registry gives a new one.
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

// retitled is an error of connecting, as one about what was asked for.
func (s *session) retitled(asked string, err error) error {
	own, ok := errors.AsType[*Error](err)
	if !ok || asked == "" {
		return err
	}
	copied := *own
	copied.Asked = asked
	return &copied
}

// passing reports whether a failure to connect may be over soon.
func passing(err error) bool {
	own, ok := errors.AsType[*Error](err)
	return ok && own.Status >= 500
}

// once sends a request and goes where it is sent.
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
			// Who was sent elsewhere has nothing of the registry's with them, and does
			// not get it again.
			away = true
			if by, err = s.elsewhere(ctx, next); err != nil {
				return nil, err
			}
		}
		at = next
	}
	return nil, fail(ErrRefused, "", "", "%s sends from one address to the next, more than %d times", s.host.name, maxRedirects)
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// follow is where a redirect leads, if peel goes there.
func (s *session) follow(from *url.URL, to string) (*url.URL, error) {
	next, err := from.Parse(to)
	if err != nil {
		return nil, fail(ErrRefused, "", "", "%s sends to what is not an address", s.host.name)
	}
	next.User, next.Fragment = nil, ""
	switch {
	case next.Scheme != "http" && next.Scheme != "https":
		return nil, fail(ErrRefused, "", "", "%s sends to an address of scheme %q", s.host.name, said(next.Scheme))
	case next.Host == "":
		return nil, fail(ErrRefused, "", "", "%s sends to an address without a host", s.host.name)
	case from.Scheme == "https" && next.Scheme == "http":
		return nil, fail(ErrRefused, "", "", "%s sends from HTTPS to plain HTTP (%s), which peel does not follow", s.host.name, shown(next))
	}
	return next, nil
}

// elsewhere returns what to reach another host by, without the session's token.
func (s *session) elsewhere(ctx context.Context, u *url.URL) (http.RoundTripper, error) {
	h, err := s.client.host(u.Host, false, nil)
	if err != nil {
		return nil, err
	}
	return h.away(ctx, s.host, u)
}

// transient reports whether what went wrong on the way may go well the next time.
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

// backoff is how long to wait after so many failures.
func (c *Client) backoff(failures int) time.Duration {
	d := c.pause
	for range failures - 1 {
		d *= 4
	}
	return d
}

// sleep waits, unless the context ends.
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

// retryAfter is how long an answer asks to wait; 0 if it does not.
// Source: RFC 9110, section 10.2.3.
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
