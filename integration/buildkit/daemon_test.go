package buildkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The tests need runc, git, and:
//
//	PEEL_INTEGRATION=require   run them; a missing tool is then a failure
//	PEEL_BUILDKIT_BASE=DIR     the base image: an OCI layout with one image, which has
//	                           Python with pip, Node.js with npm, and Go
//	PEEL_BUILDKIT_BIN=DIR      where buildctl and buildkitd are; without it they are built
const (
	envRun  = "PEEL_INTEGRATION"
	envBase = "PEEL_BUILDKIT_BASE"
	envBin  = "PEEL_BUILDKIT_BIN"
)

var atExit []func()

func TestMain(m *testing.M) {
	code := m.Run()
	for i := len(atExit) - 1; i >= 0; i-- {
		atExit[i]()
	}
	os.Exit(code)
}

// tools are the programs that the tests run.
type tools struct {
	peel, buildctl string
	socket         string // address of buildkitd
	base           string // folder of the base image
	baseDigest     string // of the base image's manifest
}

var once = sync.OnceValues(start)

// needTools returns the tools, with buildkitd running. It skips the test unless
// PEEL_INTEGRATION requires it.
func needTools(t *testing.T) *tools {
	t.Helper()
	if os.Getenv(envRun) != "require" {
		t.Skipf("builds images with BuildKit: set %s=require and %s to run it", envRun, envBase)
	}
	got, err := once()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// start builds peel and BuildKit and starts buildkitd.
func start() (*tools, error) {
	base := os.Getenv(envBase)
	if base == "" {
		return nil, fmt.Errorf("%s=require, but %s isn't set to a base image", envRun, envBase)
	}
	for _, program := range []string{"runc", "git", "skopeo"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%s=require, but %s isn't installed", envRun, program)
		}
	}
	dir, err := os.MkdirTemp("", "peel-buildkit-")
	if err != nil {
		return nil, err
	}
	atExit = append(atExit, func() { os.RemoveAll(dir) })

	bin := os.Getenv(envBin)
	if bin == "" {
		bin = dir
		if err := command("go", "build", "-o", bin+string(filepath.Separator), "tool"); err != nil {
			return nil, err
		}
	}
	got := &tools{
		peel:     filepath.Join(dir, "peel"),
		buildctl: filepath.Join(bin, "buildctl"),
		socket:   "unix://" + filepath.Join(dir, "buildkitd.sock"),
		base:     base,
	}
	build := exec.Command("go", "build", "-o", got.peel, ".")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	out, err := exec.Command("skopeo", "inspect", "--format", "{{.Digest}}", "oci:"+base).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("the base image: %w\n%s", err, out)
	}
	got.baseDigest = strings.TrimSpace(string(out))

	// Ignore the settings of the machine's own buildkitd.
	settings := filepath.Join(dir, "buildkitd.toml")
	if err := os.WriteFile(settings, nil, 0o600); err != nil {
		return nil, err
	}
	var log bytes.Buffer
	daemon := exec.Command(filepath.Join(bin, "buildkitd"), "--config", settings, "--root", filepath.Join(dir, "root"),
		"--addr", got.socket, "--oci-worker-net=host", "--containerd-worker=false")
	daemon.Stdout, daemon.Stderr = &log, &log
	if err := daemon.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() { _ = daemon.Wait(); close(ended) }()
	atExit = append(atExit, func() {
		_ = daemon.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = daemon.Process.Kill()
			<-ended
		}
	})
	for range 120 {
		if exec.Command(got.buildctl, "--addr", got.socket, "debug", "workers").Run() == nil {
			return got, nil
		}
		select {
		case <-ended:
			return nil, fmt.Errorf("buildkitd ended:\n%s", log.Bytes())
		case <-time.After(500 * time.Millisecond):
		}
	}
	return nil, errors.New("buildkitd did not answer within a minute")
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// build builds the Dockerfile in a folder, which is also the context, and writes a docker
// archive.
func (b *tools) build(t *testing.T, dir, archive string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, b.buildctl, "--addr", b.socket, "build", "--progress", "plain",
		"--frontend", "dockerfile.v0", "--local", "context="+dir, "--local", "dockerfile="+dir,
		"--oci-layout", "base="+b.base, "--opt", "context:base=oci-layout://base@"+b.baseDigest,
		"--output", "type=docker,name=case:1,dest="+archive).CombinedOutput()
	if err != nil {
		t.Fatalf("buildctl build: %v\n%s", err, out)
	}
}

// run runs peel, which must succeed, and returns its standard output.
func (b *tools) run(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	c := exec.CommandContext(t.Context(), b.peel, args...)
	c.Dir = dir
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("peel %s: %v\n%s", strings.Join(args, " "), err, errs.Bytes())
	}
	return out
}
