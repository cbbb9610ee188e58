package source

import (
	"errors"

	"github.com/peelhq/peel/source/engine"
)

var (
	// ErrNotFound says that a reference names nothing that exists. Any other
	// error is of something that exists, or may exist, but could not be read.
	ErrNotFound = engine.ErrNotFound

	// ErrUnsure says, beside ErrNotFound, that a place where the image may be did not
	// answer: a registry that cannot be reached, an engine that fails.
	ErrUnsure = errors.New("not all places have answered")
)

// unsureError is an error that is an ErrUnsure too.
type unsureError struct{ error }

func (e *unsureError) Unwrap() []error { return []error{ErrUnsure, e.error} }
