package layer

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// unlike returns the differences between two lists of entries, or "" if there are none.
func unlike(a, b *Entries) string {
	if a.Len() != b.Len() {
		return fmt.Sprintf("%d entries and %d", a.Len(), b.Len())
	}
	for i := range a.Len() {
		x, y := a.At(i), b.At(i)
		same := maps.Equal(x.Xattrs, y.Xattrs) && a.offset(i) == b.offset(i)
		x.Xattrs, y.Xattrs = nil, nil
		if !same || fmt.Sprintf("%+v", x) != fmt.Sprintf("%+v", y) {
			return fmt.Sprintf("entry %d: at %d %+v and at %d %+v", i, a.offset(i), a.At(i), b.offset(i), b.At(i))
		}
	}
	if !slices.Equal(a.flaws, b.flaws) {
		return fmt.Sprintf("flaws %v and %v", a.flaws, b.flaws)
	}
	return ""
}

// thereAndBack encodes entries and decodes them again.
func thereAndBack(t testing.TB, e *Entries) []byte {
	t.Helper()
	b, ok := appendEntries(nil, e)
	if !ok {
		t.Fatal("the entries can't be encoded")
	}
	r := NewDecoder(b, nil)
	got := r.entries()
	if r.bad || len(r.b) > 0 {
		t.Fatalf("the encoded entries can't be decoded: %d bytes are left", len(r.b))
	}
	if diff := unlike(e, got); diff != "" {
		t.Fatal(diff)
	}
	return b
}

func TestCodecOfFixtures(t *testing.T) {
	for _, f := range testkit.Fixtures(t, "../../testdata") {
		for _, im := range f.Images {
			for _, l := range im.Layers {
				scanned, err := scanTar(t.Context(), newStreamInput(bytes.NewReader(l.Tar())), true, &ScanOptions{})
				if err != nil {
					continue // the layer isn't a tar, or is broken
				}
				thereAndBack(t, scanned.Entries)
			}
		}
	}
}

// randomEntries makes up entries, both likely and unlikely ones.
func randomEntries(r *rand.Rand) *Entries {
	odd := func() int64 {
		return []int64{0, 1, -1, 1000, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64, math.MinInt64, r.Int64()}[r.IntN(9)]
	}
	text := func(n int) string {
		return strings.Repeat(string(rune('a'+r.IntN(3))), r.IntN(n)) + string([]byte{byte(r.Uint32())})
	}
	e := &Entries{}
	var offset int64
	name := ""
	for range r.IntN(50) {
		h := Record{Type: Type(r.IntN(len(typeNames))), Mode: int64(r.IntN(0o10000)), UID: int64(r.IntN(3)), Sec: 1700000000}
		name = name[:r.IntN(len(name)+1)] + "/" + text(20)
		h.Name = []byte(name)
		if r.IntN(20) == 0 {
			h.Name = bytes.Repeat([]byte("x"), maxName)
		}
		switch h.Type {
		case File:
			h.Size = int64(r.IntN(100000))
			h.Stored = h.Size
		case Hardlink, Symlink:
			h.Link = []byte(text(300))
		case Char, Block:
			h.Major, h.Minor = odd(), odd()
		}
		if r.IntN(8) == 0 {
			h.UID, h.GID, h.Sec, h.Nsec = odd(), odd(), odd(), uint32(r.IntN(1e9))
		}
		if r.IntN(8) == 0 {
			h.Xattrs = map[string]string{text(9): text(9), "user." + text(9): ""}
		}
		if h.Type == File && r.IntN(8) == 0 {
			h.Sparse, h.Size = true, max(0, odd())
			h.Stored = h.Size / 3
		}
		offset += int64(1+r.IntN(4)) * blockSize
		h.Offset = offset
		if err := e.Add(&h); err != nil {
			panic(err)
		}
		if h.Type == File && r.IntN(2) == 0 {
			e.setSum(e.count-1, r.Uint64(), XXH3)
		}
		offset += h.Stored
	}
	if r.IntN(3) == 0 {
		e.flaws = append(e.flaws, Flaw{Path: name, Problem: text(40)}, Flaw{Problem: "x"})
	}
	return e
}

func TestCodecOfRandomEntries(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range testkit.Rounds(2000) {
		thereAndBack(t, randomEntries(r))
	}
}

// TestCodecRefuses checks that the codec refuses entries that no scan produces, and names that
// would take far more room in memory than in the file.
func TestCodecRefuses(t *testing.T) {
	for name, change := range map[string]func(*item){
		"type":          func(m *item) { m.Type = 7 },
		"offset":        func(m *item) { m.Offset = -1 },
		"size":          func(m *item) { m.Size = -1 },
		"mode":          func(m *item) { m.Mode = 0o10000 },
		"time":          func(m *item) { m.Nsec = 1e9 },
		"folder's size": func(m *item) { m.Type = Dir },
		"file's link":   func(m *item) { m.Link = []byte("b") },
		"holes":         func(m *item) { m.Sparse, m.Stored = true, 2 },
	} {
		m := item{Record: Record{Name: []byte("a"), Size: 1, Stored: 1, Offset: 512}}
		if !m.plausible() {
			t.Fatal("an ordinary file isn't plausible")
		}
		if change(&m); m.plausible() {
			t.Errorf("%s is plausible", name)
		}
		b := m.append([]byte{1, 1, 0}, &item{}) // one entry, a name of one byte, no rare fields; a folder can't have a size
		if e := NewDecoder(append(b, 0), nil).entries(); e != nil && name != "folder's size" {
			t.Errorf("%s is decoded as %+v", name, e.At(0))
		}
	}
	odd := &Entries{}
	if err := odd.Add(&Record{Name: []byte("a"), Nsec: 1e9, Offset: 512}); err != nil {
		t.Fatal(err)
	}
	if _, ok := appendEntries(nil, odd); ok {
		t.Error("a time with a billion nanoseconds is encoded")
	}
	e := &Entries{}
	for range 1000 {
		if err := e.Add(&Record{Name: bytes.Repeat([]byte("x"), 5000), Offset: 512}); err != nil {
			t.Fatal(err)
		}
	}
	b, ok := appendEntries(nil, e)
	if ok {
		t.Error("5 MB of names are encoded")
	}
	if NewDecoder(b, nil).entries() != nil {
		t.Error("5 MB of names are decoded")
	}
}

// FuzzCacheEntries decodes any bytes as a layer's entries. Entries that can be decoded must
// survive a round trip, and never take more memory than the bytes can represent.
func FuzzCacheEntries(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		b, _ := appendEntries(nil, randomEntries(r))
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e := NewDecoder(b, nil).entries()
		if e == nil {
			return
		}
		text := 0
		for _, run := range e.text.runs {
			text += len(run)
		}
		if text > (textRatio+1)*len(b)+runSize || e.Len() > len(b) {
			t.Fatalf("got %d entries and %d bytes of names from %d bytes", e.Len(), text, len(b))
		}
		if written, ok := appendEntries(nil, e); ok {
			got := NewDecoder(written, nil).entries()
			if got == nil {
				t.Fatal("the encoded entries can't be decoded")
			}
			if diff := unlike(e, got); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// benchEntries returns the entries of a large layer, and the layer compressed with gzip.
func benchEntries(b *testing.B) (*Entries, []byte) {
	b.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	var text strings.Builder
	text.WriteString("-- layer --\n")
	for i := range 20000 {
		fmt.Fprintf(&text, "file usr/share/pkg%03d/dir%02d/file%04d.txt %d seed=%d mtime=%d\n", i/200, i/20%10, i, r.IntN(4000), i, 1700000000+i/100)
	}
	f, err := testkit.Parse(text.String())
	if err != nil {
		b.Fatal(err)
	}
	tar := f.Images[0].Layers[0].Tar()
	scanned, err := scanTar(b.Context(), newStreamInput(bytes.NewReader(tar)), true, &ScanOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return scanned.Entries, testkit.Gzip(tar)
}

// BenchmarkCache measures the cache's costs and savings: encoding and decoding a layer's 20,000
// entries, compared with scanning them.
func BenchmarkCache(b *testing.B) {
	e, packed := benchEntries(b)
	form, ok := appendEntries(nil, e)
	if !ok {
		b.Fatal("not written")
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = appendEntries(nil, e)
		}
		b.ReportMetric(float64(len(form))/float64(e.Len()), "bytes/entry")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if NewDecoder(form, nil).entries() == nil {
				b.Fatal("not read")
			}
		}
	})
	path := b.TempDir() + "/layer"
	if err := os.WriteFile(path, packed, 0o600); err != nil {
		b.Fatal(err)
	}
	at, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer at.Close()
	layer := newPackedTar(&blob{r: at, size: int64(len(packed))}, Gzip, nil)
	b.Run("digest", func(b *testing.B) {
		for b.Loop() {
			if _, digest := layer.digest(b.Context(), &ScanOptions{}); digest == "" {
				b.Fatal("not read")
			}
		}
	})
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := layer.scan(b.Context(), &ScanOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
