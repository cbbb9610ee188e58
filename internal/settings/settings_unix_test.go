//go:build unix

package settings

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestPipe checks that a pipe in place of settings isn't read.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := TOML(path, &struct{}{})
	testkit.WantError(t, err, "pipe is not a regular file")
	_, err = Optional(path)
	testkit.WantError(t, err, "pipe is not a regular file")
}
