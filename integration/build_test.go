package integration

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// built is a built image: its name in both engines, and a file or directory for every form that
// real tools write.
type built struct {
	name  string // "peel-integration-123:1"
	saved string // the file from docker save
	forms []form
}

// form is one way to read the image.
type form struct {
	name  string
	ref   string // argument for peel
	stdin string // file for standard input, or ""
	oci   bool   // the tool converted the config to OCI, so the image's ID differs
}

// builtImage returns the image of testdata/Dockerfile, which is built once for all tests.
func builtImage(t *testing.T) *built {
	t.Helper()
	needEngines(t)
	podmanSocket(t)
	buildOnce.Do(func() { theImage = build(t) })
	if theImage == nil {
		t.Fatal("the image couldn't be built: see the first test that needed it")
	}
	return theImage
}

var (
	buildOnce sync.Once
	theImage  *built
)

func build(t *testing.T) *built {
	t.Helper()
	dir, err := os.MkdirTemp("", "peel-integration")
	if err != nil {
		t.Fatal(err)
	}
	b := &built{name: fmt.Sprintf("peel-integration-%d:1", os.Getpid())}
	atExit = append(atExit, func() { // not the test's context, which has ended by then
		ctx := context.Background()
		_, _ = output(ctx, "docker", "rmi", "-f", b.name)
		_, _ = output(ctx, "podman", "rmi", "-f", b.name)
		os.RemoveAll(dir)
	})
	in := func(name string) string { return filepath.Join(dir, name) }

	if err := os.Mkdir(in("context"), 0o755); err != nil {
		t.Fatal(err)
	}
	goBuild(t, "./step", in("context/step"))
	run(t, "docker", "build", "-q", "--network", "host", "-t", b.name, "-f", "testdata/Dockerfile", in("context"))

	b.saved = in("docker.tar")
	run(t, "docker", "save", "-o", b.saved, b.name)
	from := "docker-archive:" + b.saved
	run(t, "podman", "load", "-q", "-i", b.saved)
	run(t, "podman", "save", "-q", "--format", "docker-archive", "-o", in("podman.tar"), b.name)
	run(t, "podman", "save", "-q", "--format", "oci-archive", "-o", in("podman-oci.tar"), b.name)
	run(t, "skopeo", "copy", "-q", from, "docker-archive:"+in("skopeo.tar")+":"+b.name)
	run(t, "skopeo", "copy", "-q", from, "oci:"+in("oci")+":one")
	run(t, "skopeo", "copy", "-q", from, "oci-archive:"+in("oci-gzip.tar")+":one")
	run(t, "skopeo", "copy", "-q", "--dest-compress-format", "zstd", from, "oci-archive:"+in("oci-zstd.tar")+":one")
	run(t, "zstd", "-q", b.saved, "-o", in("docker.tar.zst"))
	compress(t, b.saved, in("docker.tar.gz"))

	b.forms = []form{
		{name: "docker save", ref: b.saved},
		{name: "docker engine", ref: "docker://" + b.name},
		{name: "any engine", ref: b.name},
		{name: "podman engine", ref: "podman://" + b.name},
		{name: "docker save, by tag", ref: "docker-archive:" + b.saved + ":" + b.name},
		{name: "docker save, gzip", ref: in("docker.tar.gz")},
		{name: "docker save, zstd", ref: in("docker.tar.zst")},
		{name: "docker save, standard input", ref: "-", stdin: b.saved},
		{name: "docker save, gzip, standard input", ref: "-", stdin: in("docker.tar.gz")},
		{name: "podman save, docker-archive", ref: in("podman.tar")},
		{name: "podman save, oci-archive", ref: in("podman-oci.tar"), oci: true},
		{name: "skopeo docker-archive", ref: in("skopeo.tar")},
		{name: "OCI directory", ref: in("oci"), oci: true},
		{name: "OCI directory, by tag", ref: "oci:" + in("oci") + ":one", oci: true},
		{name: "OCI archive, gzip layers", ref: in("oci-gzip.tar"), oci: true},
		{name: "OCI archive, zstd layers", ref: "oci-archive:" + in("oci-zstd.tar"), oci: true},
		{name: "OCI archive, zstd layers, standard input", ref: "-", stdin: in("oci-zstd.tar"), oci: true},
	}
	return b
}

func compress(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestForms protects the tests below: a tool that silently wrote gzip instead
// of zstd would leave a form untested.
func TestForms(t *testing.T) {
	b := builtImage(t)
	zstd := filepath.Join(filepath.Dir(b.saved), "oci-zstd.tar")
	manifest := run(t, "skopeo", "inspect", "--raw", "oci-archive:"+zstd)
	if !strings.Contains(manifest, "tar+zstd") {
		t.Errorf("the zstd archive's manifest doesn't mention zstd: %s", manifest)
	}
}
