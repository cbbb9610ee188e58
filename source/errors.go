package source

import "errors"

var (
	// ErrNotFound says that a reference names nothing that exists. Any other
	// error is of something that exists, or may exist, but could not be read.
	ErrNotFound = errors.New("no such image")
)
