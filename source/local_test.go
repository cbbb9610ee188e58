package source

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// placeNamed returns one of the places.
func placeNamed(t *testing.T, name, dir string, opts Options) Place {
	t.Helper()
	places := Places(dir, opts)
	i := slices.IndexFunc(places, func(p Place) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("no place %q", name)
	}
	return places[i]
}

// told formats an image on one line, without the facts that a test can't know.
func told(im LocalImage) string {
	line := fmt.Sprintf("%s name=%s", im.Ref, im.Name)
	if im.Layers >= 0 {
		line += fmt.Sprintf(" layers=%d", im.Layers)
	}
	if im.Platform != "" {
		line += " " + im.Platform
	}
	if !im.Created.IsZero() {
		line += " " + im.Created.Format(time.RFC3339)
	}
	return line
}

func wantImages(t *testing.T, got []LocalImage, want ...string) {
	t.Helper()
	var lines []string
	for _, im := range got {
		lines = append(lines, told(im))
	}
	slices.Sort(lines)
	slices.Sort(want)
	if !slices.Equal(lines, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(lines, "\n  "), strings.Join(want, "\n  "))
	}
}

// engineLists returns an engine's list entry for an image app.
func engineLists(id string, tags ...string) map[string]any {
	return map[string]any{"Id": id, "RepoTags": tags, "Created": 1700000000, "Size": 1234}
}

func TestEngineLists(t *testing.T) {
	tests := []struct {
		name  string
		api   string
		list  any
		want  []string
		query string
		err   []string
	}{
		{
			name: "a line for each tag", api: "1.41", list: []any{engineLists(testkit.AppID, "app:1", "app:latest")},
			want: []string{"docker://app:1 name=app:1 2023-11-14T22:13:20Z", "docker://app:latest name=app:latest 2023-11-14T22:13:20Z"},
		},
		{
			name: "untagged", api: "1.41", list: []any{engineLists(testkit.AppID), engineLists("sha256:bb", "<none>:<none>"), engineLists("sha256:cc", "a/b@sha256:dd")},
			want: []string{"docker://" + testkit.AppID + " name= 2023-11-14T22:13:20Z", "docker://sha256:bb name= 2023-11-14T22:13:20Z", "docker://sha256:cc name= 2023-11-14T22:13:20Z"},
		},
		{name: "not dated", api: "1.41", list: []any{map[string]any{"Id": testkit.AppID, "RepoTags": []string{"a:1"}, "Created": -62135596800}}, want: []string{"docker://a:1 name=a:1"}},
		{name: "none", api: "1.41", list: []any{}},
		{
			name: "platforms of an index", api: "1.47", query: "?manifests=1", list: []any{map[string]any{
				"Id": testkit.AppID, "RepoTags": []string{"a:1"}, "Manifests": []any{
					map[string]any{"Kind": "attestation", "Available": true},
					map[string]any{"Kind": "image", "Available": false, "ImageData": map[string]any{"Platform": map[string]any{"os": "linux", "architecture": hostPlatform().arch}}},
					map[string]any{"Kind": "image", "Available": true, "ImageData": map[string]any{"Platform": map[string]any{"os": "linux", "architecture": "s390x"}}},
				},
			}},
			want: []string{"docker://a:1 name=a:1 linux/s390x"},
		},
		{name: "it cannot", api: "1.41", err: []string{"docker (unix://", "listing its images: ", `the disk \x1b[2J is full`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &testkit.Engine{API: tt.api, List: tt.list}
			f.Serve(t, "DOCKER_HOST")
			got, err := placeNamed(t, "docker", "", Options{}).Images(t.Context())
			testkit.WantError(t, err, tt.err...)
			wantImages(t, got, tt.want...)
			if !slices.Contains(f.Asked(), "GET /v"+tt.api+"/images/json"+tt.query) {
				t.Errorf("asked %q", f.Asked())
			}
		})
	}
}

// TestListsByTheStore checks that what an engine doesn't list is read from its files, if they
// belong to that engine.
func TestListsByTheStore(t *testing.T) {
	s := dockerStore(t)
	f := s.serve(t, "docker")
	f.List = []any{engineLists(s.id, "app:1", "app:2"), engineLists(testkit.AppID, "gone:1")}
	f.Info = map[string]any{"DockerRootDir": s.dir, "Driver": "overlay2"}
	got, err := placeNamed(t, "docker", "", Options{}).Images(t.Context())
	testkit.WantError(t, err)
	details := " layers=3 linux/" + hostPlatform().arch
	wantImages(t, got, "docker://app:1 name=app:1"+details+" 2024-05-06T07:08:09Z", "docker://app:2 name=app:2"+details+" 2024-05-06T07:08:09Z",
		"docker://gone:1 name=gone:1 2023-11-14T22:13:20Z")

	file := "image/overlay2/imagedb/content/sha256/" + digestHex(s.id)
	s.write(t, file, append(s.read(t, file), ' ')) // a config that doesn't match the ID
	got, err = placeNamed(t, "docker", "", Options{}).Images(t.Context())
	testkit.WantError(t, err)
	for _, im := range got {
		if im.Layers >= 0 {
			t.Errorf("believed: %s", told(im))
		}
	}
}

func TestPodmanLists(t *testing.T) {
	s := podmanStore(t)
	details := " layers=3 linux/" + hostPlatform().arch
	t.Run("read from its service", func(t *testing.T) {
		f := s.serve(t, "podman")
		f.List = []any{engineLists(s.id, "localhost/app:1")}
		got, err := placeNamed(t, "podman", "", Options{}).Images(t.Context())
		testkit.WantError(t, err)
		wantImages(t, got, "podman://localhost/app:1 name=localhost/app:1"+details+" 2024-05-06T07:08:09Z")
	})
	t.Run("without a service", func(t *testing.T) {
		if _, err := os.Stat("/run/podman/podman.sock"); err == nil {
			t.Skip("a podman service runs on this machine")
		}
		testkit.NoEngines(t)
		t.Setenv("CONTAINERS_STORAGE_CONF", filepath.Join(s.dir, "storage.conf"))
		got, err := placeNamed(t, "podman", "", Options{}).Images(t.Context())
		testkit.WantError(t, err)
		wantImages(t, got, "podman://localhost/app:1 name=localhost/app:1"+details+" 2024-05-06T07:08:09Z")
		var size int64
		for _, l := range testkit.StoredLayers() {
			size += int64(len(testkit.StoredTar(t, l)))
		}
		if len(got) == 1 && got[0].Size != size {
			t.Errorf("%d bytes, want %d", got[0].Size, size)
		}
	})
	t.Run("the service that was named doesn't answer", func(t *testing.T) {
		testkit.NoEngines(t)
		t.Setenv("CONTAINERS_STORAGE_CONF", filepath.Join(s.dir, "storage.conf"))
		t.Setenv("CONTAINER_HOST", "unix:///no/such.sock")
		got, err := placeNamed(t, "podman", "", Options{}).Images(t.Context())
		testkit.WantError(t, err, "podman (unix:///no/such.sock, CONTAINER_HOST)")
		wantImages(t, got)
	})
}

func TestStackSizes(t *testing.T) {
	sizes := stackSizes(map[string]storedLayer{
		"a": {DiffSize: 1}, "b": {Parent: "a", DiffSize: 2}, "lost": {Parent: "x", DiffSize: 4},
		"loop": {Parent: "pool", DiffSize: 1}, "pool": {Parent: "loop", DiffSize: 1}, "odd": {DiffSize: -1},
		"huge": {Parent: "b", DiffSize: math.MaxInt64},
	})
	for top, want := range map[string]string{
		"": "0 true", "a": "1 true", "b": "3 true", "lost": "0 false", "loop": "0 false", "pool": "0 false", "odd": "0 false", "huge": "0 false", "none": "0 false",
	} {
		size, ok := sizes(top)
		if got := fmt.Sprint(size, ok); got != want {
			t.Errorf("%q: %s, want %s", top, got, want)
		}
	}
}

func TestNoEngines(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("engines on this system don't use sockets")
	}
	testkit.NoEngines(t)
	for name, socket := range map[string]string{"docker": "/var/run/docker.sock", "podman": "/run/podman/podman.sock"} {
		if _, err := os.Stat(socket); err == nil {
			continue // the engine runs on this machine
		}
		_, err := placeNamed(t, name, "", Options{}).Images(t.Context())
		if !errors.Is(err, ErrNoEngine) || err.Error() != name+": no socket found" {
			t.Errorf("%v", err)
		}
	}
	t.Setenv("DOCKER_HOST", "unix:///no/such.sock") // an engine that is named must be reported as missing
	_, err := placeNamed(t, "docker", "", Options{}).Images(t.Context())
	if errors.Is(err, ErrNoEngine) {
		t.Errorf("%v is ErrNoEngine", err)
	}
	testkit.WantError(t, err, "docker (unix:///no/such.sock, DOCKER_HOST)")
}

// TestListingIsGivenUp checks that a list doesn't wait for a silent engine longer than the
// caller wants.
func TestListingIsGivenUp(t *testing.T) {
	testkit.NoEngines(t)
	t.Setenv("DOCKER_HOST", "unix://"+testkit.UnixServer(t, &testkit.Engine{Mute: true}))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := placeNamed(t, "docker", "", Options{}).Images(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestFilesAreListed(t *testing.T) {
	const one = "-- image app:1 linux/amd64 --\n-- layer --\nfile a 10\n"
	parse := func(text string) *testkit.Fixture {
		f, err := testkit.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	save := func(shape string) string { return string(testkit.ShapeNamed(shape).Archive(parse(one))) }
	plainTar := string(testkit.StoredTar(t, []testkit.StoredMember{testkit.StoredFile("src/main.go", "package main")}))
	whole := save("docker-25")
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{name: "nothing"},
		{name: "plain archives", files: map[string]string{"a.tar": whole, "b.tar": save("docker-20")}, want: []string{
			"a.tar name=app:1 layers=1 linux/amd64", "b.tar name=app:1 layers=1 linux/amd64",
		}},
		{name: "packed ones are told by name", files: map[string]string{"a.tar.gz": string(testkit.Gzip([]byte(whole))), "b.tgz": string(testkit.Gzip([]byte(save("docker-20"))))}, want: []string{
			"a.tar.gz name=", "b.tgz name=",
		}},
		{name: "other archives", files: map[string]string{"a.tar": plainTar, "a.tar.gz": string(testkit.Gzip([]byte(plainTar))), "b.tar": "text", "c.tar": "", "d.tar.gz": "\x1f\x8b", "e.tar": strings.Repeat("\x00", 1024)}},
		{name: "cut off", files: map[string]string{"a.tar": whole[:len(whole)/2]}, want: []string{"a.tar name="}},
		{name: "names that mean something else", files: map[string]string{"-.tar": whole, "oci:x.tar": whole}, want: []string{
			"./-.tar name=app:1 layers=1 linux/amd64", "./oci:x.tar name=app:1 layers=1 linux/amd64",
		}},
		{name: "not an archive's name", files: map[string]string{"a.img": whole, "tar": whole}},
		{name: "a layout that is damaged", files: map[string]string{"x/index.json": "{", "x/oci-layout": "{}"}, want: []string{"./x name="}},
		{name: "a folder that only looks like one", files: map[string]string{"x/index.json": "{}", "y/oci-layout": "{}"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(tt.name, "else") {
				t.Skip("no such names")
			}
			t.Chdir(t.TempDir())
			testkit.WriteFiles(t, ".", tt.files)
			got, err := placeNamed(t, "files", ".", Options{}).Images(t.Context())
			testkit.WantError(t, err)
			for i := range got {
				got[i].Created = time.Time{}
			}
			wantImages(t, got, tt.want...)
			for _, im := range got {
				opened, err := Open(t.Context(), im.Ref, Options{})
				if damaged := im.Layers < 0 && !strings.HasSuffix(im.File, "gz"); damaged != (err != nil) {
					t.Errorf("opening %s: %v", im.Ref, err)
				}
				if err != nil {
					continue
				}
				if im.Name != "" && opened.Name != im.Name || im.ID != "" && opened.ID != im.ID {
					t.Errorf("%s is %s %s, but listed as %s %s", im.Ref, opened.Name, opened.ID, im.Name, im.ID)
				}
				if err := opened.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestFilesOfEveryFixture checks that every image in every fixture and shape is listed, with a
// reference that opens exactly that image.
func TestFilesOfEveryFixture(t *testing.T) {
	for _, f := range testkit.Fixtures(t, "../testdata") {
		t.Run(f.Name, func(t *testing.T) {
			shape := f.Shapes()[0]
			path := shape.Write(t, f)
			dir := filepath.Dir(path)
			got, err := placeNamed(t, "files", dir, Options{}).Images(t.Context())
			testkit.WantError(t, err)
			listed := map[string]bool{}
			for _, im := range got {
				listed[im.ID] = true
			}
			for _, im := range f.Images {
				ref, _ := f.Ref(path, im)
				opened, err := Open(t.Context(), ref, Options{})
				if err != nil {
					continue // incomplete, or the reference needs a platform
				}
				if !listed[opened.ID] {
					t.Errorf("%s isn't listed", ref)
				}
				_ = opened.Close()
			}
			for _, im := range got {
				if im.Layers < 0 {
					continue
				}
				opened, err := Open(t.Context(), im.Ref, Options{})
				if err != nil {
					t.Errorf("%s: %v", im.Ref, err)
					continue
				}
				if opened.ID != im.ID || len(opened.Layers) != im.Layers || opened.Platform != im.Platform {
					t.Errorf("%s: %s with %d layers, but listed as %s with %d", im.Ref, opened.ID, len(opened.Layers), im.ID, im.Layers)
				}
				_ = opened.Close()
			}
		})
	}
}

// TestFilesAreBounded checks that a folder with too many files is listed in part, and that a
// note says so.
func TestFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{}
	for i := range maxArchives + 1 {
		files[fmt.Sprintf("%d.tar.gz", i)] = "\x1f\x8b"
	}
	testkit.WriteFiles(t, dir, files)
	_, err := placeNamed(t, "files", dir, Options{}).Images(t.Context())
	testkit.WantError(t, err, "only the first 200 archives were looked into")
	if runtime.GOOS != "windows" {
		if _, err := os.Stat("/dev/null"); err == nil {
			dir := t.TempDir()
			if err := os.Symlink("/dev/zero", filepath.Join(dir, "endless.tar")); err != nil {
				t.Fatal(err)
			}
			got, err := placeNamed(t, "files", dir, Options{}).Images(t.Context())
			testkit.WantError(t, err)
			wantImages(t, got)
		}
	}
	_, err = placeNamed(t, "files", filepath.Join(dir, "missing"), Options{}).Images(t.Context())
	testkit.WantError(t, err, "files: ", "no such file")
}
