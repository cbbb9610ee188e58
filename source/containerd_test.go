package source

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/peelhq/peel/internal/fakecontainerd"
	"github.com/peelhq/peel/internal/testkit"
)

// containerdOf returns a containerd with the two images of testdata under names of several
// kinds: names from nerdctl, names from Kubernetes, and one name that stands for two images in
// two namespaces.
func containerdOf(t *testing.T) (c *fakecontainerd.Containerd, docker29, sample string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("peel doesn't look for containerd on this system")
	}
	c = fakecontainerd.New(t)
	docker29, kind := c.AddArchive(t, "../testdata/docker29.tar")
	sample, sampleKind := c.AddArchive(t, "../testdata/sample.tar")
	c.Name("k8s.io", "docker.io/library/app:1", docker29, kind)
	c.Name("k8s.io", "docker.io/library/app@"+docker29, docker29, kind)
	c.Name("k8s.io", "sha256:"+strings.Repeat("c", 64), docker29, kind)
	c.Name("default", "ghcr.io/me/app:1", docker29, kind)
	c.Name("default", "docker.io/library/web:latest", docker29, kind)
	c.Name("default", "sha256:"+strings.Repeat("d", 64), sample, sampleKind)
	c.Name("other", "docker.io/library/web:latest", sample, sampleKind)
	c.Name("empty", "x", "sha256:"+strings.Repeat("e", 64), kind)
	return c, docker29, sample
}

// TestContainerdNames opens images by each of their names.
func TestContainerdNames(t *testing.T) {
	c, docker29, sample := containerdOf(t)
	c.WriteContent(t)
	c.WriteDB(t)
	for _, test := range []struct {
		name, ref, namespace string
		digest               string   // of the image; "" for an error
		says                 []string // in the error
	}{
		{name: "as stored", ref: "docker.io/library/app:1", digest: docker29},
		{name: "as Docker writes it", ref: "app:1", digest: docker29},
		{name: "in a namespace", ref: "k8s.io/app:1", digest: docker29},
		{name: "in a namespace, as stored", ref: "k8s.io/docker.io/library/app:1", digest: docker29},
		{name: "without a tag", ref: "other/web", digest: sample},
		{name: "of a registry", ref: "ghcr.io/me/app:1", digest: docker29},
		{name: "by its target's digest", ref: docker29, digest: docker29},
		{name: "by its target's first digits", ref: docker29[7:14], digest: docker29},
		{name: "by the digest that Kubernetes names it by", ref: "sha256:" + strings.Repeat("c", 64), digest: docker29},
		{name: "by that digest's first digits", ref: "sha256:dddd", digest: sample},
		{name: "by name and digest, as stored", ref: "app@" + docker29, digest: docker29},
		{name: "by name and digest, stored by its tag", ref: "ghcr.io/me/app@" + docker29, digest: docker29},
		{name: "in two namespaces", ref: "web:latest", says: []string{
			"several images fit", "containerd://default/docker.io/library/web:latest  " + docker29[:19], "containerd://other/docker.io/library/web:latest  " + sample[:19],
		}},
		{name: "in two namespaces, of which the environment names one", ref: "web", namespace: "other", digest: sample},
		{name: "of another tag", ref: "app:2", says: []string{"no such image", "default, empty, k8s.io and other", "did you mean containerd://default/ghcr.io/me/app:1, containerd://k8s.io/docker.io/library/app:1"}},
		{name: "in a namespace that has it not", ref: "empty/app:1", says: []string{"no such image"}},
		{name: "in no such namespace", ref: "nowhere/app:1", says: []string{"no such image", "no namespace nowhere"}},
		{name: "too few digits", ref: docker29[7:10], says: []string{"no such image"}},
		{name: "a name whose blobs are gone", ref: "empty/x", says: []string{"containerd://empty/x: the image's manifest or config is no longer in", "pull it again"}},
	} {
		for _, via := range []Via{ViaAny, ViaAPI, ViaStore} {
			t.Run(test.name+" "+string(via), func(t *testing.T) {
				t.Setenv("CONTAINERD_NAMESPACE", test.namespace)
				im, err := Open(t.Context(), "containerd://"+test.ref, Options{Platform: "", Via: via})
				if test.digest == "" {
					for _, says := range test.says {
						if err == nil || !strings.Contains(err.Error(), says) {
							t.Errorf("error %v\nlacks %q", err, says)
						}
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer im.Close()
				if im.Digest != test.digest {
					t.Errorf("got %s, want %s", im.Digest, test.digest)
				}
			})
		}
	}
	if n := c.Asked("read", docker29); n == 0 {
		t.Error("peel didn't ask the API")
	}
}

// TestContainerdMatchesArchive compares an image with the archive that it was
// imported from: through the API and from the folders, with a cache and without.
func TestContainerdMatchesArchive(t *testing.T) {
	c, _, _ := containerdOf(t)
	c.WriteContent(t)
	c.WriteDB(t)
	want := strings.Replace(allOf("../testdata/docker29.tar", Options{Platform: "linux/amd64"}), "docker-archive:../testdata/docker29.tar", "", 1)
	want = strings.Replace(want, "127.0.0.1:5055/tiny:1", "app:1", 1)
	cache := t.TempDir()
	for _, test := range []struct {
		name  string
		via   Via
		cache string
	}{
		{"by the API", ViaAPI, ""},
		{"by the API, with an empty cache", ViaAPI, cache},
		{"by the API, with a full cache", ViaAPI, cache},
		{"from the folders", ViaStore, ""},
		{"from the folders, with a cache", ViaStore, cache},
	} {
		got := strings.Replace(allOf("containerd://app:1", Options{Platform: "linux/amd64", Via: test.via, Cache: test.cache}), "containerd://app:1", "", 1)
		if got != want {
			t.Errorf("%s got\n%s\nfrom the archive\n%s", test.name, got, want)
		}
	}
}

// TestContainerdContents reads every file, through the API and from the folders.
func TestContainerdContents(t *testing.T) {
	c, _, _ := containerdOf(t)
	c.WriteContent(t)
	c.WriteDB(t)
	contents := func(ref string, via Via) (out []string) {
		im, err := Open(t.Context(), ref, Options{Via: via, Platform: "linux/amd64"})
		if err != nil {
			t.Fatal(err)
		}
		defer im.Close()
		if err := im.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, l := range im.Layers {
			for i := range l.Entries.Len() {
				if l.Entries.Type(i) != File {
					continue
				}
				r, err := l.Open(t.Context(), i)
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, string(b))
			}
		}
		return out
	}
	want := contents("../testdata/sample.tar", ViaAny)
	if len(want) < 20 {
		t.Fatalf("got %d files in the sample", len(want))
	}
	for _, via := range []Via{ViaAPI, ViaStore} {
		if got := contents("containerd://other/web", via); !slices.Equal(got, want) {
			t.Errorf("via %q: contents differ", via)
		}
	}
}

// TestContainerdAPIFaults breaks the API in many ways. Each fault must cause an error that
// describes it, and never a different image.
func TestContainerdAPIFaults(t *testing.T) {
	respond := func(data func(at, to int64) (offset int64, text []byte)) func(*contentapi.ReadContentRequest, contentapi.Content_ReadServer) (bool, error) {
		return func(r *contentapi.ReadContentRequest, s contentapi.Content_ReadServer) (bool, error) {
			at, text := data(r.GetOffset(), r.GetOffset()+r.GetSize())
			return true, s.Send(&contentapi.ReadContentResponse{Offset: at, Data: text})
		}
	}
	for _, test := range []struct {
		name string
		read func(*contentapi.ReadContentRequest, contentapi.Content_ReadServer) (bool, error)
		says string
	}{
		{"other bytes", respond(func(at, to int64) (int64, []byte) { return at, make([]byte, to-at) }), "digest"},
		{"too few bytes", respond(func(at, to int64) (int64, []byte) { return at, make([]byte, (to-at)/2) }), "it ends after"},
		{"no bytes", func(*contentapi.ReadContentRequest, contentapi.Content_ReadServer) (bool, error) { return true, nil }, "it ends after 0 of"},
		{"too many bytes", respond(func(at, to int64) (int64, []byte) { return at, make([]byte, to-at+1) }), "more bytes came"},
		{"endless", func(r *contentapi.ReadContentRequest, s contentapi.Content_ReadServer) (bool, error) {
			for at := r.GetOffset(); ; at += 100 {
				if err := s.Send(&contentapi.ReadContentResponse{Offset: at, Data: make([]byte, 100)}); err != nil {
					return true, err
				}
			}
		}, ""},
		{"from another place", respond(func(at, to int64) (int64, []byte) { return at + 1, make([]byte, to-at) }), "came where byte"},
		{"a message of its own", func(*contentapi.ReadContentRequest, contentapi.Content_ReadServer) (bool, error) {
			return true, status.Error(codes.Internal, "the disk is \x1b[31mon fire")
		}, `the disk is \x1b[31mon fire`},
		{"gone", func(*contentapi.ReadContentRequest, contentapi.Content_ReadServer) (bool, error) {
			return true, status.Error(codes.NotFound, "content: not found")
		}, "the content store does not have it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, _, _ := containerdOf(t)
			c.Read = test.read
			_, err := Open(t.Context(), "containerd://app:1", Options{Via: ViaAPI})
			testkit.WantError(t, err, test.says)
		})
		t.Run(test.name+", layers alone", func(t *testing.T) {
			c, _, _ := containerdOf(t)
			im, err := Open(t.Context(), "containerd://app:1", Options{Via: ViaAPI, Platform: "linux/amd64"})
			if err != nil {
				t.Fatal(err)
			}
			defer im.Close()
			c.Read = test.read
			err = im.Scan(t.Context())
			if test.name == "gone" { // as with a layer that a registry has lost, the image is shown without it
				if err != nil || im.Layers[0].Err == nil {
					t.Errorf("got %v, and for the layer %v", err, im.Layers[0].Err)
				}
				return
			}
			testkit.WantError(t, err, test.says)
		})
	}
}

// TestContainerdIsCancelled cancels a read that hangs.
func TestContainerdIsCancelled(t *testing.T) {
	c, _, _ := containerdOf(t)
	im, err := Open(t.Context(), "containerd://app:1", Options{Via: ViaAPI, Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	hangs := make(chan struct{}, 100)
	c.Read = func(_ *contentapi.ReadContentRequest, s contentapi.Content_ReadServer) (bool, error) {
		hangs <- struct{}{}
		<-s.Context().Done()
		return true, s.Context().Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-hangs
		cancel()
	}()
	began := time.Now()
	if err := im.Scan(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestContainerdIsListed lists the images, each name once, with facts from their configs.
func TestContainerdIsListed(t *testing.T) {
	for _, folders := range []bool{false, true} {
		c, docker29, sample := containerdOf(t)
		if folders {
			c.WriteContent(t)
		}
		l := &lister{Options: Options{Log: slog.New(slog.DiscardHandler)}}
		images, err := l.containerd(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, im := range images {
			got = append(got, im.Within+" "+im.Name+" "+im.Ref+" "+im.ID[:13])
			if known := im.Layers > 0 && im.Platform != "" && im.Size > 0 && !im.Created.IsZero(); known != (im.Within != "empty") {
				t.Errorf("with folders: %v: %+v", folders, im)
			}
		}
		slices.Sort(got)
		want := []string{
			"default  containerd://default/sha256:" + strings.Repeat("d", 64) + " " + sample[:13],
			"default ghcr.io/me/app:1 containerd://default/ghcr.io/me/app:1 " + docker29[:13],
			"default web:latest containerd://default/docker.io/library/web:latest " + docker29[:13],
			"empty x containerd://empty/x sha256:eeeeee",
			"k8s.io app:1 containerd://k8s.io/docker.io/library/app:1 " + docker29[:13],
			"other web:latest containerd://other/docker.io/library/web:latest " + sample[:13],
		}
		if !slices.Equal(got, want) {
			t.Errorf("listed\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestContainerdIsNotThere checks that the error says what was tried and that the socket may
// belong to another user.
func TestContainerdIsNotThere(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("peel doesn't look for containerd on this system")
	}
	dir := t.TempDir()
	for _, test := range []struct{ name, address, says string }{
		{"nothing there", filepath.Join(dir, "no.sock"), "start containerd"},
		{"not a path", "tcp://10.0.0.1:1", "not the absolute path of a socket"},
		{"not a socket", dir, "containerd (unix://" + dir},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("CONTAINERD_ADDRESS", test.address)
			_, err := Open(t.Context(), "containerd://app:1", Options{})
			testkit.WantError(t, err, test.says)
		})
	}
	t.Run("may not", func(t *testing.T) {
		if os.Getuid() == 0 {
			t.Skip("root may")
		}
		c, _, _ := containerdOf(t)
		if err := os.Chmod(c.Socket, 0); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), "containerd://app:1", Options{})
		testkit.WantError(t, err, "permission denied", "use sudo")
	})
}

// TestContainerdThatDoesNotAnswer reads the folders of a containerd that is stopped.
func TestContainerdThatDoesNotAnswer(t *testing.T) {
	c, docker29, _ := containerdOf(t)
	c.WriteContent(t)
	c.WriteDB(t)
	t.Setenv("CONTAINERD_ADDRESS", "")
	t.Setenv("XDG_DATA_HOME", filepath.Dir(c.Root))
	if err := os.Rename(c.Root, filepath.Join(filepath.Dir(c.Root), "containerd")); err != nil {
		t.Fatal(err)
	}
	o := &opener{Options: Options{Log: slog.New(slog.DiscardHandler), Platform: "linux/amd64"}, ref: "containerd://app:1"}
	places := storedContainerds(t.Context(), &o.Options)
	all, err := containerdNamed(t.Context(), places)
	if err != nil {
		t.Fatal(err)
	}
	found, err := all.find("k8s.io/app:1")
	if err != nil {
		t.Fatal(err)
	}
	im, byAPI, err := found[0].open(t.Context(), o)
	if err != nil || byAPI {
		t.Fatal(byAPI, err)
	}
	defer im.Close()
	if err := im.Scan(t.Context()); err != nil || im.Digest != docker29 {
		t.Errorf("%s, error %v", im.Digest, err)
	}
	o.Via = ViaAPI
	_, _, err = found[0].open(t.Context(), o)
	testkit.WantError(t, err, "containerd's API is not available")
}
