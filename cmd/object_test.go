package cmd

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/internal/testkit"
)

// TestObjectReports checks that an archive in a bucket has the same report, and the same contents,
// as the archive in a file.
func TestObjectReports(t *testing.T) {
	store := testkit.NewS3(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PEEL_OFFLINE", "")
	plain, err := os.ReadFile("../testdata/sample.tar")
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for key, b := range map[string][]byte{"app.tar": plain, "of team:a/all (1)+2@3.tar.gz": packed.Bytes()} {
		t.Run(key, func(t *testing.T) {
			store.Set(key, b)
			file := filepath.Join(t.TempDir(), "app.tar")
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			ref := "s3://fleet/" + key
			want := strings.ReplaceAll(must(t, "report", file, "-f", "json"), file, ref)
			if got := must(t, "report", ref, "-f", "json"); got != want {
				t.Errorf("the report differs:\n%.2000s", got)
			}
			if got := must(t, "report", ref+":shop:1.4", "-f", "json"); got != want {
				t.Errorf("the report by tag differs:\n%.2000s", got)
			}
			args := []string{"/srv/shop/.env", "--at", "9"}
			want = must(t, append([]string{"cat", file}, args...)...)
			if got := must(t, append([]string{"cat", ref}, args...)...); got != want {
				t.Errorf("cat: %q, want %q", got, want)
			}
		})
	}
}

// untar unpacks the regular files of an archive into a folder, and stores them as objects too.
func untar(t *testing.T, archive, dir string, store *testkit.S3, prefix string) {
	t.Helper()
	eachTarFile(t, archive, func(name string, content []byte) {
		write(t, filepath.Join(dir, name), content)
		store.Set(prefix+name, content)
	})
}

// TestLayoutReports checks that a layout in a bucket has the same report, and the same contents, as
// the layout in a folder.
func TestLayoutReports(t *testing.T) {
	store := testkit.NewS3(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PEEL_OFFLINE", "")
	for _, name := range []string{"sample", "docker20", "docker29"} {
		dir := filepath.Join(t.TempDir(), "app")
		untar(t, "../testdata/"+name+".tar", dir, store, name+"/")
		for _, ref := range []string{"s3://fleet/" + name + "/", "s3://fleet/" + name} {
			want := strings.ReplaceAll(must(t, "report", dir, "-f", "json"), dir, ref)
			if got := must(t, "report", ref, "-f", "json"); got != want {
				t.Errorf("%s: the report differs:\n%.2000s\nwant\n%.2000s", ref, got, want)
			}
			if name == "sample" {
				args := []string{"/srv/shop/.env", "--at", "9"}
				want = must(t, append([]string{"cat", dir}, args...)...)
				if got := must(t, append([]string{"cat", ref + ":shop:1.4"}, args...)...); got != want {
					t.Errorf("cat: %q, want %q", got, want)
				}
			}
		}
	}
}

// TestObjectErrors checks the messages for objects that cannot be read.
func TestObjectErrors(t *testing.T) {
	store := testkit.NewS3(t)
	t.Setenv("PEEL_OFFLINE", "")
	plain, err := os.ReadFile("../testdata/sample.tar")
	if err != nil {
		t.Fatal(err)
	}
	store.Set("app.tar", plain)
	store.Set("cut.tar", plain[:len(plain)/2])
	store.Set("text.tar", []byte("no archive"))
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"s3://fleet/none.tar"}, "s3://fleet/: no object none.tar"},
		{[]string{"s3://fleet/none/"}, "no object index.json or manifest.json below it"},
		{[]string{"s3://fleet/"}, "no object index.json or manifest.json below it"},
		{[]string{"s3:///app/"}, "write s3://BUCKET/PREFIX/"},
		{[]string{"s3://fleet/app.tar:other"}, `it has no image "other"`},
		{[]string{"s3://other/app.tar"}, "no such bucket"},
		{[]string{"s3://fleet"}, "write s3://BUCKET/KEY"},
		{[]string{"s3://fleet/a\x1bb"}, "write s3://BUCKET/KEY"},
		{[]string{"s3://fleet/cut.tar"}, "cut"},
		{[]string{"s3://fleet/text.tar"}, "not an image"},
		{[]string{"s3://fleet/app.tar", "--offline"}, "--offline"},
	} {
		r := peel(append([]string{"report"}, test.args...)...)
		if r.code != exitWork || !strings.Contains(r.err, test.want) || strings.Contains(r.err, "\x1b") {
			t.Errorf("%q: exit code %d, %s", test.args, r.code, r.err)
		}
	}
	store.SetFault(func(w http.ResponseWriter, r *http.Request) bool {
		return r.Method == http.MethodGet && testkit.RefuseS3(w, http.StatusForbidden, "AccessDenied")
	})
	r := peel("report", "s3://fleet/app.tar")
	if r.code != exitWork || !strings.Contains(r.err, "AccessDenied") || strings.Contains(r.err, "secret-of-the-store") {
		t.Errorf("denied: exit code %d, %s", r.code, r.err)
	}
}

// TestFleetOfObjects checks that a fleet of the archives and the layout in a bucket has the images
// of the same files in a folder, and that its layers can be read.
func TestFleetOfObjects(t *testing.T) {
	bucket := testkit.NewS3(t)
	t.Setenv("PEEL_OFFLINE", "")
	dir := t.TempDir()
	for _, name := range []string{"sample.tar", "docker20.tar", "docker29.tar"} {
		b, err := os.ReadFile("../testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "images", name), b)
		bucket.Set("of/"+name, b)
	}
	untar(t, "../testdata/sample.tar", filepath.Join(dir, "images", "layout"), bucket, "of/layout/")
	bucket.Set("of/notes.txt", []byte("not an archive"))
	bucket.Set("of/notes.tar", []byte("not an archive either"))
	bucket.Set("other/app.tar", []byte("outside of the prefix"))
	describe := func(source string) (images []string) {
		p, s := analysedFleet(t, 1, source)
		err := p.Each(t.Context(), func(im *fleet.PlanImage) error {
			an, err := fleet.AnalyzeStored(t.Context(), s, im, nil)
			if err != nil {
				return err
			}
			images = append(images, fmt.Sprintf("%s %s %v %+v", im.Name, im.Digest, im.Layers, an.Totals))
			return nil
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(images)
		return images
	}
	want := describe(filepath.Join(dir, "images"))
	if got := describe("s3://fleet/of/"); !slices.Equal(got, want) || len(got) < 4 {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// TestStoreRequests holds the requests to a store to the figures in docs/fleet/scale.md.
func TestStoreRequests(t *testing.T) {
	bucket := testkit.NewS3(t)
	t.Setenv("PEEL_OFFLINE", "")
	plan := filepath.Join(t.TempDir(), "plan")
	if made := peel("fleet", "plan", "../testdata/sample.tar", "../testdata/docker20.tar", "../testdata/docker29.tar", "-o", plan); made.code != 0 {
		t.Fatalf("%+v", made)
	}
	p, err := fleet.OpenPlan(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	images, layers, uses := int(p.End.Images), int(p.End.Layers), 0
	err = p.Each(t.Context(), func(im *fleet.PlanImage) error { uses += len(im.Layers); return nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	const open = 6 // of the store, and the plan
	asked := 0
	for i, step := range []struct {
		args []string
		most int
	}{
		{[]string{"index", plan, "--to", "s3://fleet/store"}, 3*layers + 5*images + open},
		{[]string{"index", plan, "--to", "s3://fleet/store"}, layers + images + open},
		{[]string{"analyze", plan, "--to", "s3://fleet/store"}, 2*uses + 2*images + 6 + open},
		{[]string{"analyze", plan, "--to", "s3://fleet/store"}, 1 + open},
		{[]string{"report", "s3://fleet/store"}, 16 + open},
	} {
		if r := peel(append([]string{"fleet"}, step.args...)...); r.code != 0 {
			t.Fatalf("%q: %+v", step.args, r)
		}
		all := bucket.Asked()
		if n := len(all) - asked; n > step.most {
			t.Errorf("%d: %s: %d requests for %d images with %d layers, %d uses; want at most %d:\n%s", i, step.args[0], n, images, layers, uses, step.most, strings.Join(all[asked:], "\n"))
		}
		asked = len(all)
	}
}
