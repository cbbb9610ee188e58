package source_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

const collectFixture = `-- layer --
file var/lib/db/status "one: 1"
file var/lib/db/other 5000000 seed=3
-- layer --
file usr/lib/odd "not a database"
file var/lib/db/status "one: 2"
`

// databases has one collector that keeps a file's content and one that extracts facts from
// another file.
var databases = []source.Collector{
	{
		Name:  "status/1",
		Wants: func(r *source.Record) bool { return strings.HasSuffix(string(r.Name), "lib/db/status") },
	},
	{
		Name:  "odd/1",
		Wants: func(r *source.Record) bool { return strings.HasSuffix(string(r.Name), "lib/odd") },
		Draw: func(string, io.Reader) ([]byte, error) {
			return nil, errors.New("not understood")
		},
	},
}

// TestCollect checks that facts come from the same files and are the same in every form, with
// the cache and without it. A file that a collector doesn't understand is a flaw.
func TestCollect(t *testing.T) {
	f, err := testkit.Parse(testkit.Size(collectFixture, strings.ReplaceAll(collectFixture, "5000000", "500000")))
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range []string{"docker-20", "docker-20.gz", "oci-dir", "oci-tar", "oci-tar-zstd", "oci-tar.gz"} {
		path, cache := testkit.ShapeNamed(shape).Write(t, f), t.TempDir()
		for _, when := range []string{"first", "without collectors", "cached", "cached once more"} {
			t.Run(shape+", "+when, func(t *testing.T) {
				opts := source.Options{Platform: "linux/amd64", Cache: cache, Collect: databases}
				if when == "without collectors" {
					opts.Collect = nil
				}
				im := open(t, path, opts)
				if err := im.Scan(t.Context()); err != nil {
					t.Fatal(err)
				}
				for k, want := range []string{"one: 1", "one: 2"} {
					l := im.Layers[k]
					if opts.Collect == nil {
						if len(l.Facts) > 0 {
							t.Errorf("layer %d: got facts without a collector: %v", k, l.Facts)
						}
						continue
					}
					if len(l.Facts) != 1 || l.Facts[0].Collector != "status/1" || string(l.Facts[0].Data) != want ||
						!strings.HasSuffix(l.Entries.At(l.Facts[0].Entry).Name, "lib/db/status") {
						t.Errorf("layer %d: got facts %+v, want %q of lib/db/status", k, l.Facts, want)
					}
				}
				if flaws := im.Layers[1].Flaws(); opts.Collect != nil && (len(flaws) != 1 || !strings.Contains(flaws[0].Problem, "odd/1: not understood")) {
					t.Errorf("flaws %v", flaws)
				}
			})
		}
	}
}

// TestCollectIsBounded checks the bound on what collectors may keep: large files aren't read.
func TestCollectIsBounded(t *testing.T) {
	testkit.Long(t, "it reads an image of 110 MB")
	f, err := testkit.Parse("-- layer --\nfile big 70000000 seed=1\nfile a 20000000 seed=2\nfile b 20000000 seed=3\n")
	if err != nil {
		t.Fatal(err)
	}
	everything := []source.Collector{{Name: "all/1", Wants: func(*source.Record) bool { return true }}}
	im := open(t, testkit.ShapeNamed("oci-tar").Write(t, f), source.Options{Platform: "linux/amd64", Collect: everything})
	if err := im.Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := im.Layers[0]
	if len(l.Facts) != 1 || l.Entries.At(l.Facts[0].Entry).Name != "a" || !bytes.Equal(l.Facts[0].Data, content(t, l, 1)) {
		t.Errorf("got %d facts, want only the content of the first 20 MB", len(l.Facts))
	}
	if flaws := l.Flaws(); len(flaws) != 2 {
		t.Errorf("got flaws %v, want one for each file that was left out", flaws)
	}
}

// TestBlobListedTwice checks that a blob that an image lists several times is read once.
func TestBlobListedTwice(t *testing.T) {
	f, err := testkit.Parse("-- layer --\nfile a 1000 seed=1\n-- layer --\nfile a 1000 seed=1\n-- layer --\nfile b 5 seed=1\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range []string{"docker-25", "oci-dir", "oci-tar", "oci-tar.gz"} {
		im := open(t, testkit.ShapeNamed(shape).Write(t, f), source.Options{Platform: "linux/amd64", KeepContent: true})
		if err := im.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		if im.Layers[0].Entries != im.Layers[1].Entries || im.Layers[1].Entries == im.Layers[2].Entries {
			t.Errorf("%s: the two layers with the same blob don't share their entries", shape)
		}
		if !bytes.Equal(content(t, im.Layers[0], 0), content(t, im.Layers[1], 0)) {
			t.Errorf("%s: the two layers have different content", shape)
		}
	}
}
