package main

import (
	"testing"

	_ "github.com/peelhq/peel/cmd" // the whole program, with its patterns
	"github.com/peelhq/peel/internal/lazy"
)

// TestPatternsCompile compiles the patterns that otherwise would fail on first use.
func TestPatternsCompile(t *testing.T) {
	if err := lazy.Check(); err != nil {
		t.Error(err)
	}
}
