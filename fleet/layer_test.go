package fleet

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// testMemory bounds the memory of entries in tests, in bytes.
const testMemory = 64 << 20

// scanOptions returns the options that index uses, for one image.
func scanOptions(platform string) source.Options {
	return source.Options{Platform: platform, WideSums: true, Verify: true, Collect: analyze.Collectors()}
}

// throughStore writes a layer to a store and reads it back.
func throughStore(t testing.TB, l *source.Layer) *LayerIndex {
	t.Helper()
	const key = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	m := LayerMeta{Layer: key, Bytes: 7}
	for _, c := range analyze.Collectors() {
		m.Collectors = append(m.Collectors, c.Name)
	}
	b, err := encodeLayer(t.Context(), l, m)
	if err != nil {
		t.Fatal(err)
	}
	s := openTestStore(t)
	if _, err := s.Put(t.Context(), LayerName(key), bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatal(err)
	}
	x, err := ReadLayer(t.Context(), s, key, testMemory)
	if err != nil {
		t.Fatal(err)
	}
	if x.Packed != (l.CompressedBytes >= 0 && l.Digest != "") || x.Object != int64(len(b)) {
		t.Errorf("got layer %+v", x.LayerMeta)
	}
	return x
}

// unlike returns the differences between two lists of entries with facts, or "" if there are
// none.
func unlike(a, b *source.Entries, af, bf []source.Fact) string {
	if a.Len() != b.Len() {
		return fmt.Sprintf("%d entries and %d", a.Len(), b.Len())
	}
	var x, y source.EntryRow
	for i := range a.Len() {
		a.Row(i, &x)
		b.Row(i, &y)
		xattrs := maps.Equal(x.Xattrs, y.Xattrs)
		x.Xattrs, y.Xattrs = nil, nil
		if p, q := fmt.Sprintf("%+q %+v", x.Name, x), fmt.Sprintf("%+q %+v", y.Name, y); !xattrs || p != q {
			return fmt.Sprintf("entry %d: %s and %s", i, p, q)
		}
	}
	if !slices.Equal(a.Flaws(), b.Flaws()) {
		return fmt.Sprintf("flaws %v and %v", a.Flaws(), b.Flaws())
	}
	if len(af) != len(bf) {
		return fmt.Sprintf("%d facts and %d", len(af), len(bf))
	}
	for i := range af {
		if af[i].Collector != bf[i].Collector || af[i].Entry != bf[i].Entry || !bytes.Equal(af[i].Data, bf[i].Data) {
			return fmt.Sprintf("fact %d: %+v and %+v", i, af[i], bf[i])
		}
	}
	return ""
}

// checkImage compares each layer read back with its scan.
func checkImage(t *testing.T, ref, platform string) {
	t.Helper()
	im, err := source.Open(t.Context(), ref, scanOptions(platform))
	if err == nil {
		defer im.Close()
		err = im.Scan(t.Context())
	}
	if err != nil {
		return // an image that is rejected or has broken layers
	}
	for _, l := range im.Layers {
		if l.Err != nil {
			continue
		}
		if err := l.Widen(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := checkComplete(l); err != nil {
			t.Error(err)
		}
		x := throughStore(t, l)
		if d := unlike(l.Entries, x.Entries, l.Facts, x.Facts); d != "" {
			t.Errorf("layer %d: %s", l.Index, d)
		}
	}
}

// TestLayersOfFixtures checks that a layer's object has everything from its scan, for any
// layer.
func TestLayersOfFixtures(t *testing.T) {
	for _, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			for _, shape := range f.Shapes() {
				if shape.Name != "oci-dir" && shape.Name != "docker-25" && shape.Name != "oci-mixed" && shape.Name != "docker-20" && len(f.Only) == 0 {
					continue
				}
				path := shape.Write(t, f)
				for _, im := range f.Images {
					if im.Absent == "" {
						ref, platform := f.Ref(path, im)
						checkImage(t, ref, platform)
					}
				}
			}
		})
	}
}

func TestLayersOfRandomImages(t *testing.T) {
	for seed := range testkit.Rounds(uint64(150)) {
		f := &testkit.Fixture{Name: "random", Images: []*testkit.Image{testkit.Throw(seed).Image()}}
		checkImage(t, testkit.ShapeNamed("oci-mixed").Write(t, f), "")
	}
	checkImage(t, "../testdata/sample.tar", "")
}

// TestWideSums checks that 128-bit checksums are those of the contents, however the contents
// are read.
func TestWideSums(t *testing.T) {
	for _, shape := range []string{"oci-dir", "oci-dir-plain", "oci-tar-zstd", "docker-20", "docker-20.gz"} {
		f, err := testkit.Parse("-- layer --\nfile a 0\nfile b 1\nfile c 240\nfile d 241\nfile e 100000\nfile f " + testkit.Size("3000000", "600000") + "\nfile g 70000 sparse=1.0 data=65536+1\nhardlink h -> b\n")
		if err != nil {
			t.Fatal(err)
		}
		im, err := source.Open(t.Context(), testkit.ShapeNamed(shape).Write(t, f), source.Options{WideSums: true, KeepContent: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = im.Close() })
		if err := im.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkSums(t.Context(), t, im.Layers[0], shape)
	}
}

// checkSums checks the checksums of a layer's files against their contents.
func checkSums(ctx context.Context, t *testing.T, l *source.Layer, name string) {
	t.Helper()
	for i := range l.Entries.Len() {
		wide, known := l.Entries.Wide(i)
		if l.Entries.Type(i) != source.File {
			if known {
				t.Errorf("%s: entry %d has a checksum", name, i)
			}
			continue
		}
		r, err := l.Open(ctx, i)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		want, narrow := xxh3.Hash128(b.Bytes()).Bytes(), xxh3.Hash(b.Bytes())
		if got, _, _ := l.Entries.Checksum(i); !known || wide != want || got != narrow {
			t.Errorf("%s: entry %d: got %x, want %x (%v), and %x, want %x", name, i, wide, want, known, got, narrow)
		}
	}
}
