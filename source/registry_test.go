package source_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/peelhq/peel/internal/fakeregistry"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// noSettings sets up an environment without engines, credentials or registry settings.
func noSettings(t *testing.T) {
	t.Helper()
	testkit.NoEngines(t)
	none := filepath.Join(t.TempDir(), "registries.conf")
	testkit.WriteFiles(t, filepath.Dir(none), map[string]string{"registries.conf": ""})
	t.Setenv("CONTAINERS_REGISTRIES_CONF", none)
	t.Setenv("REGISTRY_AUTH_FILE", "")
}

// pushedFixture returns a registry with a fixture, pushed as an OCI layout would be, at
// "me/app:1".
func pushedFixture(t *testing.T, fixture, shape string) (reg *fakeregistry.Registry, dir string) {
	t.Helper()
	dir = testkit.ShapeNamed(shape).Write(t, testkit.Load(t, "../testdata/"+fixture+".image"))
	reg = fakeregistry.New(t)
	reg.Push(t, dir, "me/app", "1")
	return reg, dir
}

func refTo(reg *fakeregistry.Registry) string { return "registry://" + reg.Host() + "/me/app:1" }

// blobsOf returns the requests for layers and other blobs, and manifestsOf the requests for
// manifests that count as pulls.
func blobsOf(asked []string) []string { return only(asked, "GET", "/blobs/") }

func manifestsOf(asked []string) []string { return only(asked, "GET", "/manifests/") }

func only(asked []string, method, part string) []string {
	return slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return !strings.HasPrefix(s, method+" ") || !strings.Contains(s, part) })
}

// TestRegistryFixtures checks that every fixture that can be pushed gives the same entries and
// contents from a registry as from its layout.
func TestRegistryFixtures(t *testing.T) {
	noSettings(t)
	for _, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		if len(f.Images) != 1 || f.Images[0].Absent != "" || len(f.Refusals) > 0 {
			continue
		}
		for _, shape := range f.Shapes() {
			few := f.Name == "tar-pax-records" || len(f.Only) > 0 // in every shape; the others in one shape
			if !shape.OCI || shape.Manifest || shape.Name == "oci-inlined" || shape.Name != "oci-mixed" && !few {
				continue
			}
			t.Run(f.Name+"/"+shape.Name, func(t *testing.T) {
				dir := testkit.WriteDir(t, shape.Members(f))
				reg := fakeregistry.New(t)
				reg.Push(t, dir, "me/app", "1")
				want := f.Images[0]
				_, platform := f.Ref(dir, want)
				checkImage(t, open(t, refTo(reg), source.Options{Platform: platform}), want)
				checkImage(t, open(t, refTo(reg), source.Options{Platform: platform, KeepContent: true}), want)
			})
		}
	}
}

// TestRegistryFaults checks that with any fault on the way, the figures equal the layout's, or
// the result is an error.
func TestRegistryFaults(t *testing.T) {
	testkit.Long(t, "it waits before it asks a registry again")
	noSettings(t)
	reg, dir := pushedFixture(t, "tar-pax-records", "oci-dir")
	want, err := describe(dir, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	layer := func(fault fakeregistry.Fault) fakeregistry.Fault {
		return func(w http.ResponseWriter, r *http.Request, n int) bool {
			return strings.Contains(r.URL.Path, "/blobs/") && fault(w, r, n)
		}
	}
	record := func(r *http.Request) []byte {
		rec := &recorder{header: http.Header{}}
		reg.Inner(rec, r)
		return rec.body.Bytes()
	}
	spoilt := func(spoil func([]byte) []byte) fakeregistry.Fault {
		return layer(func(w http.ResponseWriter, r *http.Request, _ int) bool {
			_, _ = w.Write(spoil(record(r)))
			return true
		})
	}
	answer := func(status int, times int, header ...string) fakeregistry.Fault {
		return layer(func(w http.ResponseWriter, _ *http.Request, n int) bool {
			if n > times {
				return false
			}
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			return true
		})
	}
	var expired atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("signature") == "1" {
			expired.Add(1)
			w.WriteHeader(http.StatusForbidden)
			return
		}
		reg.Inner(w, r)
	}))
	defer elsewhere.Close()
	for _, c := range testkit.Sample([]struct {
		name  string
		fault fakeregistry.Fault
		fails bool
	}{
		{"401 once", answer(http.StatusUnauthorized, 1), false},
		{"429 and a second", answer(http.StatusTooManyRequests, 1, "Retry-After", "1"), false},
		{"429 and a day", answer(http.StatusTooManyRequests, 1, "Retry-After", "86400"), true},
		{"503 once", answer(http.StatusServiceUnavailable, 1), false},
		{"401 always", answer(http.StatusUnauthorized, 1000), true},
		{"a login page", answer(http.StatusOK, 1000, "Content-Type", "text/html"), true},
		{"an address that has expired", layer(func(w http.ResponseWriter, r *http.Request, n int) bool {
			http.Redirect(w, r, fmt.Sprintf("%s%s?signature=%d", elsewhere.URL, r.URL.Path, n), http.StatusTemporaryRedirect)
			return true
		}), false},
		{"endless", layer(func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 1<<16))
			}
			return true
		}), true},
		{"less than its length", layer(func(w http.ResponseWriter, r *http.Request, _ int) bool {
			b := record(r)
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
			_, _ = w.Write(b[:len(b)-1])
			panic(http.ErrAbortHandler)
		}), true},
		{"none", func(http.ResponseWriter, *http.Request, int) bool { return false }, false},
		{"cut in the middle", layer(func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n > 1 {
				return false
			}
			b := record(r)
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
			_, _ = w.Write(b[:len(b)/2])
			panic(http.ErrAbortHandler)
		}), false},
		{"200 to a range", layer(func(w http.ResponseWriter, r *http.Request, n int) bool {
			b := record(r)
			if n > 1 {
				r.Header.Del("Range")
				b = record(r)
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
			if n > 1 {
				_, _ = w.Write(b)
				return true
			}
			_, _ = w.Write(b[:len(b)/3])
			panic(http.ErrAbortHandler)
		}), false},
		{"one bit", spoilt(func(b []byte) []byte { b[len(b)/2] ^= 4; return b }), true},
		{"other bytes of the same length", spoilt(func(b []byte) []byte { return bytes.Repeat([]byte{'x'}, len(b)) }), true},
		{"a byte less", spoilt(func(b []byte) []byte { return b[:len(b)-1] }), true},
		{"a byte more", spoilt(func(b []byte) []byte { return append(b, 0) }), true},
		{"another image's layer", spoilt(func([]byte) []byte { return testkit.Gzip(make([]byte, 1024)) }), true},
	}) {
		t.Run(c.name, func(t *testing.T) {
			reg.Forget()
			reg.Break(c.fault)
			got, err := describe(refTo(reg), source.Options{})
			switch {
			case c.fails && err == nil:
				t.Errorf("no error, but figures\n%s", got)
			case !c.fails && err != nil:
				t.Error(err)
			case !c.fails && got != want:
				t.Errorf("got figures\n%s\nwant\n%s", got, want)
			}
		})
	}
	if expired.Load() == 0 && !testing.Short() {
		t.Error("no address expired, so the test proves nothing")
	}
}

type recorder struct {
	header http.Header
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(int)             {}
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// TestRegistryOpenedAgain checks that cached data isn't fetched again, and that an unchanged
// image opens without the registry.
func TestRegistryOpenedAgain(t *testing.T) {
	noSettings(t)
	reg, dir := pushedFixture(t, "tar-pax-records", "oci-dir")
	want, err := describe(dir, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(t.TempDir(), "cache")
	look := func(ref string, opts source.Options) []string {
		t.Helper()
		reg.Forget()
		opts.Cache = cache
		got, err := describe(ref, opts)
		if err != nil {
			t.Error(err)
		} else if got != want {
			t.Errorf("got figures\n%s\nwant\n%s", got, want)
		}
		return reg.Asked()
	}
	im := open(t, dir, source.Options{})
	first := look(refTo(reg), source.Options{})
	if m, b := manifestsOf(first), blobsOf(first); len(m) != 1 || len(b) != len(im.Layers)+1 {
		t.Errorf("first time: got requests %q, want one manifest, and the config and each layer once", first)
	}
	again := look(refTo(reg), source.Options{})
	if len(manifestsOf(again))+len(blobsOf(again)) > 0 || len(again) > 3 { // at most two pings and a HEAD
		t.Errorf("opened again: got requests %q, want a HEAD", again)
	}
	if asked := look("registry://"+reg.Host()+"/me/app@"+im.Digest, source.Options{}); len(asked) > 0 {
		t.Errorf("by digest: got requests %q, want none", asked)
	}
	if asked := look(refTo(reg), source.Options{Offline: true}); len(asked) > 0 {
		t.Errorf("offline: got requests %q, want none", asked)
	}

	// Move the tag and delete the blobs. Offline, the tag stays the old image; online, it is
	// the new one. What the cache holds stays.
	other := testkit.ShapeNamed("oci-dir").Write(t, testkit.Load(t, "../testdata/whiteout-bare.image"))
	reg.Break(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if strings.Contains(r.URL.Path, "/blobs/") {
			w.WriteHeader(http.StatusNotFound)
		}
		return strings.Contains(r.URL.Path, "/blobs/")
	})
	look(refTo(reg), source.Options{})
	l := open(t, refTo(reg), source.Options{Cache: cache}).Layers[0]
	if _, err := l.Open(t.Context(), firstFile(l)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("file of a deleted layer: got error %v", err)
	}
	reg.Break()
	reg.Push(t, other, "me/app", "1")
	look(refTo(reg), source.Options{Offline: true})
	if moved := open(t, refTo(reg), source.Options{Cache: cache}); moved.Digest == im.Digest {
		t.Error("got the old image although the tag has moved")
	}
	reg.Close()
	if _, err := describe(refTo(reg), source.Options{Cache: cache}); err == nil {
		t.Error("got no error without a registry")
	}
	moved, err := describe(refTo(reg), source.Options{Cache: cache, Offline: true})
	if err != nil || moved == want {
		t.Errorf("offline, after the tag has moved: got error %v, same image %v", err, moved == want)
	}
}

func firstFile(l *source.Layer) int {
	for i := range l.Entries.Len() {
		if l.Entries.Type(i) == source.File {
			return i
		}
	}
	panic("a layer without files")
}

// TestRegistryContent checks that a file's content is fetched by reading its layer, and only
// that layer, once more, and is verified.
func TestRegistryContent(t *testing.T) {
	noSettings(t)
	reg, dir := pushedFixture(t, "tar-pax-records", "oci-dir")
	cache := filepath.Join(t.TempDir(), "cache")
	local := open(t, dir, source.Options{})
	open(t, refTo(reg), source.Options{Cache: cache})
	for _, opts := range []source.Options{{}, {ContentOnDemand: true}, {KeepContent: true}} {
		opts.Cache = cache
		var told []source.Progress
		opts.Progress = func(p source.Progress) { told = append(told, p) }
		reg.Forget()
		im := open(t, refTo(reg), opts)
		if asked := blobsOf(reg.Asked()); len(asked) > 0 {
			t.Errorf("%+v: got requests %q before any file is read", opts, asked)
		}
		l, i := im.Layers[0], firstFile(im.Layers[0])
		if l.Near() || !local.Layers[0].Near() {
			t.Errorf("%+v: a registry's layer counts as near, or a folder's doesn't", opts)
		}
		for range 2 {
			if got, want := content(t, l, i), content(t, local.Layers[0], i); !bytes.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		}
		if asked := blobsOf(reg.Asked()); len(asked) != 1 {
			t.Errorf("got requests %q, want the layer once", asked)
		}
		if last := told[len(told)-1]; last.TotalBytes != local.Layers[0].CompressedBytes && last.Bytes == 0 {
			t.Errorf("progress ends with %+v", last)
		}
	}
	reg.Break(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		rec := &recorder{header: http.Header{}}
		reg.Inner(rec, r)
		b := rec.body.Bytes()
		b[len(b)-1] ^= 1
		_, _ = w.Write(b)
		return true
	})
	l := open(t, refTo(reg), source.Options{Cache: cache}).Layers[0]
	if _, err := l.Open(t.Context(), firstFile(l)); err == nil || !strings.Contains(err.Error(), "wrong bytes") {
		t.Errorf("content of a layer that changed: got error %v", err)
	}
	l = open(t, refTo(reg), source.Options{Cache: cache, Offline: true}).Layers[0]
	if _, err := l.Open(t.Context(), firstFile(l)); err == nil || !strings.Contains(err.Error(), "--offline") {
		t.Errorf("content offline: got error %v", err)
	}
}

// TestRegistryBlobMissing checks that a missing layer is reported and the others are shown.
func TestRegistryBlobMissing(t *testing.T) {
	noSettings(t)
	reg, dir := pushedFixture(t, "hardlink-all-removed", "oci-dir")
	local := open(t, dir, source.Options{})
	reg.Break(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if strings.HasSuffix(r.URL.Path, local.Layers[1].Digest) {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		return false
	})
	im := open(t, refTo(reg), source.Options{})
	for i, l := range im.Layers {
		if (l.Err != nil) != (i == 1) || i != 1 && l.Entries.Len() != local.Layers[i].Entries.Len() {
			t.Errorf("layer %d: error %v", i, l.Err)
		}
	}
	if err := im.Layers[1].Err; !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "does not have this blob") {
		t.Errorf("error %v", err)
	}
}

// TestRegistryOtherKinds checks that the error for something that isn't an image says what it
// is.
func TestRegistryOtherKinds(t *testing.T) {
	noSettings(t)
	reg := fakeregistry.New(t)
	reg.Blob(t, "me/app", "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", []byte("{}"))
	push := func(mediaType string, m map[string]any) {
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		reg.Manifest(t, "me/app", "1", mediaType, text)
	}
	config := func(mediaType string) map[string]any {
		return map[string]any{"mediaType": mediaType, "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "size": 2}
	}
	const oci = "application/vnd.oci.image.manifest.v1+json"
	for _, c := range []struct {
		mediaType string
		m         map[string]any
		says      string
	}{
		{oci, map[string]any{"schemaVersion": 2, "mediaType": oci, "config": config("application/vnd.cncf.helm.config.v1+json"), "layers": []any{config("application/vnd.cncf.helm.chart.content.v1.tar+gzip")}}, "a Helm chart"},
		{oci, map[string]any{"schemaVersion": 2, "mediaType": oci, "artifactType": "application/spdx+json", "config": config("application/vnd.oci.empty.v1+json"), "layers": []any{config("application/spdx+json")}}, "an SBOM"},
		{"application/vnd.docker.distribution.manifest.v1+prettyjws", map[string]any{"schemaVersion": 1, "name": "me/app", "tag": "1", "fsLayers": []any{}}, "schema 1"},
	} {
		push(c.mediaType, c.m)
		_, err := source.Open(t.Context(), refTo(reg), source.Options{})
		testkit.WantError(t, err, "me/app:1", c.says)
	}
}

// TestRegistryPlatforms checks that only the wanted platform of an index is fetched, and that
// the error for a missing platform lists those that exist, ready to paste.
func TestRegistryPlatforms(t *testing.T) {
	noSettings(t)
	f := testkit.Load(t, "../testdata/several-platforms.image")
	for _, shape := range []string{"oci-dir", "oci-nested-dir"} {
		reg := fakeregistry.New(t)
		reg.Push(t, testkit.ShapeNamed(shape).Write(t, f), "me/app", "1")
		for _, want := range f.Images {
			reg.Forget()
			checkImage(t, open(t, refTo(reg), source.Options{Platform: want.Platform}), want)
			if asked := manifestsOf(reg.Asked()); shape == "oci-dir" && len(asked) > 2 {
				t.Errorf("%s, %s: got requests %q, want each index once and one manifest", shape, want.Platform, asked)
			}
		}
		_, err := source.Open(t.Context(), refTo(reg), source.Options{Platform: "linux/s390x"})
		wantLines(t, err, "linux/s390x", "\n  "+refTo(reg)+" --platform linux/arm64")
	}
}

// TestRegistryByBareName checks that a bare name is looked up in a registry if no engine has
// it, that a message says so, and that this never happens offline or for a name that comes from
// an image.
func TestRegistryByBareName(t *testing.T) {
	noSettings(t)
	reg, _ := pushedFixture(t, "hardlink-all-removed", "oci-dir")
	name := reg.Host() + "/me/app:1"
	var asked []string
	im := open(t, name, source.Options{Asking: func(name string) { asked = append(asked, name) }})
	if !slices.Equal(asked, []string{name}) || im.Source != "registry://"+name {
		t.Errorf("said %q, source %s", asked, im.Source)
	}
	reg.Forget()
	if _, err := im.LocalDiffIDsOf(t.Context(), name); err == nil || len(reg.Asked()) > 0 {
		t.Errorf("base named by an annotation: got error %v, and the registry was asked", err)
	}
	if ids, err := im.DiffIDsOf(t.Context(), "registry://"+name); err != nil || len(ids) != len(im.Layers) {
		t.Errorf("base that you asked for: got %q, error %v", ids, err)
	}
	reg.Forget()
	_, err := source.Open(t.Context(), name, source.Options{Offline: true, Asking: func(string) { t.Error("the message claims to ask the registry, but peel is offline") }})
	wantLines(t, err, "has not been opened before", "--offline")
	if a := reg.Asked(); len(a) > 0 {
		t.Errorf("offline: %q", a)
	}
	_, err = source.Open(t.Context(), "./"+strings.ReplaceAll(name, ":", "."), source.Options{})
	testkit.WantError(t, err, "no such file")

	// An engine that hasn't answered may have the image.
	sock := filepath.Join(t.TempDir(), "x.sock")
	if err := os.WriteFile(sock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_HOST", "tcp://no-such-engine.invalid:2375")
	_, err = source.Open(t.Context(), name, source.Options{Asking: func(string) { t.Error("the message claims to ask the registry, though an engine may have the image") }})
	wantLines(t, err, "registry://"+name+" to ask anyway")
}

// wantLines is testkit.WantError for an error of several lines.
func wantLines(t *testing.T, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v\nlacks %q", err, text)
		}
	}
}

// TestRegistryList lists a repository's tags.
func TestRegistryList(t *testing.T) {
	noSettings(t)
	reg, dir := pushedFixture(t, "hardlink-all-removed", "oci-dir")
	for _, tag := range []string{"1.9", "1.10", "latest"} {
		reg.Push(t, dir, "me/app", tag)
	}
	local := open(t, dir, source.Options{})
	images, err := source.Repository("registry://"+reg.Host()+"/me/app", source.Options{}).Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, im := range images {
		names = append(names, im.Name[strings.LastIndexByte(im.Name, ':')+1:])
		if im.ID != local.Digest || im.Layers != len(local.Layers) || im.Size <= 0 || !im.Created.Equal(local.Created) || im.Ref != "registry://"+im.Name {
			t.Errorf("%+v", im)
		}
	}
	if got := strings.Join(names, " "); got != "1.10 1.9 1 latest" {
		t.Errorf("got order: %s", got)
	}
	_, err = source.Repository("registry://"+reg.Host()+"/me/ap", source.Options{}).Images(t.Context())
	testkit.WantError(t, err, "has no repository me/ap")
}
