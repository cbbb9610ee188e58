package source

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestContentStoreOfARealEngine lays out the blobs of an archive, which Docker 29 saved from
// containerd's image store, as that store does. Except for its source, the image must be the
// same from the archive, through the API and from the store.
func TestContentStoreOfARealEngine(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("engines on this system have no such store")
	}
	archive, err := os.ReadFile("../testdata/docker29.tar")
	if err != nil {
		t.Fatal(err)
	}
	s := &fakeStore{dir: t.TempDir(), archive: archive}
	content := filepath.Join(s.dir, "containerd/daemon/io.containerd.content.v1.content")
	var index struct {
		Manifests []struct {
			Digest      string
			Annotations map[string]string
		}
	}
	for members := tar.NewReader(bytes.NewReader(archive)); ; {
		m, err := members.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		b, err := io.ReadAll(members)
		switch {
		case err != nil:
			t.Fatal(err)
		case m.Name == "index.json":
			err = json.Unmarshal(b, &index)
		case m.Typeflag == tar.TypeReg && strings.HasPrefix(m.Name, "blobs/"):
			testkit.WriteFiles(t, content, map[string]string{m.Name: string(b)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(index.Manifests) != 1 {
		t.Fatalf("got %d images in the archive", len(index.Manifests))
	}
	root := index.Manifests[0]
	name := root.Annotations["io.containerd.image.name"]

	s.inspect = map[string]any{
		"Id": root.Digest, "RepoTags": []string{name}, "Os": "linux", "Architecture": "amd64",
		"GraphDriver": map[string]any{"Name": "overlayfs"},
	}
	f := s.serve(t, "docker")
	f.Images[name] = s.inspect
	f.Info = map[string]any{"DockerRootDir": s.dir, "Driver": "overlayfs", "DriverStatus": [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}}

	without := func(text, where string) string { return strings.Replace(text, where, "", 1) }
	want := without(allOf("../testdata/docker29.tar", Options{Platform: "linux/amd64"}), "docker-archive:../testdata/docker29.tar")
	if !strings.Contains(want, root.Digest) || !strings.Contains(want, "tar.gzip") {
		t.Fatalf("the archive lacks a digest or media types:\n%s", want)
	}
	for _, via := range []Via{ViaAPI, ViaStore} {
		got := without(allOf("docker://"+name, Options{Platform: "linux/amd64", Via: via}), "docker://"+name)
		if got != want {
			t.Errorf("via %s got\n%s\nfrom the archive\n%s", via, got, want)
		}
	}
	if saves(f) != 1 {
		t.Errorf("asked %q", f.Asked())
	}
}
