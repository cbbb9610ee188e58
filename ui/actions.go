package ui

import (
	"context"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
)

// Actions are what the screen has others do: it reads images, and writes nothing
// itself. An action that is nil is not offered. They are called on goroutines of
// their own, one at a time; each returns a sentence that says what was done, for
// people.
type Actions struct {
	// Extract writes paths, each with all below it and the directories above it, to
	// a directory. It may call progress from any goroutine.
	Extract func(ctx context.Context, a *analyze.Analysis, x Extraction, progress func(done, total int64)) (string, error)

	// Copy copies the content of a version to a temporary file, for the reader's
	// pager, or for their editor. What is not removed is when the program ends.
	Copy func(ctx context.Context, a *analyze.Analysis, v analyze.Version, edit bool, progress func(done, total int64)) (*Copy, error)

	// Run runs a program with its arguments on the terminal until it ends, and
	// Capture unseen: it returns what that has written to standard output and
	// standard error, as far as it is not too much.
	Run     func(ctx context.Context, args []string) error
	Capture func(ctx context.Context, args []string) ([]byte, error)

	// ExportFiles and ExportWaste write what is listed to a file, as JSON, an
	// object a line.
	ExportFiles func(ctx context.Context, a *analyze.Analysis, listed []analyze.Version, file string) (string, error)
	ExportWaste func(ctx context.Context, a *analyze.Analysis, listed analyze.WasteRows, file string) (string, error)

	// Patch is the change of a Dockerfile into text, as a patch for people and git; want
	// is in how many hunks it is to be at best. WritePatch writes one to a file; without
	// force it returns an ExistsError if there is one already. Patch may be called on any
	// goroutine.
	Patch      func(file *dockerfile.File, text []byte, want int) (string, error)
	WritePatch func(ctx context.Context, a *analyze.Analysis, patch, file string, force bool) (string, error)
}

// A Copy is a temporary copy of a file, and the program that shows it.
type Copy struct {
	Program string                          // its name
	Run     func(ctx context.Context) error // runs it on the terminal until it ends
	Remove  func()                          // removes the copy
}

// An Extraction says what is written where.
type Extraction struct {
	Taken []Taken // at least one
	Dir   string
	Force bool // files that are there already are replaced
}

// Taken is a path that is written, and as of when.
type Taken struct {
	Node  analyze.NodeID
	Layer int
	Alone bool // what that layer alone holds; else the union after it
}

// An ExistsError is what Extract returns if files were not written because they are
// there already: the screen then asks whether to replace them. Said tells people
// what was done and what was not.
type ExistsError struct{ Said string }

func (e *ExistsError) Error() string { return e.Said }
