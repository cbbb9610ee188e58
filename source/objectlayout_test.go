package source_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// setMembers stores the files of an unpacked archive, or of a folder, as objects.
func setMembers(store *testkit.S3, prefix string, members []testkit.Member) {
	contents := map[string][]byte{}
	for _, m := range members {
		if !m.Dir && m.Link == "" {
			contents[path.Clean(m.Name)] = m.Data
		}
	}
	for _, m := range members {
		if m.Link != "" { // what copies files to a bucket follows links
			contents[path.Clean(m.Name)] = contents[path.Join(path.Dir(m.Name), m.Link)]
		}
	}
	for name, b := range contents {
		store.Set(prefix+name, b)
	}
}

// archiveOnly matches the formats that have the same files as another one: they differ as archives.
var archiveOnly = regexp.MustCompile(`reversed|shuffled|sparse|tar|zst|\.gz`)

// TestFixturesInBucket reads every fixture from a bucket that has the files of a folder, or of an
// unpacked archive, in every format.
func TestFixturesInBucket(t *testing.T) {
	store := testkit.NewS3(t)
	for _, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		for _, shape := range testkit.Sample(f.Shapes()) {
			if archiveOnly.MatchString(shape.Name) {
				continue
			}
			t.Run(f.Name+"/"+shape.Name, func(t *testing.T) {
				prefix := fmt.Sprintf("of team:a/%s/%s/", f.Name, shape.Name)
				setMembers(store, prefix, shape.Members(f))
				for _, want := range f.Images {
					if want.Absent == "" {
						ref, platform := f.Ref("s3://fleet/"+prefix, want)
						checkImage(t, open(t, ref, source.Options{Platform: platform}), want)
					}
				}
			})
		}
	}
}

// layoutInBucket stores an OCI layout of one image with two layers below s3://fleet/app/, and
// returns the names of its blobs: those of the layers last.
func layoutInBucket(t *testing.T) (store *testkit.S3, members []testkit.Member) {
	t.Helper()
	f, err := testkit.Parse("-- layer --\nfile a 500000\n-- layer --\nfile b 700000\nfile c 900000\n")
	if err != nil {
		t.Fatal(err)
	}
	store = testkit.NewS3(t)
	members = slices.DeleteFunc(testkit.ShapeNamed("oci-dir-plain").Members(f), func(m testkit.Member) bool { return m.Dir })
	setMembers(store, "app/", members)
	return store, members
}

// TestLayoutInBucketByRanges checks that of plain layers only the headers are fetched, and that no
// object is fetched twice to list the image.
func TestLayoutInBucketByRanges(t *testing.T) {
	store, _ := layoutInBucket(t)
	fetched := 0
	store.SetFault(func(_ http.ResponseWriter, r *http.Request) bool {
		var from, to int
		if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); n == 2 {
			fetched += to + 1 - from
		} else if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			t.Errorf("%s is fetched in full", r.URL.Path)
		}
		return false
	})
	for _, ref := range []string{"s3://fleet/app/", "s3://fleet/app"} {
		fetched = 0
		before := len(store.Asked())
		im := open(t, ref, source.Options{})
		if len(im.Layers) != 2 || im.Source != "oci:"+ref {
			t.Fatalf("%s: %d layers of %s", ref, len(im.Layers), im.Source)
		}
		if fetched > 400_000 {
			t.Errorf("%s: fetched %d bytes to read the headers of 2 layers with 2,100,000", ref, fetched)
		}
		if n := len(store.Asked()) - before; n > 24 {
			t.Errorf("%s: %d requests:\n%s", ref, n, strings.Join(store.Asked()[before:], "\n"))
		}
	}
}

// TestLayoutInBucketDamaged checks the errors for a layout that is incomplete, changes while it
// is read, or lies.
func TestLayoutInBucketDamaged(t *testing.T) {
	blob := func(members []testkit.Member, largest int) string {
		blobs := slices.SortedFunc(slices.Values(members), func(a, b testkit.Member) int { return len(b.Data) - len(a.Data) })
		return blobs[largest].Name
	}
	for _, test := range []struct {
		name  string
		spoil func(store *testkit.S3, members []testkit.Member)
		want  string // part of the error of opening or scanning, or of a layer's
	}{
		{"a missing layer", func(s *testkit.S3, m []testkit.Member) { s.Remove("app/" + blob(m, 0)) }, "not included: blobs/sha256/"},
		{"a longer layer", func(s *testkit.S3, m []testkit.Member) { s.Set("app/"+blob(m, 0), make([]byte, 3_000_000)) }, "3000000 bytes, the manifest says"},
		{"a missing manifest", func(s *testkit.S3, m []testkit.Member) { s.Remove("app/" + blob(m, 3)) }, "file does not exist"},
		{"another config", func(s *testkit.S3, m []testkit.Member) { s.Set("app/"+blob(m, 2), []byte("{}")) }, "its digest is"},
		{"a huge index", func(s *testkit.S3, _ []testkit.Member) { s.Set("app/index.json", make([]byte, 9<<20)) }, "9437184 bytes, more than"},
		{"names that climb", func(s *testkit.S3, _ []testkit.Member) {
			s.Remove("app/index.json")
			s.Set("secret.json", []byte("{}"))
			s.Set("app/manifest.json", []byte(`[{"Config":"../secret.json","Layers":[]}]`))
		}, "secret.json: file does not exist"},
		{"names with control characters", func(s *testkit.S3, _ []testkit.Member) {
			s.Remove("app/index.json")
			s.Set("app/manifest.json", []byte(`[{"Config":"a\u001b[31m","Layers":[]}]`))
		}, "not the key of an object"},
		{"no list", func(s *testkit.S3, _ []testkit.Member) { s.Remove("app/index.json") }, "no object index.json or manifest.json below it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, members := layoutInBucket(t)
			test.spoil(store, members)
			im, err := source.Open(t.Context(), "s3://fleet/app/", source.Options{})
			if err == nil {
				defer im.Close()
				if err = im.Scan(t.Context()); err == nil {
					err = errors.Join(im.Layers[0].Err, im.Layers[1].Err)
				}
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	t.Run("a replaced layer", func(t *testing.T) {
		store, members := layoutInBucket(t)
		im := open(t, "s3://fleet/app/", source.Options{})
		name := blob(members, 0)
		i := slices.IndexFunc(members, func(m testkit.Member) bool { return m.Name == name })
		store.Set("app/"+name, make([]byte, len(members[i].Data)))
		top := im.Layers[1]
		r, err := top.Open(t.Context(), top.Entries.Len()-1)
		if err == nil {
			_, err = io.ReadAll(r)
			err = errors.Join(err, r.Close())
		}
		if err == nil {
			t.Error("read a file of another object")
		}
	})
	t.Run("a store that refuses", func(t *testing.T) {
		store, _ := layoutInBucket(t)
		store.SetFault(func(w http.ResponseWriter, r *http.Request) bool {
			return strings.Contains(r.URL.Path, "/blobs/") && testkit.RefuseS3(w, http.StatusForbidden, "AccessDenied")
		})
		if _, err := source.Open(t.Context(), "s3://fleet/app/", source.Options{}); !errors.Is(err, source.ErrRefused) {
			t.Error(err)
		}
	})
	t.Run("a tag that does not exist", func(t *testing.T) {
		layoutInBucket(t)
		if _, err := source.Open(t.Context(), "s3://fleet/app/:other", source.Options{}); err == nil || !strings.Contains(err.Error(), `it has no image "other"`) {
			t.Error(err)
		}
		if _, err := source.Open(t.Context(), "s3://fleet/none/", source.Options{}); !errors.Is(err, source.ErrNotFound) || !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
}

// TestBucketLayouts lists the layouts and archives below a prefix: a layout is one source, and its
// blobs are no archives.
func TestBucketLayouts(t *testing.T) {
	store := testkit.NewS3(t)
	f := testkit.Load(t, "../testdata/hardlink-all-removed.image")
	several, err := testkit.Parse("-- image a:1 linux/amd64 --\n-- layer --\nfile a 5\n-- image a:2 linux/amd64 --\n-- layer --\nfile b 5\n")
	if err != nil {
		t.Fatal(err)
	}
	setMembers(store, "of/layout/", testkit.ShapeNamed("oci-dir").Members(f))
	setMembers(store, "of/several/", testkit.ShapeNamed("oci-dir").Members(several))
	setMembers(store, "of/saved/", testkit.ShapeNamed("docker-20").Members(f)) // has HEX/layer.tar
	setMembers(store, "of/both/", testkit.ShapeNamed("docker-25").Members(f))
	archive := testkit.ShapeNamed("docker-20").Archive(f)
	store.Set("of/app.tar", archive)
	store.Set("of/layout/next/app.tar", archive) // beside the blobs, but not one of them
	store.Set("of/web/manifest.json", []byte(`{"name":"an app in a browser"}`))
	store.Set("of/web/app.tar", archive)
	store.Set("of/broken/oci-layout", []byte(`{}`))
	store.Set("of/broken/index.json", []byte(`not JSON`))
	store.Set("of/half/index.json", []byte(`{}`))
	var refs []string
	list := func(ctx context.Context) error {
		refs = nil
		return source.BucketArchives(ctx, "s3://fleet/of/", source.Options{}, func(images []source.LocalImage) error {
			for _, im := range images {
				refs = append(refs, im.Ref)
			}
			return nil
		})
	}
	if err := list(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"s3://fleet/of/app.tar", "s3://fleet/of/both/", "s3://fleet/of/broken/", "s3://fleet/of/layout/", "s3://fleet/of/layout/next/app.tar",
		"s3://fleet/of/saved/", "s3://fleet/of/several/:a:1", "s3://fleet/of/several/:a:2", "s3://fleet/of/web/app.tar",
	}
	slices.Sort(refs)
	if !slices.Equal(refs, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(refs, "\n"), strings.Join(want, "\n"))
	}
	for _, ref := range refs {
		if !strings.Contains(ref, "broken") {
			open(t, ref, source.Options{})
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := list(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
