//go:build unix

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// programName is the file name of the program.
const programName = "peel"

// built compiles the program when the first test needs it. With -short the program is this test
// binary under another name: linking takes longer than most tests.
var built = sync.OnceValues(func() (program string, err error) {
	dir, err := os.MkdirTemp("", "peel-test-")
	if err != nil {
		return "", err
	}
	program = filepath.Join(dir, programName)
	if testing.Short() {
		self, err := os.Executable()
		if err == nil {
			err = os.Symlink(self, program)
		}
		return program, err
	}
	compile := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, ".") // as for a release
	compile.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := compile.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w\n%s", err, out)
	}
	return program, nil
})

// build returns the path of the program, which exists until the tests end.
func build(t *testing.T) string {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	unused = func() { _ = os.RemoveAll(filepath.Dir(program)) }
	return program
}

// unused removes the program.
var unused = func() {}

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == programName {
		main()
	}
	if os.Getenv(noisy) != "" {
		os.Exit(runNoisy(os.Args[1:]))
	}
	if err := os.Setenv("PEEL_OFFLINE", "1"); err != nil { // registries have their own tests
		panic(err)
	}
	testkit.NotInPipeline()
	testkit.Hurry()
	if testing.Short() { // the program asks the machine's engines for base images
		for name, value := range testkit.Unreachable {
			if err := os.Setenv(name, value); err != nil {
				panic(err)
			}
		}
	}
	code := m.Run()
	unused()
	os.Exit(code)
}

// shortArchive returns the beginning of a compressed archive.
func shortArchive(t *testing.T, name string) []byte {
	t.Helper()
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(whole[:len(whole)/2]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestScreen runs the real program on a terminal. It shows the image, follows keys and the
// terminal's size, and restores the terminal.
func TestScreen(t *testing.T) {
	program := build(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	run := func(name string, test func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			testkit.Waits(t)
			test(t)
		})
	}
	open := func(t *testing.T, width, height int) *testkit.Terminal {
		term := testkit.Start(t, exec.Command(program, filepath.Join("testdata", "sample.tar")), width, height)
		term.WaitFor("srv")
		return term
	}
	run("quit", func(t *testing.T) {
		term := open(t, 120, 40)
		term.Send("q")
		if code := term.WaitExit(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if screen := strings.TrimSpace(term.Screen()); screen != "" {
			t.Errorf("left behind:\n%s", screen)
		}
	})
	run("keys", func(t *testing.T) {
		term := open(t, 120, 40)
		before := term.WaitIdle()
		term.Send("j")
		moved := term.WaitChange(before)
		term.Send("?")
		if help := term.WaitChange(moved); !strings.Contains(help, "Help") {
			t.Errorf("? doesn't show the help:\n%s", help)
		}
		term.Send("\x03")
		if code := term.WaitExit(); code != 0 && code != 130 {
			t.Errorf("got exit code %d after Ctrl-C", code)
		}
	})
	run("resize", func(t *testing.T) {
		term := open(t, 120, 40)
		for _, size := range [][2]int{{80, 24}, {40, 10}, {20, 5}, {200, 60}} {
			before := term.Screen()
			term.Resize(size[0], size[1])
			rows := strings.Split(strings.TrimRight(term.WaitChange(before), "\n"), "\n")
			if len(rows) > size[1] || strings.TrimSpace(strings.Join(rows, "")) == "" {
				t.Errorf("%d by %d: %d rows:\n%s", size[0], size[1], len(rows), strings.Join(rows, "\n"))
			}
		}
		term.WaitFor("srv")
		term.Send("q")
		term.WaitExit()
	})
	run("pick", func(t *testing.T) {
		folder := t.TempDir()
		sample, err := filepath.Abs(filepath.Join("testdata", "sample.tar"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(sample, filepath.Join(folder, "shop.tar")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "broken.tar.gz"), shortArchive(t, sample), 0o600); err != nil {
			t.Fatal(err)
		}
		command := exec.Command(program)
		command.Dir = folder
		command.Env = append(os.Environ(), "DOCKER_HOST=unix:///no/such.sock", "CONTAINER_HOST=unix:///no/such.sock")
		term := testkit.Start(t, command, 100, 30)
		term.WaitFor("shop.tar")
		term.WaitFor("docker (unix:///no/such.sock, DOCKER_HOST)") // the advice after it may be cut off
		term.Send("/broken\r")
		term.WaitFor("cannot open")
		term.Send("\x1b")
		term.WaitFor("shop.tar")
		term.Send("/shop\r")
		term.WaitFor("Files after layer")
		term.Send("\x10") // ^p
		term.WaitFor("esc closes")
		term.Send("\r")
		term.WaitFor("Files after layer")
		term.WaitIdle()
		term.Send("q")
		if code := term.WaitExit(); code != 0 {
			t.Errorf("exit code %d:\n%s", code, term.Screen())
		}
	})
	run("no image", func(t *testing.T) {
		term := testkit.Start(t, exec.Command(program, filepath.Join(t.TempDir(), "none.tar")), 80, 24)
		if code := term.WaitExit(); code != 3 {
			t.Errorf("got exit code %d, want 3:\n%s", code, term.Screen())
		}
	})
}
