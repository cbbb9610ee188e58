package source

import (
	"errors"

	"github.com/peelhq/peel/source/engine"
)

var (
	// ErrNotFound says that nothing with that name exists. Any other error means that the thing
	// exists, or may exist, but can't be read.
	ErrNotFound = engine.ErrNotFound

	// ErrUnsure says, in addition to ErrNotFound, that a place that may have the image did not
	// respond: an unreachable registry or a failing engine.
	ErrUnsure = errors.New("not all places have answered")
)

// unsureError is an error that also is an ErrUnsure.
type unsureError struct{ error }

func (e *unsureError) Unwrap() []error { return []error{ErrUnsure, e.error} }
