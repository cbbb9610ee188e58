package analyze_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

var update = flag.Bool("update", false, "write the goldens anew, and into the fixtures what the naive overlay says (to be read before it is committed)")

// stated lists the sections that every fixture has.
var stated = []string{"tree", "removed", "waste", "totals", "layers"}

// TestNaiveFixtures compares the naive overlay with the facts in the fixtures. With -update it
// writes these sections instead, as a draft for a new fixture that doesn't depend on peel.
func TestNaiveFixtures(t *testing.T) {
	for _, f := range testkit.Fixtures(t, "../testdata") {
		t.Run(f.Name, func(t *testing.T) {
			for _, im := range f.Images {
				if im.Absent != "" {
					continue
				}
				got := naiveFacts(overlayOf(im))
				if *update {
					for _, name := range stated {
						im.Want[name] = *got.sections()[name]
					}
					continue
				}
				for _, name := range stated {
					if im.Want[name] == nil {
						t.Errorf("%s has no section %q", im.Tag, name)
					}
				}
				want := fixtureFacts(im)
				want.flaws = nil // the scanner finds some of them
				if d := differences(got, want); d != "" {
					t.Errorf("%s %s:\n%s", im.Tag, im.Platform, d)
				}
			}
			if *update {
				rewriteFixture(t, f)
			}
		})
	}
}

// TestFixtures compares peel with the facts in the fixtures, in every shape that a fixture can
// take.
func TestFixtures(t *testing.T) {
	for _, f := range testkit.Fixtures(t, "../testdata") {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			for _, shape := range testkit.Sample(testkit.Sample(f.Shapes())) { // with -short, only one of them
				t.Run(shape.Name, func(t *testing.T) {
					path := shape.Write(t, f)
					for _, im := range f.Images {
						if im.Absent != "" {
							continue
						}
						ref, platform := f.Ref(path, im)
						check(t, run(t, ref, source.Options{Platform: platform}), im)
						if ref == path && !shape.Dir {
							b, err := os.ReadFile(path)
							if err != nil {
								t.Fatal(err)
							}
							check(t, run(t, "-", source.Options{Platform: platform, Stdin: bytes.NewReader(b)}), im)
						}
					}
				})
			}
		})
	}
}

// run opens an image and analyses it.
func run(t testing.TB, ref string, opts source.Options) *analyze.Analysis {
	t.Helper()
	im, err := source.Open(t.Context(), ref, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	a, err := analyze.Run(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func check(t *testing.T, a *analyze.Analysis, im *testkit.Image) {
	t.Helper()
	want := fixtureFacts(im)
	if want.flaws == nil {
		want.flaws = []string{}
	}
	slices.Sort(want.flaws)
	if d := differences(peelFacts(a), want); d != "" {
		t.Errorf("%s %s:\n%s", im.Tag, im.Platform, d)
	}
	checkSums(t, a)
}

// checkSums checks that the figures add up, as they must for every image.
func checkSums(t testing.TB, a *analyze.Analysis) {
	t.Helper()
	tot := a.Totals
	var stored, wasted, hides, causes, rows int64
	for _, l := range a.Layers {
		stored, wasted, hides = stored+l.Stored, wasted+l.Wasted, hides+l.Hides
	}
	for _, c := range a.Causes {
		causes += c.Bytes
	}
	for _, w := range a.Waste.All() {
		rows += w.Bytes
	}
	for name, ok := range map[string]bool{
		"stored is the layers' sum":       stored == tot.Stored,
		"visible and wasted are stored":   tot.Visible+tot.Wasted == tot.Stored,
		"wasted is the layers' sum":       wasted == tot.Wasted,
		"wasted is what layers hide":      hides == tot.Wasted,
		"wasted is the causes' sum":       causes == tot.Wasted,
		"wasted is the rows' sum":         rows == tot.Wasted,
		"nothing is negative":             tot.Visible >= 0 && tot.Wasted >= 0,
		"efficiency is a share":           tot.Efficiency >= 0 && tot.Efficiency <= 1,
		"user waste is at most 100 %":     tot.UserWastedRatio >= 0 && tot.UserWastedRatio <= 1,
		"user layers store no more":       tot.UserStored <= tot.Stored,
		"layers are as many as the image": tot.Layers == len(a.Layers),
	} {
		if !ok {
			t.Errorf("not so: %s: %+v", name, tot)
		}
	}
}

// TestSamples checks that an image as two real engines wrote it gives the same tree and the
// figures counted by hand (see testdata/README.md).
func TestSamples(t *testing.T) {
	for _, name := range []string{"docker20.tar", "docker29.tar"} {
		t.Run(name, func(t *testing.T) {
			a := run(t, filepath.Join("../testdata", name), source.Options{})
			want := &facts{
				totals: []string{"entries 24 stored 2178876 visible 2047798 wasted 131078"},
				waste: []string{
					"65536 metadata layer 1 by 2 /data/big",
					"65536 identical layer 2 by 4 /data/big",
					"2 opaque layer 1 by 3 /data/d/f1",
					"2 opaque layer 1 by 3 /data/d/f2",
					"2 opaque layer 1 by 3 /data/d/f3",
				},
				flaws: []string{},
			}
			got := peelFacts(a)
			if d := differences(got, want); d != "" {
				t.Error(d)
			}
			testkit.Golden(t, "../testdata/docker.facts", got.text(), *update)
		})
	}
}

// rewriteFixture writes the stated sections after each image's layers.
func rewriteFixture(t *testing.T, f *testkit.Fixture) {
	t.Helper()
	file := filepath.Join("../testdata", f.Name+".image")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	image, section := -1, ""
	end := func() {
		if image < 0 || f.Images[image].Absent != "" {
			return
		}
		for _, name := range stated {
			out = append(out, fmt.Sprintf("-- %s --", name))
			out = append(out, f.Images[image].Want[name]...)
		}
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if head, ok := strings.CutPrefix(line, "-- "); ok {
			section = strings.Fields(head)[0]
			switch {
			case section == "image":
				end()
				image++
			case image < 0:
				image = 0
			}
		}
		if !slices.Contains(stated, section) {
			out = append(out, line)
		}
	}
	end()
	if err := os.WriteFile(file, []byte(strings.Join(out, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestUserWaste checks that user waste counts the wasted bytes that user layers store, even
// those that hide bytes of the base.
func TestUserWaste(t *testing.T) {
	path := testkit.ShapeNamed("docker-20").Write(t, testkit.Load(t, "../testdata/base-hidden.image"))
	for base, want := range map[string]analyze.Totals{
		"":  {BaseLayers: 1, UserStored: 30, UserWasted: 10, UserWastedRatio: 1.0 / 3, BaseHidden: 1000},
		"0": {BaseLayers: 0, UserStored: 1530, UserWasted: 1010, UserWastedRatio: 1010.0 / 1530},
		"2": {BaseLayers: 2, UserStored: 20, BaseHidden: 10},
		"3": {BaseLayers: 3},
	} {
		im, err := source.Open(t.Context(), path, source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		a, err := analyze.Run(t.Context(), im, analyze.Options{Base: base})
		if err := errors.Join(err, im.Close()); err != nil {
			t.Fatal(err)
		}
		got := a.Totals
		got = analyze.Totals{
			BaseLayers: got.BaseLayers, UserStored: got.UserStored, UserWasted: got.UserWasted,
			UserWastedRatio: got.UserWastedRatio, BaseHidden: got.BaseHidden,
		}
		if got != want {
			t.Errorf("base %q: %+v, want %+v", base, got, want)
		}
	}
}

// TestCompressed checks that the compressed size is the sum of the blobs' sizes, and unknown if
// any layer is stored uncompressed.
func TestCompressed(t *testing.T) {
	f := testkit.Load(t, "../testdata/hardlink-all-removed.image")
	for name, known := range map[string]bool{
		"docker-20": false, "docker-25": false, "oci-mixed": false,
		"kaniko": true, "containerd": true, "oci-tar-zstd": true, "oci-dir": true,
	} {
		shape := testkit.ShapeNamed(name)
		a := run(t, shape.Write(t, f), source.Options{})
		want := int64(-1)
		if known {
			want = 0
			for _, l := range a.Image.Layers {
				want += l.CompressedBytes
			}
		}
		if a.Totals.Compressed != want || known && want <= 0 {
			t.Errorf("%s: got %d compressed bytes, want %d", name, a.Totals.Compressed, want)
		}
	}
}
