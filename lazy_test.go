package main

import (
	"testing"

	_ "github.com/peelhq/peel/cmd" // all of the program, with its patterns
	"github.com/peelhq/peel/internal/lazy"
)

// Patterns that are compiled when they are used would fail then.
func TestPatternsCompile(t *testing.T) {
	if err := lazy.Check(); err != nil {
		t.Error(err)
	}
}
