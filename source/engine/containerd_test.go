package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"

	"github.com/peelhq/peel/internal/fakecontainerd"
	"github.com/peelhq/peel/internal/testkit"
)

// oneContainerd connects to a fake containerd.
func oneContainerd(t *testing.T) (*fakecontainerd.Containerd, *Containerd) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("peel doesn't look for containerd on this system")
	}
	f := fakecontainerd.New(t)
	all, err := Containerds(t.Context(), nil)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d containerds, error %v", len(all), err)
	}
	t.Cleanup(func() { all[0].Close() })
	return f, all[0]
}

// TestContainerdsListIsBounded checks that an answer that is small on the wire can't take
// unlimited memory once it's decoded.
func TestContainerdsListIsBounded(t *testing.T) {
	f, c := oneContainerd(t)
	f.List = func(namespace string) (*imagesapi.ListImagesResponse, error) {
		n := map[string]int{"few": 10, "many": maxValues}[namespace]
		r := &imagesapi.ListImagesResponse{Images: make([]*imagesapi.Image, n)}
		empty := &imagesapi.Image{}
		for i := range r.Images {
			r.Images[i] = empty
		}
		if namespace == "large" {
			r.Images = append(r.Images, &imagesapi.Image{Name: strings.Repeat("a", maxAnswer)})
		}
		return r, nil
	}
	if images, err := c.Images(t.Context(), "few"); err != nil || len(images) != 10 {
		t.Errorf("%d images, error %v", len(images), err)
	}
	_, err := c.Images(t.Context(), "many")
	testkit.WantError(t, err, "an answer of more than 3145728 values")
	_, err = c.Images(t.Context(), "large")
	testkit.WantError(t, err, "larger than max")
}

// TestContainerdsSilenceIsAnError checks that a stream without data ends by itself.
func TestContainerdsSilenceIsAnError(t *testing.T) {
	shorten(t, func(l *limits) { l.silence = 80 * time.Millisecond })
	f, c := oneContainerd(t)
	f.Read = func(_ *contentapi.ReadContentRequest, s contentapi.Content_ReadServer) (bool, error) {
		_ = s.Send(&contentapi.ReadContentResponse{Data: []byte("x")})
		<-s.Context().Done()
		return true, nil
	}
	b := c.Blob(t.Context(), "default", "sha256:x", 0, 10)
	defer b.Close()
	_, err := io.ReadAll(b)
	testkit.WantError(t, err, "the engine has sent")
}

// TestContainerdThatDoesNotAnswer checks that peel gives up on a containerd that accepts
// connections but never answers.
func TestContainerdThatDoesNotAnswer(t *testing.T) {
	shorten(t, func(l *limits) { l.ping = 100 * time.Millisecond })
	f, _ := oneContainerd(t)
	path := filepath.Join(filepath.Dir(f.Socket), "silent.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() }) // clients wait for an answer
	t.Setenv("CONTAINERD_ADDRESS", path)
	_, err = Containerds(t.Context(), nil)
	testkit.WantError(t, err, "no answer within 100ms", path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = Containerds(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestSeveralContainerds checks that every socket that answers is used, and that the others are
// reported.
func TestSeveralContainerds(t *testing.T) {
	one, _ := oneContainerd(t)
	two := fakecontainerd.New(t)
	dir := filepath.Dir(one.Socket)
	link := filepath.Join(dir, "link.sock")
	silent := filepath.Join(dir, "dead.sock")
	if err := errors.Join(os.Symlink(one.Socket, link), os.WriteFile(silent, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERD_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	usual := usualContainerd
	t.Cleanup(func() { usualContainerd = usual })
	for _, test := range []struct {
		name    string
		sockets []string
		want    int
		says    []string
		none    bool
	}{
		{"two", []string{one.Socket, two.Socket}, 2, nil, false},
		{"one by two names", []string{one.Socket, link}, 1, nil, false},
		{"one is not there", []string{filepath.Join(dir, "no.sock"), two.Socket}, 1, nil, false},
		{"one does not answer", []string{silent, two.Socket}, 1, []string{"dead.sock", "start containerd"}, false},
		{"none is there", []string{filepath.Join(dir, "no.sock")}, 0, []string{"no socket found", "no.sock", "CONTAINERD_ADDRESS"}, true},
		{"none answers", []string{silent}, 0, []string{"dead.sock"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			usualContainerd = test.sockets
			all, err := Containerds(t.Context(), nil)
			defer func() {
				for _, c := range all {
					c.Close()
				}
			}()
			if len(all) != test.want || errors.Is(err, ErrNoEngine) != test.none {
				t.Errorf("%d containerds, error %v", len(all), err)
			}
			testkit.WantError(t, err, test.says...)
		})
	}
}

// TestRootlessContainerd checks that files of a rootless containerd are found in its own mount
// namespace.
func TestRootlessContainerd(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("peel doesn't look for containerd on this system")
	}
	dir := t.TempDir()
	testkit.WriteFiles(t, dir, map[string]string{"containerd-rootless/child_pid": "4711\n"})
	t.Setenv("CONTAINERD_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", dir)
	sockets, err := ContainerdSockets()
	if err != nil {
		t.Fatal(err)
	}
	want := ContainerdSocket{Path: "/proc/4711/root/run/containerd/containerd.sock", Below: "/proc/4711/root"}
	if got := sockets[len(sockets)-2]; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	c := &Containerd{Socket: want}
	for path, want := range map[string]string{"/var/lib/containerd/x": "/proc/4711/root/var/lib/containerd/x", "": "", "x": "", "/\x00": ""} {
		if got := c.here(path); got != want {
			t.Errorf("%q maps to %q, want %q", path, got, want)
		}
	}
	for text, want := range map[string]int{"12": 12, "": 0, "-1": 0, "1/../..": 0, strings.Repeat("1", 30): 0} {
		testkit.WriteFiles(t, dir, map[string]string{"containerd-rootless/child_pid": text})
		if got := rootlessContainerd(dir); got != want {
			t.Errorf("%q gives process %d, want %d", text, got, want)
		}
	}
	t.Setenv("CONTAINERD_ADDRESS", "unix:///proc/12/root/run/c.sock")
	sockets, err = ContainerdSockets()
	if got := fmt.Sprintf("%+v %v", sockets, err); got != "[{Path:/proc/12/root/run/c.sock From:CONTAINERD_ADDRESS Below:/proc/12/root}] <nil>" {
		t.Error(got)
	}
}
