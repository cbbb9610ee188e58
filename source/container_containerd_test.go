package source

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/peelhq/peel/internal/fakecontainerd"
	"github.com/peelhq/peel/internal/testkit"
)

// containersOn adds containers of the image app:1: from nerdctl, from Kubernetes, from ctr, and
// one from Docker, which lists it itself.
func containersOn(t *testing.T) (upper string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("peel reads upper directories only on Linux")
	}
	c, _, _ := containerdOf(t)
	c.WriteContent(t)
	im, err := Open(t.Context(), "containerd://k8s.io/app:1", Options{Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	var diffIDs []string
	for _, l := range im.Layers {
		diffIDs = append(diffIDs, l.DiffID)
	}
	chain := chainIDs(diffIDs)
	upper = filepath.Join(c.Root, "io.containerd.snapshotter.v1.overlayfs", "snapshots", "7", "fs")
	testkit.WriteFiles(t, upper, map[string]string{"etc/own": "its own"})
	add := func(namespace, id, image, key string, labels map[string]string) {
		c.Containers = append(c.Containers, fakecontainerd.Container{
			Namespace: namespace, Running: strings.HasPrefix(id, "a"),
			Parent: chain[len(chain)-1], Upper: upper, Lower: []string{t.TempDir()},
			Container: &containersapi.Container{
				ID: id, Image: image, Snapshotter: "overlayfs", SnapshotKey: key, Labels: labels,
				Spec: &anypb.Any{Value: []byte(`{"process":{"args":["sh","-c","x"]},"mounts":[{"destination":"/data","type":"bind","source":"/srv"},{"destination":"/proc","type":"proc","source":"proc"}]}`)},
			},
		})
	}
	add("default", strings.Repeat("a1", 32), "docker.io/library/app:1", "key1", map[string]string{"nerdctl/name": "web"})
	add("k8s.io", strings.Repeat("a2", 32), "docker.io/library/app:1", "key2", map[string]string{"io.kubernetes.pod.name": "shop-0", "io.kubernetes.container.name": "web"})
	add("k8s.io", strings.Repeat("b3", 32), "sha256:"+strings.Repeat("c", 64), "key3", nil)
	add("other", "byhand", "docker.io/library/web:latest", "key4", nil) // its name now stands for another image
	add("other", "web", "docker.io/library/gone:1", "key5", nil)
	add("moby", strings.Repeat("d", 64), "", "", nil)
	c.Name("default", "docker.io/library/app:1", im.Digest, "application/vnd.docker.distribution.manifest.v2+json")
	c.Name("moby", "x", im.Digest, "")
	return upper
}

// TestContainersOfContainerd opens containers by every kind of name.
func TestContainersOfContainerd(t *testing.T) {
	upper := containersOn(t)
	for _, test := range []struct{ ref, name, state, says string }{
		{ref: "default/web", name: "default/web", state: "running"},
		{ref: strings.Repeat("a1", 32), name: "default/web", state: "running"},
		{ref: "a1a1", name: "default/web", state: "running"},
		{ref: "shop-0/web", name: "k8s.io/shop-0/web", state: "running"},
		{ref: "k8s.io/shop-0/web", name: "k8s.io/shop-0/web", state: "running"},
		{ref: "b3b3", name: "k8s.io/" + strings.Repeat("b3", 32), state: "stopped"},
		{ref: "web", says: "several containers of that name: write container://containerd/default/web or container://containerd/other/web"},
		{ref: "a", says: "several containers"},
		{ref: "none", says: "no such container"},
		{ref: "dddd", says: "no such container"},
		{ref: "other/web", says: "its image docker.io/library/gone:1 is gone"},
		{ref: "byhand", says: "its image docker.io/library/web:latest has changed"},
	} {
		im, err := Open(t.Context(), "container://containerd/"+test.ref, Options{Platform: "linux/amd64"})
		if test.says != "" {
			testkit.WantError(t, err, test.says)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		c := im.Container
		if c == nil || c.Name != test.name || c.State != test.state || c.From != upper || fmt.Sprint(c.Command, c.Mounts) != "[sh -c x] [{/data bind /srv}]" {
			t.Errorf("%s: %+v", test.ref, c)
		}
		own := im.Layers[len(im.Layers)-1]
		last := own.Entries.Len() - 1
		r, err := own.Open(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil || !own.OfContainer || string(text) != "its own" || !strings.HasSuffix(own.Entries.At(last).Name, "etc/own") {
			t.Errorf("%s: %q, error %v", test.ref, text, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		im.Close()
	}
	_, err := Open(t.Context(), "container://containerd/default/web", Options{Via: ViaAPI})
	testkit.WantError(t, err, "containerd's API does not give the files of a container")
	if err := os.RemoveAll(upper); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), "container://containerd/default/web", Options{Platform: "linux/amd64"})
	testkit.WantError(t, err, "reading the folder of its layer", upper)
}

// TestContainerOfDockerWithContainerdsStore reads a container's layer from a Docker that names
// no folders, as Docker 29 does by default.
func TestContainerOfDockerWithContainerdsStore(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("peel reads upper directories only on Linux")
	}
	e := newContained(t)
	e.name, e.is.Driver, e.is.UpperDir, e.is.LowerDirs = "docker", "overlayfs", "", nil
	c := fakecontainerd.New(t)
	im, err := openContained(t, e, Options{}) // while containerd has no such snapshot
	if err != nil || im.Container.From != "the engine's API" {
		t.Fatalf("%+v, error %v", im, err)
	}
	upper := filepath.Join(c.Root, "io.containerd.snapshotter.v1.overlayfs", "snapshots", "7", "fs")
	testkit.WriteFiles(t, upper, map[string]string{"etc/motd": "new"})
	c.Containers = []fakecontainerd.Container{{
		Namespace: "moby", Parent: e.is.ID + "-init", Upper: upper, Lower: []string{"/init", "/below"},
		Container: &containersapi.Container{ID: e.is.ID, Snapshotter: "overlayfs", SnapshotKey: e.is.ID},
	}}
	e.asked = nil
	if im, err = openContained(t, e, Options{}); err != nil {
		t.Fatal(err)
	}
	own := im.Layers[len(im.Layers)-1].Entries
	if im.Container.From != upper || im.Container.InitLayer != "/init" || len(e.asked) > 0 || own.Len() != 2 || own.At(1).Name != "etc/motd" {
		t.Errorf("%+v, asked for %q, %d entries", im.Container, e.asked, own.Len())
	}
}

// TestContainersOfContainerdAreListed lists the containers.
func TestContainersOfContainerdAreListed(t *testing.T) {
	containersOn(t)
	images, err := listContainerd(t.Context(), &lister{Options: Options{Log: slog.New(slog.DiscardHandler)}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, im := range images {
		got = append(got, fmt.Sprintln(im.Ref, im.Name, im.Image, im.State, im.Size, im.Within, im.Container))
	}
	slices.Sort(got)
	want := "container://containerd/default/web web app:1 running 12345 default true\n" +
		"container://containerd/k8s.io/" + strings.Repeat("b3", 32) + "  sha256:" + strings.Repeat("c", 64) + " stopped 12345 k8s.io true\n" +
		"container://containerd/k8s.io/shop-0/web shop-0/web app:1 running 12345 k8s.io true\n" +
		"container://containerd/other/byhand byhand web:latest stopped 12345 other true\n" +
		"container://containerd/other/web web gone:1 stopped 12345 other true\n"
	if strings.Join(got, "") != want {
		t.Errorf("listed\n%s\nwant\n%s", strings.Join(got, ""), want)
	}
}
