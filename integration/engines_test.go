package integration

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// TestMain undoes the tests' changes to the engines in reverse order, so that an image is
// removed while its service still runs.
func TestMain(m *testing.M) {
	atExit = append(atExit, ownCache())
	testkit.NotInPipeline()
	code := m.Run()
	for _, undo := range slices.Backward(atExit) {
		undo()
	}
	os.Exit(code)
}

var atExit []func()

// ownCache gives the tests their own cache until the returned function is called. The compiler
// keeps its normal one, since it would have to rebuild everything.
func ownCache() (undo func()) {
	if usual, err := os.UserCacheDir(); err == nil && os.Getenv("GOCACHE") == "" {
		if err := os.Setenv("GOCACHE", filepath.Join(usual, "go-build")); err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "peel-test-cache-")
	if err == nil {
		err = os.Setenv("XDG_CACHE_HOME", dir)
	}
	if err != nil {
		panic(err)
	}
	return func() { _ = os.RemoveAll(dir) }
}

// needEngines skips a test unless PEEL_INTEGRATION requires it; then it fails the test if a
// program is missing.
func needEngines(t *testing.T) {
	t.Helper()
	if os.Getenv("PEEL_INTEGRATION") != "require" {
		t.Skip("builds an image with docker, podman and skopeo: set PEEL_INTEGRATION=require to run it")
	}
	for _, program := range []string{"docker", "podman", "skopeo"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("PEEL_INTEGRATION=require, but %s isn't installed", program)
		}
	}
	if out, err := exec.Command("docker", "version").CombinedOutput(); err != nil {
		t.Fatalf("PEEL_INTEGRATION=require, but no Docker engine answers: %v\n%s", err, out)
	}
}

// podmanSocket makes CONTAINER_HOST name a podman service: an existing one, or one that runs
// until the tests end.
func podmanSocket(t *testing.T) {
	t.Helper()
	if os.Getenv("CONTAINER_HOST") != "" {
		return
	}
	dir, err := os.MkdirTemp("", "peel-podman")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "podman.sock")
	service := exec.Command("podman", "system", "service", "-t", "0", "unix://"+socket)
	var output bytes.Buffer
	service.Stdout, service.Stderr = &output, &output
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	atExit = append(atExit, func() {
		service.Process.Kill()
		service.Wait()
		os.RemoveAll(dir)
	})
	for range 300 {
		if _, err := os.Stat(socket); err == nil {
			os.Setenv("CONTAINER_HOST", "unix://"+socket) //nolint:usetesting // for all tests, not for the first one
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("podman's service doesn't listen at %s:\n%s", socket, output.String())
}

// run runs a program and returns its standard output. If the program fails, run shows its
// standard error.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := output(t.Context(), name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, name, args...)
	c.Stdout, c.Stderr = &stdout, &stderr
	c.Env = append(os.Environ(), "DOCKER_BUILDKIT=0") // every engine has this builder
	if err := c.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// goBuild compiles a package of the project, for the machine it runs on.
func goBuild(t *testing.T, pkg, to string) {
	t.Helper()
	if err := compile(pkg, to); err != nil {
		t.Fatal(err)
	}
}

// compile builds a program as for a release; our own tools have the tag dev.
func compile(pkg, to string) error {
	c := exec.Command("go", "build", "-tags=dev", "-trimpath", "-ldflags=-s -w", "-o", to, pkg)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// startDaemon runs a program until the test ends, and then removes its folder. It returns the
// program's output.
func startDaemon(t *testing.T, dir, program string, args ...string) *bytes.Buffer {
	t.Helper()
	daemon := exec.Command(program, args...)
	var said bytes.Buffer
	daemon.Stdout, daemon.Stderr = &said, &said
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		daemon.Process.Signal(os.Interrupt)
		daemon.Wait()
		os.RemoveAll(dir)
	})
	return &said
}
