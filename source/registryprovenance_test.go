package source_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/peelhq/peel/internal/fakeregistry"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// attestedImage is the first image of a layout that lists attestations, with its attestations.
type attestedImage struct {
	dir              string
	platform         string
	image, statement ocispec.Descriptor
}

func (a *attestedImage) read(t *testing.T, d ocispec.Descriptor, to any) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(a.dir, "blobs", filepath.FromSlash(strings.Replace(d.Digest.String(), ":", "/", 1))))
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func attested(t *testing.T) *attestedImage {
	t.Helper()
	f := testkit.Load(t, "../testdata/several-platforms.image")
	a := &attestedImage{dir: testkit.WriteDir(t, testkit.ShapeNamed("oci-attested").Members(f)), platform: f.Images[0].Platform}
	var top, index ocispec.Index
	text, err := os.ReadFile(filepath.Join(a.dir, "index.json"))
	if err == nil {
		err = json.Unmarshal(text, &top)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.read(t, top.Manifests[0], &index)
	for _, d := range index.Manifests {
		if p := d.Platform; p != nil && p.OS+"/"+p.Architecture == a.platform {
			a.image = d
		}
	}
	for _, d := range index.Manifests {
		if d.Annotations["vnd.docker.reference.digest"] == a.image.Digest.String() {
			a.statement = d
		}
	}
	if a.image.Digest == "" || a.statement.Digest == "" {
		t.Fatalf("no attested image in %+v", index)
	}
	return a
}

// push pushes a manifest, with extra keys, and the blobs that it names. It returns the
// manifest's descriptor.
func (a *attestedImage) push(t *testing.T, reg *fakeregistry.Registry, d ocispec.Descriptor, tag string, more map[string]any) ocispec.Descriptor {
	t.Helper()
	var m ocispec.Manifest
	text := a.read(t, d, &m)
	for _, b := range append(m.Layers, m.Config) {
		path := filepath.Join(a.dir, "blobs", filepath.FromSlash(strings.Replace(b.Digest.String(), ":", "/", 1)))
		if blob, err := os.ReadFile(path); err == nil {
			reg.Blob(t, "me/app", b.Digest.String(), blob)
		}
	}
	if more != nil {
		var all map[string]any
		a.read(t, d, &all)
		maps.Copy(all, more)
		var err error
		if text, err = json.Marshal(all); err != nil {
			t.Fatal(err)
		}
		d = ocispec.Descriptor{MediaType: d.MediaType, Digest: digest.FromBytes(text), Size: int64(len(text))}
	}
	reg.Manifest(t, "me/app", d.Digest.String(), d.MediaType, text)
	if tag != "" {
		reg.Manifest(t, "me/app", tag, d.MediaType, text)
	}
	return d
}

// TestRegistryProvenance checks that an image's attestations are found in its index, through
// the registry's referrers API, or by the tag that replaces that API, and that they aren't
// requested again. An image without attestations still opens.
func TestRegistryProvenance(t *testing.T) {
	noSettings(t)
	a := attested(t)
	noList := func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if strings.Contains(r.URL.Path, "/referrers/") {
			http.NotFound(w, r)
		}
		return strings.Contains(r.URL.Path, "/referrers/")
	}
	for _, c := range []struct {
		name  string
		push  func(t *testing.T, reg *fakeregistry.Registry)
		found bool
	}{
		{"in the index", func(t *testing.T, reg *fakeregistry.Registry) { reg.Push(t, a.dir, "me/app", "1") }, true},
		{"in the list of referrers", func(t *testing.T, reg *fakeregistry.Registry) {
			a.push(t, reg, a.image, "1", nil)
			a.push(t, reg, a.statement, "", map[string]any{"subject": map[string]any{"mediaType": a.image.MediaType, "digest": a.image.Digest, "size": a.image.Size}})
		}, true},
		{"by the tag", func(t *testing.T, reg *fakeregistry.Registry) {
			reg.Break(noList)
			a.push(t, reg, a.image, "1", nil)
			d := a.push(t, reg, a.statement, "", nil)
			text, err := json.Marshal(ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}}})
			if err != nil {
				t.Fatal(err)
			}
			reg.Manifest(t, "me/app", strings.Replace(a.image.Digest.String(), ":", "-", 1), ocispec.MediaTypeImageIndex, text)
		}, true},
		{"nowhere", func(t *testing.T, reg *fakeregistry.Registry) { a.push(t, reg, a.image, "1", nil) }, false},
		{"nowhere, and no list", func(t *testing.T, reg *fakeregistry.Registry) {
			reg.Break(noList)
			a.push(t, reg, a.image, "1", nil)
		}, false},
		{"a list that is ill", func(t *testing.T, reg *fakeregistry.Registry) {
			reg.Break(func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if strings.Contains(r.URL.Path, "/referrers/") {
					w.WriteHeader(http.StatusForbidden)
				}
				return strings.Contains(r.URL.Path, "/referrers/")
			})
			a.push(t, reg, a.image, "1", nil)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			reg := fakeregistry.New(t)
			c.push(t, reg)
			opts := source.Options{Platform: a.platform, Cache: filepath.Join(t.TempDir(), "cache")}
			for _, again := range []bool{false, true} {
				reg.Forget()
				im := open(t, refTo(reg), opts)
				switch p := im.Provenance; {
				case (p != nil) != c.found:
					t.Fatalf("again %v: provenance %+v", again, p)
				case p != nil && (len(p.Files) != 1 || string(p.Files[0].Text) != "FROM scratch\n"):
					t.Errorf("files %+v", p.Files)
				}
				if im.Digest != a.image.Digest.String() {
					t.Errorf("image %s, want %s", im.Digest, a.image.Digest)
				}
				if asked := reg.Asked(); again && len(manifestsOf(asked))+len(blobsOf(asked)) > 0 {
					t.Errorf("opened again: %q", asked)
				}
			}
		})
	}
}
