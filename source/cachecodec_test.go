package source

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

// fixtureEntries returns the entries of every layer of a fixture, as the shape
// stores it.
func fixtureEntries(t testing.TB, f *testkit.Fixture, shape testkit.Shape) (all []*Entries) {
	t.Helper()
	path := shape.Write(t, f)
	for _, want := range f.Images {
		if want.Absent != "" {
			continue
		}
		ref, platform := f.Ref(path, want)
		im, err := Open(t.Context(), ref, Options{Platform: platform})
		if err != nil {
			t.Fatal(err)
		}
		if err := im.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, l := range im.Layers {
			if l.Entries != nil {
				all = append(all, l.Entries)
			}
		}
		if err := im.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// unlike says in what two lists of entries differ, "" if in nothing.
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

// thereAndBack writes entries and reads them again.
func thereAndBack(t testing.TB, e *Entries) []byte {
	t.Helper()
	b, ok := appendEntries(nil, e)
	if !ok {
		t.Fatal("there is no form for the entries")
	}
	r := &cacheReader{b: b}
	got := r.entries()
	if r.bad || len(r.b) > 0 {
		t.Fatalf("what was written cannot be read: %d bytes are left", len(r.b))
	}
	if diff := unlike(e, got); diff != "" {
		t.Fatal(diff)
	}
	return b
}

func TestCacheCodecOfFixtures(t *testing.T) {
	for _, f := range testkit.Fixtures(t, "../testdata") {
		for _, shape := range f.Shapes() {
			if name := shape.Name; name == "docker-25" || name == "oci-tar" || name == "oci-zstd-chunked" {
				for _, e := range fixtureEntries(t, f, shape) {
					thereAndBack(t, e)
				}
			}
		}
	}
}

// randomEntries makes up entries: likely and unlikely ones.
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
		h := header{typ: Type(r.IntN(len(typeNames))), mode: int64(r.IntN(0o10000)), uid: int64(r.IntN(3)), sec: 1700000000}
		name = name[:r.IntN(len(name)+1)] + "/" + text(20)
		h.name = []byte(name)
		if r.IntN(20) == 0 {
			h.name = bytes.Repeat([]byte("x"), maxName)
		}
		switch h.typ {
		case File:
			h.size = int64(r.IntN(100000))
			h.stored = h.size
		case Hardlink, Symlink:
			h.link = []byte(text(300))
		case Char, Block:
			h.major, h.minor = odd(), odd()
		}
		if r.IntN(8) == 0 {
			h.uid, h.gid, h.sec, h.nsec = odd(), odd(), odd(), uint32(r.IntN(1e9))
		}
		if r.IntN(8) == 0 {
			h.xattrs = map[string]string{text(9): text(9), "user." + text(9): ""}
		}
		if h.typ == File && r.IntN(8) == 0 {
			h.sparse, h.size = true, max(0, odd())
			h.stored = h.size / 3
		}
		offset += int64(1+r.IntN(4)) * blockSize
		if err := e.add(&h, offset); err != nil {
			panic(err)
		}
		if h.typ == File && r.IntN(2) == 0 {
			e.setSum(e.count-1, r.Uint64(), XXH3)
		}
		offset += h.stored
	}
	if r.IntN(3) == 0 {
		e.flaws = append(e.flaws, Flaw{Path: name, Problem: text(40)}, Flaw{Problem: "x"})
	}
	return e
}

func TestCacheCodecOfRandomEntries(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		thereAndBack(t, randomEntries(r))
	}
}

// An entry that no scan gives has no form, and neither have names that would
// take far more room in memory than in the file.
func TestCacheCodecRefuses(t *testing.T) {
	for name, change := range map[string]func(*item){
		"type":          func(m *item) { m.typ = 7 },
		"offset":        func(m *item) { m.offset = -1 },
		"size":          func(m *item) { m.size = -1 },
		"mode":          func(m *item) { m.mode = 0o10000 },
		"time":          func(m *item) { m.nsec = 1e9 },
		"folder's size": func(m *item) { m.typ = Dir },
		"file's link":   func(m *item) { m.link = []byte("b") },
		"holes":         func(m *item) { m.sparse, m.stored = true, 2 },
	} {
		m := item{header: header{name: []byte("a"), size: 1, stored: 1}, offset: 512}
		if !m.plausible() {
			t.Fatal("an ordinary file is not plausible")
		}
		if change(&m); m.plausible() {
			t.Errorf("%s: it is plausible", name)
		}
		b := m.append([]byte{1, 1, 0}, &item{}) // one entry, a name of one byte, nothing rare; a folder's size has no form
		if e := (&cacheReader{b: append(b, 0)}).entries(); e != nil && name != "folder's size" {
			t.Errorf("%s: it is read as %+v", name, e.At(0))
		}
	}
	odd := &Entries{}
	if err := odd.add(&header{name: []byte("a"), nsec: 1e9}, 512); err != nil {
		t.Fatal(err)
	}
	if _, ok := appendEntries(nil, odd); ok {
		t.Error("a time with a whole second of nanoseconds is written")
	}
	e := &Entries{}
	for range 1000 {
		if err := e.add(&header{name: bytes.Repeat([]byte("x"), 5000)}, 512); err != nil {
			t.Fatal(err)
		}
	}
	b, ok := appendEntries(nil, e)
	if ok {
		t.Error("5 MB of names are written")
	}
	if (&cacheReader{b: b}).entries() != nil {
		t.Error("5 MB of names are read")
	}
}

// FuzzCacheEntries reads any bytes as a layer's entries: entries that are written
// and read again as they are, or none; and never more memory than the bytes can
// stand for.
func FuzzCacheEntries(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		b, _ := appendEntries(nil, randomEntries(r))
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e := (&cacheReader{b: b}).entries()
		if e == nil {
			return
		}
		text := 0
		for _, run := range e.text.runs {
			text += len(run)
		}
		if text > (textRatio+1)*len(b)+runSize || e.Len() > len(b) {
			t.Fatalf("%d entries and %d bytes of names of %d bytes", e.Len(), text, len(b))
		}
		if written, ok := appendEntries(nil, e); ok {
			got := (&cacheReader{b: written}).entries()
			if got == nil {
				t.Fatal("what is written cannot be read")
			}
			if diff := unlike(e, got); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// FuzzCacheMembers reads any bytes as what a stream holds.
func FuzzCacheMembers(f *testing.F) {
	for _, fixture := range testkit.Fixtures(f, "../testdata") {
		switch fixture.Name {
		case "hardlink-all-at-once", "tar-pax-xattr", "unreadable-xz", "several-images":
			for _, shape := range fixture.Shapes() {
				if !shape.Dir {
					st, err := readStream(f.Context(), bytes.NewReader(testkit.TarOf(shape.Members(fixture))), false, nil)
					if err != nil {
						f.Fatal(err)
					}
					if b, ok := writtenMembers(st.members); ok {
						f.Add(b)
					}
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &cacheReader{b: b}
		m, _ := r.members()
		if r.bad {
			return
		}
		o := opener{}
		if im, err := o.image(t.Context(), &stream{members: m}, "", anyForm); err == nil {
			for _, l := range im.Layers {
				for i := range l.Entries.Len() {
					_ = l.Entries.At(i)
				}
			}
		}
		_, _ = writtenMembers(m)
	})
}

// benchEntries are the entries of a large layer, and its bytes as gzip.
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
	path := testkit.ShapeNamed("docker-25").Write(b, f)
	im, err := Open(b.Context(), path, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer im.Close()
	if err := im.Scan(b.Context()); err != nil {
		b.Fatal(err)
	}
	l := im.Layers[0]
	tar := make([]byte, l.blob.size)
	if err := l.blob.readAt(tar, 0); err != nil {
		b.Fatal(err)
	}
	e, err := scanTar(b.Context(), newStreamInput(bytes.NewReader(tar)), true)
	if err != nil {
		b.Fatal(err)
	}
	return e, testkit.Gzip(tar)
}

// BenchmarkCache is what the cache costs and what it saves: writing and reading
// the entries of a layer, against scanning it; 20,000 entries.
func BenchmarkCache(b *testing.B) {
	e, packed := benchEntries(b)
	form, ok := appendEntries(nil, e)
	if !ok {
		b.Fatal("not written")
	}
	file := seal("x", layerKind, form)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			body, _ := appendEntries(nil, e)
			_ = seal("x", layerKind, body)
		}
		b.ReportMetric(float64(len(file))/float64(e.Len()), "bytes/entry")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			body, err := unseal("x", layerKind, file)
			if err != nil || (&cacheReader{b: body}).entries() == nil {
				b.Fatal("not read", err)
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
	layer := &blob{name: "layer", size: int64(len(packed)), at: at}
	b.Run("digest", func(b *testing.B) {
		for b.Loop() {
			if _, digest := layer.digest(b.Context(), nil); digest == "" {
				b.Fatal("not read")
			}
		}
	})
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if s := layer.scan(b.Context(), nil); s.err != nil {
				b.Fatal(s.err)
			}
		}
	})
}
