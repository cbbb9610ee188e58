//go:build linux

package cmd

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// asProgram prepares the program as a separate process started by a shell command, in which $0
// is the program.
func asProgram(t *testing.T, shell string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "sh", append([]string{"-c", shell, self}, args...)...)
	c.Env = append(os.Environ(), asPeel+"=1")
	return c
}

// TestSquashDiskFull makes the system refuse files of more than 8 KiB.
func TestSquashDiskFull(t *testing.T) {
	t.Parallel()
	im := squashable()
	im.Layers[1].Entries[0] = testkit.Entry{Type: '0', Name: "app3", Mode: 0o644, Time: testkit.DefaultTime, Size: 100_000}
	file := writeImage(t, "docker-20", im)
	for _, form := range []string{"docker-archive:", "oci-archive:", "oci:"} {
		out := filepath.Join(filepath.Dir(file), "out")
		c := asProgram(t, `ulimit -f 16; exec "$0" "$@"`, "squash", file, "--no-cache", "--base", "1", "-o", form+out)
		said, err := c.CombinedOutput()
		if err == nil || c.ProcessState.ExitCode() != 3 || !strings.Contains(string(said), "file too large") {
			t.Errorf("%s: %v, %s", form, err, said)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); len(left) != 1 {
			t.Errorf("%s: left behind: %v", form, left)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".peel*")); len(left) != 0 {
			t.Errorf("%s: left behind: %v", form, left)
		}
	}
}

// TestSquashInterrupted interrupts the command while it writes.
func TestSquashInterrupted(t *testing.T) {
	testkit.Long(t, "it packs an image of 100 MB")
	t.Parallel()
	im := squashable()
	for i := range 24 {
		im.Layers[1].Entries = append(im.Layers[1].Entries, testkit.Entry{Type: '0', Name: fmt.Sprintf("big%d", i), Mode: 0o644, Time: testkit.DefaultTime, Size: 4 << 20, Seed: fmt.Sprint(i)})
	}
	file := writeImage(t, "docker-20", im)
	dir := t.TempDir()
	there := filepath.Join(dir, "there.tar")
	if err := os.WriteFile(there, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	c := asProgram(t, `exec "$0" "$@"`, "squash", file, "--base", "1", "--compress", "zstd", "--force", "-o", there)
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !writes(c.Process.Pid, dir); {
		if time.Now().After(deadline) || c.ProcessState != nil {
			t.Fatal("the program wrote nothing: " + said.String())
		}
		time.Sleep(time.Millisecond)
	}
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it fails: the result is checked below
	if code := c.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d: %s", code, said.String())
	}
	if b, _ := os.ReadFile(there); string(b) != "mine" {
		t.Error("the existing file changed")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// writes reports whether a process has a file in this folder open.
func writes(pid int, dir string) bool {
	fds := fmt.Sprintf("/proc/%d/fd", pid)
	names, _ := os.ReadDir(fds)
	for _, n := range names {
		to, _ := os.Readlink(filepath.Join(fds, n.Name()))
		if strings.HasPrefix(to, dir+"/") {
			return true
		}
	}
	return false
}
