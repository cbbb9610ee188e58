package source

import "github.com/peelhq/peel/source/engine"

var (
	// ErrNotFound says that a reference names nothing that exists. Any other
	// error is of something that exists, or may exist, but could not be read.
	ErrNotFound = engine.ErrNotFound
)
