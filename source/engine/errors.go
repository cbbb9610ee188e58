package engine

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/docker/client"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/redact"
)

// A notFoundError is an ErrNotFound with a text of its own.
type notFoundError struct{ text string }

func (e *notFoundError) Error() string { return e.text }

func (e *notFoundError) Unwrap() error { return ErrNotFound }

// notFound converts an engine's "404" for ref to ErrNotFound. Most texts only
// repeat the name. The text is kept only if it says more, as newer Docker
// engines do for another platform.
func notFound(ref string, err error) error {
	if strings.Contains(err.Error(), "platform") {
		return fmt.Errorf("%w: %w", err, ErrNotFound)
	}
	if parsed, err := reference.ParseNormalizedNamed(ref); err == nil && reference.IsNameOnly(parsed) {
		return fmt.Errorf("taken as %s: %w", reference.FamiliarString(reference.TagNameOnly(parsed)), ErrNotFound)
	}
	return ErrNotFound
}

// fail wraps err with the engine, the request ("" while connecting), and possible help.
func (e *apiClient) fail(ref string, err error) error {
	f := &failure{kind: e.kind, addr: e.addr, ref: ref, err: err}
	if !client.IsErrConnectionFailed(err) {
		return f
	}
	if dialed := e.dial.last(); dialed != nil {
		f.err = dialed // the client drops it
	} else if inner := innerURLError(err); inner != nil {
		f.err = inner // without the artificial address in requests
	}
	f.try = advice(e.kind, e.addr, f.err)
	return f
}

// A failure is a failure of an engine.
type failure struct {
	kind string
	addr address
	ref  string // requested image, or ""
	err  error
	try  string // possible help, or ""
}

// Error returns one line: engine, host, image, reason, advice. Text from the engine is cleaned,
// and secrets are removed.
func (e *failure) Error() string {
	where := e.kind + " (" + e.addr.url
	if e.addr.from != "" {
		where += ", " + e.addr.from
	}
	parts := []string{where + ")"}
	if e.ref != "" {
		parts = append(parts, e.ref)
	}
	said := clean.Line(redact.Text(e.err.Error()))
	if len(said) > maxMessage {
		said = strings.ToValidUTF8(said[:maxMessage], "") + "..."
	}
	text := strings.Join(append(parts, said), ": ")
	if e.try != "" {
		text += "; " + e.try
	}
	return clean.Line(redact.Text(text))
}

func (e *failure) Unwrap() error { return e.err }
