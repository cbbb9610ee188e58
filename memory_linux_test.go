package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/peelhq/peel/internal/testkit"
)

// TestMemoryLimits checks that an image that needs more memory than available gives an error
// that says so.
func TestMemoryLimits(t *testing.T) {
	testkit.Long(t, "it reads an image of 600,000 entries under many limits")
	program := build(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	small, large := filepath.Join("testdata", "sample.tar"), filepath.Join(t.TempDir(), "large")
	// Use compressed layers: they take a tenth of the disk space of plain ones.
	if err := made(600_000).WriteOCI(large, "zstd"); err != nil {
		t.Fatal(err)
	}
	t.Run("of the process", func(t *testing.T) {
		for _, mb := range []int{1400, 1500, 3000} {
			limited := func(args ...string) *exec.Cmd {
				return exec.Command("sh", append([]string{"-c", `ulimit -v "$0" && exec "$@"`, strconv.Itoa(mb << 10), program}, args...)...)
			}
			enough(t, limited("report", small))
			tooLittle(t, limited("report", large, "--no-cache"), mb < 1500)
		}
	})
	t.Run("of a control group", func(t *testing.T) {
		for _, mb := range []int{80, 90} {
			group := controlGroup(t, int64(mb)<<20)
			limited := func(args ...string) *exec.Cmd {
				return exec.Command("sh", append([]string{"-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, group, program}, args...)...)
			}
			enough(t, limited("report", small))
			tooLittle(t, limited("report", large, "--no-cache"), true)
		}
	})
}

// TestMemoryWindows checks that a decoder's window that doesn't fit into the address space is
// an error before it is allocated.
func TestMemoryWindows(t *testing.T) {
	testkit.Long(t, "its limits fit the program, not the test binary that -short runs instead")
	program := build(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	sample, err := os.ReadFile(filepath.Join("testdata", "sample.tar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, window := range []int{8 << 20, 128 << 20} {
		var b bytes.Buffer
		z, err := zstd.NewWriter(&b, zstd.WithWindowSize(window))
		if err != nil {
			t.Fatal(err)
		}
		_, err = z.Write(sample[:1000])
		err = errors.Join(err, z.Flush()) // otherwise the window is only as large as the content
		_, more := z.Write(sample[1000:])
		path := filepath.Join(t.TempDir(), "sample.tar.zst")
		if err := errors.Join(err, more, z.Close(), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
		enough(t, exec.Command(program, "report", path, "--no-cache"))
		for _, mb := range []int{1450, 1475, 1500} {
			c := exec.Command("sh", "-c", `ulimit -v "$0" && exec "$@"`, strconv.Itoa(mb<<10), program, "report", path, "--no-cache")
			if window == 8<<20 {
				enough(t, c)
				continue
			}
			said, err := c.CombinedOutput()
			if c.ProcessState.ExitCode() != 3 || !strings.Contains(string(said), "not enough memory") || strings.Contains(string(said), "goroutine") {
				t.Errorf("%q: %v\n%.2000s", c.Args, err, said)
			}
		}
	}
}

func enough(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%q: %v\n%.2000s", c.Args, err, out)
	}
}

// tooLittle runs a command that needs a lot of memory; surely means that it can't succeed.
func tooLittle(t *testing.T, c *exec.Cmd, surely bool) {
	t.Helper()
	c.Stdout = io.Discard
	var said bytes.Buffer
	c.Stderr = &said
	err := c.Run()
	switch code := c.ProcessState.ExitCode(); {
	case err == nil && !surely:
	case code != 3 || !strings.Contains(said.String(), "large: ") || !strings.Contains(said.String(), "it takes more memory than the"):
		t.Errorf("%q: exit code %d\n%.2000s", c.Args, code, &said)
	}
}

// controlGroup makes a control group with a limit, or skips the test.
func controlGroup(t *testing.T, bytes int64) string {
	t.Helper()
	for parent, file := range map[string]string{"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"} {
		dir, err := os.MkdirTemp(parent, "peel-test-")
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(dir) })
		limit, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0) // the files exist if this is a control group
		if err != nil {
			continue
		}
		_, err = limit.WriteString(strconv.FormatInt(bytes, 10))
		if err = errors.Join(err, limit.Close()); err == nil {
			return dir
		}
	}
	t.Skip("can't make a control group with a limit")
	return ""
}
