//go:build unix

package engine

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// A pipe where settings should be is not waited for.
func TestSettingsPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	var conf containersConf
	testkit.WantError(t, readTOML(path, &conf), "pipe is not a regular file")
}
