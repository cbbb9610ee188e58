package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// A guard checks an engine's responses before the API's client reads them. It
// rejects responses that no engine sends (a web page, a redirect), and limits
// bodies that the client reads as a whole: all except streams.
type guard struct {
	next   http.RoundTripper
	limits limits
}

// isStream marks the context of a request with a streamed response.
type isStream struct{}

func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if err := foreign(resp); err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	if r.Context().Value(isStream{}) == nil || resp.StatusCode != http.StatusOK {
		resp.Body = &boundedBody{ReadCloser: resp.Body, limits: g.limits}
	}
	return resp, nil
}

// foreign says why a response can't come from an engine, or returns nil.
func foreign(resp *http.Response) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return fmt.Errorf("the answer (%d) leads to another address: a proxy or another server listens there, not an engine", resp.StatusCode)
	case kind == "text/html":
		return fmt.Errorf("the answer (%d) is a web page: a proxy or another server listens there, not an engine", resp.StatusCode)
	}
	return nil
}

// A boundedBody is a JSON body that fails when it exceeds the limits on bytes or values.
type boundedBody struct {
	io.ReadCloser
	limits  limits
	read    int64
	values  int
	text    bool // inside a JSON string
	escaped bool // after a backslash in it
}

// errTooLong says that a response is longer than any real one.
var errTooLong = errors.New("the engine's answer is too long")

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	b.count(p[:n])
	switch { // without the bytes, because the reader may be waiting for exactly these
	case b.read > b.limits.answer:
		return 0, fmt.Errorf("%w: more than %d bytes", errTooLong, b.limits.answer)
	case b.values > b.limits.values:
		return 0, fmt.Errorf("%w: more than %d values", errTooLong, b.limits.values)
	}
	return n, err
}

// count counts the strings and objects that start in p.
func (b *boundedBody) count(p []byte) {
	for _, c := range p {
		switch {
		case b.escaped:
			b.escaped = false
		case b.text:
			b.escaped, b.text = c == '\\', c != '"'
		case c == '"':
			b.text = true
			b.values++
		case c == '{':
			b.values += objectCost
		}
	}
}

// unanswered returns the error of a failed call: why the context ended if it has, else err.
func unanswered(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, shape := errors.AsType[*json.UnmarshalTypeError](err)
	if syntax || shape || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the engine's answer does not match its API: %w", err)
	}
	return err
}
