package ui

import (
	"context"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
)

// Actions are what the screen delegates: the screen itself only reads images
// and writes nothing. A nil action is not offered. Actions run in their own
// goroutines, one at a time; each returns a sentence for people that says what
// was done.
type Actions struct {
	// Extract writes paths, each with everything below it and its parent directories, to a
	// directory. It may call progress from any goroutine.
	Extract func(ctx context.Context, a *analyze.Analysis, x Extraction, progress func(done, total int64)) (string, error)

	// Copy copies a version's content to a temporary file for the user's pager or editor. Copies
	// that are not removed disappear when the program ends.
	Copy func(ctx context.Context, a *analyze.Analysis, v analyze.Version, edit bool, progress func(done, total int64)) (*Copy, error)

	// Run runs a program with its arguments on the terminal until it ends.
	// Capture runs it in the background and returns its standard output and
	// standard error, up to a limit.
	Run     func(ctx context.Context, args []string) error
	Capture func(ctx context.Context, args []string) ([]byte, error)

	// ExportFiles and ExportWaste write listed rows to a file as JSON, one object per line.
	ExportFiles func(ctx context.Context, a *analyze.Analysis, listed []analyze.Version, file string) (string, error)
	ExportWaste func(ctx context.Context, a *analyze.Analysis, listed analyze.WasteRows, file string) (string, error)

	// Patch returns the change from a Dockerfile to text as a patch for people and git, with want
	// hunks if possible. WritePatch writes one to a file; without force it returns an ExistsError
	// if the file exists. Patch may be called from any goroutine.
	Patch      func(file *dockerfile.File, text []byte, want int) (string, error)
	WritePatch func(ctx context.Context, a *analyze.Analysis, patch, file string, force bool) (string, error)
}

// A Copy is a temporary copy of a file, and the program that shows it.
type Copy struct {
	Program string                          // its name
	Run     func(ctx context.Context) error // runs it on the terminal until it ends
	Remove  func()                          // removes the copy
}

// An Extraction says what to write, and where.
type Extraction struct {
	Taken []Taken // at least one
	Dir   string
	Force bool // replace existing files
}

// Taken is a path to write, and the layer at which to read it.
type Taken struct {
	Node  analyze.NodeID
	Layer int
	Alone bool // the content of that layer alone; otherwise the union after it
}

// An ExistsError says that files were not written because they exist; the screen then asks whether
// to replace them. Said says what was written and what was not.
type ExistsError struct{ Said string }

func (e *ExistsError) Error() string { return e.Said }
