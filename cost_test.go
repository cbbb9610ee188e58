//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// These tests measure what hostile images cost. Each kind of image is made in two sizes, the
// second twice the first. Every command must take time in proportion to the image's size, and
// stay within bounds on time and memory.
//
//	PEEL_COST=1 go test -run '^TestCost' .
//
// A row is a name, the smaller size, the image and the commands. Choose the size so that the
// smaller image takes a few tenths of a second: much shorter times are lost in the program's
// start. A row should fail on the version of peel before the fix that it tests.
const (
	costTime   = 20 * time.Second // user and system time
	costMemory = 1_000_000_000    // maximum number of bytes in memory
	costRatio  = 3                // maximum ratio of the times of the two sizes

	// costNoise is the time below which a run of the smaller image means nothing: the program's
	// start, and the noise of a loaded machine.
	costNoise = 150 * time.Millisecond

	// costStart is how long the program takes to start. Until then, a signal ends it with the
	// default action, since nothing has begun.
	costStart = 50 * time.Millisecond
)

// cost is one kind of image.
type cost struct {
	kind string
	n    int // the smaller size
	make func(n int) costImage
	runs []string // commands; IMAGE stands for the image, DIR for the folder of its files
}

// TestCost runs every command on both sizes of every kind.
func TestCost(t *testing.T) {
	program := costProgram(t)
	for _, c := range costs {
		t.Run(c.kind, func(t *testing.T) {
			dir := t.TempDir()
			small, large := filepath.Join(dir, "small"), filepath.Join(dir, "large")
			makeCost(t, program, small, c.make(c.n))
			makeCost(t, program, large, c.make(2*c.n))
			for _, run := range c.runs {
				a, b := runCost(t, program, small, run), runCost(t, program, large, run)
				// A single slow run may be the machine's fault; two aren't.
				for again := 0; again < 2 && tooMuch(a, b); again++ {
					x, y := runCost(t, program, small, run), runCost(t, program, large, run)
					a.work, b.work = min(a.work, x.work), min(b.work, y.work)
				}
				t.Logf("%s: n %d: %v, %d MB; 2n: %v, %d MB", run, c.n, a.work.Round(10*time.Millisecond), a.memory/1e6, b.work.Round(10*time.Millisecond), b.memory/1e6)
				if tooMuch(a, b) {
					t.Errorf("%s: %v for n = %d and %v for twice that: more than %d times as long", run, a.work, c.n, b.work, costRatio)
				}
				if b.work > costTime {
					t.Errorf("%s: took %v, want at most %v", run, b.work, costTime)
				}
				if b.memory > costMemory {
					t.Errorf("%s: used %d MB of memory, want at most %d", run, b.memory/1e6, int64(costMemory)/1e6)
				}
			}
		})
	}
}

// TestCostEnds checks that commands on such an image end within a second of a signal, whatever
// they are doing.
func TestCostEnds(t *testing.T) {
	program := costProgram(t)
	for _, c := range costs {
		t.Run(c.kind, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "large")
			makeCost(t, program, dir, c.make(2*c.n))
			for _, run := range c.runs {
				whole := runCost(t, program, dir, run)
				for _, percent := range []float64{25, 60, 90} {
					after := time.Duration(float64(whole.took) * percent / 100)
					if after < costStart {
						continue
					}
					command, said := costCommand(t, program, dir, run)
					if err := command.Start(); err != nil {
						t.Fatal(err)
					}
					time.Sleep(after)
					if err := command.Process.Signal(syscall.SIGTERM); err != nil {
						t.Fatal(err)
					}
					began := time.Now()
					_ = command.Wait() // its exit code is checked below
					took, code := time.Since(began), command.ProcessState.ExitCode()
					if took > time.Second+whole.took/20 || code != 130 && code != whole.code {
						t.Errorf("%s: signalled after %v, it took %v and ended with %d (%d without a signal)\n%s", run, after, took, code, whole.code, said)
					}
				}
			}
		})
	}
}

// makeCost writes an image and its files, and runs the preparatory commands.
func makeCost(t *testing.T, program, dir string, im costImage) {
	t.Helper()
	writeCost(t, dir, im)
	for _, run := range im.before {
		if s := runCost(t, program, dir, run); s.code != 0 {
			t.Fatalf("%s: exit code %d", run, s.code)
		}
	}
}

// costProgram builds the program, or skips the test unless PEEL_COST is set.
func costProgram(t *testing.T) string {
	t.Helper()
	if os.Getenv("PEEL_COST") == "" {
		t.Skip("takes minutes: run it with PEEL_COST=1")
	}
	return build(t)
}

// spent is what a run cost.
type spent struct {
	work   time.Duration // user and system time
	took   time.Duration
	memory int64 // peak, in bytes
	code   int
}

// tooMuch reports whether the larger size took more time than allowed.
func tooMuch(small, large spent) bool { return large.work > costRatio*max(small.work, costNoise) }

// runCost runs a command on an image. The command may fail a rule, or refuse the image because
// of a bound.
func runCost(t *testing.T, program, dir, run string) spent {
	t.Helper()
	command, said := costCommand(t, program, dir, run)
	began := time.Now()
	_ = command.Run() // its exit code is checked below
	s := spent{took: time.Since(began), code: command.ProcessState.ExitCode(), work: command.ProcessState.UserTime() + command.ProcessState.SystemTime()}
	if usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.memory = usage.Maxrss * 1024
	}
	if !slices.Contains([]int{0, 1, 3}, s.code) || strings.Contains(said.String(), "goroutine ") {
		t.Fatalf("%s: exit code %d\n%.2000s", run, s.code, said)
	}
	return s
}

// costCommand returns a command and the buffer of its standard error.
func costCommand(t *testing.T, program, dir, run string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	args := strings.Fields(run)
	for i := range args {
		args[i] = strings.NewReplacer("IMAGE", filepath.Join(dir, "image.tar"), "DIR", dir).Replace(args[i])
	}
	command := exec.CommandContext(t.Context(), program, args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"), "GOMAXPROCS=2")
	var said bytes.Buffer
	command.Stderr = &said
	return command, &said
}
