package engine

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// fakeSSH puts an "ssh" first in PATH. It writes its arguments, one per line, to the returned
// file, and then connects its input and output to the socket at path. The "ssh" is this test
// program, which runs TestBeSSH.
func fakeSSH(t *testing.T, path string) (arguments string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the fake is a shell script")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	arguments = filepath.Join(dir, "arguments")
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" >'" + arguments + "'\nexec '" + self + "' -test.run='^TestBeSSH$'\n"
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("PEEL_TEST_SSH", path)
	return arguments
}

// TestBeSSH isn't a test by itself: see fakeSSH.
func TestBeSSH(t *testing.T) {
	path := os.Getenv("PEEL_TEST_SSH")
	if path == "" {
		t.Skip("only runs as the fake ssh")
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		os.Stderr.WriteString("channel 0: open failed\x1b[2J\n")
		os.Exit(255)
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		os.Exit(0)
	}()
	_, _ = io.Copy(os.Stdout, conn)
	os.Exit(0)
}

func TestEngineSSH(t *testing.T) {
	const common = "-o ConnectTimeout=30 -T"
	tests := []struct {
		name    string
		connect func(context.Context) (Engine, error)
		env     map[string]string
		want    string
	}{
		{
			name: "docker", connect: docker, env: map[string]string{"DOCKER_HOST": "ssh://me@build:2222"},
			want: "-l me -p 2222 " + common + " -- build|docker system dial-stdio",
		},
		{
			name: "docker's socket", connect: docker, env: map[string]string{"DOCKER_HOST": "ssh://build/run/a b;c.sock"},
			want: common + " -- build|docker '--host=unix:///run/a b;c.sock' system dial-stdio",
		},
		{
			name: "no proxy in between", connect: docker, env: map[string]string{"DOCKER_HOST": "ssh://build", "HTTP_PROXY": "http://127.0.0.1:1"},
			want: common + " -- build|docker system dial-stdio",
		},
		{
			name: "podman", connect: podman, env: map[string]string{"CONTAINER_HOST": "ssh://me@build/run/podman/podman.sock", "CONTAINER_SSHKEY": "/keys/id"},
			want: "-l me " + common + " -i /keys/id -- build|podman '--url=unix:///run/podman/podman.sock' system dial-stdio",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			testkit.NoEngines(t)
			f := &testkit.Engine{API: "1.41", Images: map[string]map[string]any{"app:1": testkit.AppImage("linux/amd64")}, Archive: strings.Repeat("layer", 100000)}
			arguments := fakeSSH(t, testkit.UnixServer(t, f))
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			e, err := tt.connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			r, err := saveImage(t.Context(), e, "app:1", "")
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || string(got) != f.Archive {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			text, err := os.ReadFile(arguments)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			last := len(lines) - 1
			if got := strings.Join(lines[:last], " ") + "|" + lines[last]; got != tt.want {
				t.Errorf("ssh %s\nwant %s", got, tt.want)
			}
		})
	}
}

func docker(ctx context.Context) (Engine, error) { return Docker(ctx, nil) }
func podman(ctx context.Context) (Engine, error) { return Podman(ctx, nil) }

func TestEngineSSHFails(t *testing.T) {
	testkit.NoEngines(t)
	fakeSSH(t, "/no/such.sock")
	t.Setenv("DOCKER_HOST", "ssh://me@build:2222")
	_, err := Docker(t.Context(), nil)
	testkit.WantError(t, err, "docker (ssh://me@build:2222, DOCKER_HOST): ", `channel 0: open failed\x1b[2J`, "exit status 255", "ssh -p 2222 me@build docker version")

	t.Setenv("PATH", t.TempDir())
	_, err = Docker(t.Context(), nil)
	testkit.WantError(t, err, "ssh", "not found", "install the ssh program")
}

// TestEngineSSHBreaks checks that a broken ssh connection is a broken archive, and that
// cancelling ends the ssh process.
func TestEngineSSHBreaks(t *testing.T) {
	testkit.NoEngines(t)
	hang := make(chan struct{})
	defer close(hang)
	f := &testkit.Engine{API: "1.41", Images: map[string]map[string]any{"app:1": testkit.AppImage("linux/amd64")}, Archive: "half"}
	cut := false
	fakeSSH(t, testkit.UnixServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cut {
			f.Cut, f.Hang = true, nil
		} else {
			f.Hang = hang
		}
		f.ServeHTTP(w, r)
	})))
	t.Setenv("DOCKER_HOST", "ssh://build")
	for _, cut = range []bool{true, false} {
		e, err := Docker(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		r, err := saveImage(ctx, e, "app:1", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		if cut {
			_, err = r.Read(make([]byte, 1))
			testkit.WantError(t, err, "docker (ssh://build", "the connection broke after 4 bytes")
		} else {
			cancel()
			_, err = r.Read(make([]byte, 1))
			testkit.WantError(t, err, "context canceled")
		}
		cancel()
		r.Close()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}
