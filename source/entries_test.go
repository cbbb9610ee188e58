package source

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestEntries adds entries of every kind, more than a block and names longer than
// a run have room for, and finds each as it was added.
func TestEntries(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	pick := func(of ...int64) int64 { return of[r.IntN(len(of))] }
	names := []string{
		"", "/", "//", ".", "./", "..", "a", "a/", "a//", "/a", "//a//", "a/.", "a/..", "a/./b", "./a", "./a/b/",
		"usr/lib/", "usr/lib/x", "usr/lib/y", "usr/", "usr/lib64/x", "usr/lib/z/", strings.Repeat("n", 127), strings.Repeat("n", 128),
		strings.Repeat("deep/", 400) + "x", strings.Repeat("n", runSize), strings.Repeat("n", maxName), strings.Repeat("d/", maxName/2),
	}
	e := &Entries{}
	var want []Entry
	var offsets []int64
	for i := range 5 * recordsPerBlock / 2 {
		h := header{
			name: []byte(names[r.IntN(len(names))]), typ: Type(r.IntN(len(typeNames))), mode: pick(0o644, 0o755, 0o7777),
			uid: pick(0, 0, 0, 1000, -1, math.MaxInt64), gid: pick(0, 0, 5, math.MaxUint32+1),
			sec: pick(0, 1700000000, 1700000001, -1, math.MaxUint32, math.MaxUint32+1, math.MinInt64/4), size: pick(0, 1, math.MaxUint32, math.MaxUint32+1, 1<<60),
		}
		if len(h.name) > 5000 && r.IntN(20) > 0 {
			h.name = fmt.Appendf(nil, "usr/share/doc/%d/file%d", i/20, i)
		}
		if r.IntN(5) == 0 {
			h.nsec = uint32(r.IntN(1e9))
		}
		if r.IntN(10) == 0 {
			h.xattrs = map[string]string{"user.a": fmt.Sprint(r.IntN(2))}
		}
		if h.typ == Symlink || h.typ == Hardlink {
			h.link = []byte(names[r.IntN(len(names))])
		}
		if h.typ == Char {
			h.major, h.minor = 1, pick(0, 3)
		}
		h.stored = h.size
		if h.sparse = h.typ == File && r.IntN(10) == 0; h.sparse {
			h.stored = h.size / 2
		}
		offset := pick(0, 512, 1<<41-512, 1<<41, 1<<50, 513)
		if err := e.add(&h, offset); err != nil {
			t.Fatal(err)
		}
		w := Entry{
			Name: string(h.name), Link: string(h.link), Type: h.typ, Mode: uint32(h.mode), UID: h.uid, GID: h.gid,
			Time: time.Unix(h.sec, int64(h.nsec)).UTC(), Size: h.size, Stored: h.stored, Major: h.major, Minor: h.minor, Xattrs: h.xattrs,
		}
		if h.typ == File && r.IntN(3) == 0 {
			w.Sum, w.Kind, w.Summed = r.Uint64(), SumKind(r.IntN(2)), true
			e.setSum(i, w.Sum, w.Kind)
		}
		want, offsets = append(want, w), append(offsets, offset)
	}
	e.done()
	check := func() {
		t.Helper()
		if e.Len() != len(want) {
			t.Fatalf("%d entries, want %d", e.Len(), len(want))
		}
		for i, w := range want {
			if got := e.At(i); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", w) {
				t.Fatalf("entry %d is\n%.300v\nwant\n%.300v", i, got, w)
			}
			if e.offset(i) != offsets[i] || e.Size(i) != w.Size || e.Stored(i) != w.Stored || e.Type(i) != w.Type || string(e.LinkBytes(i)) != w.Link {
				t.Fatalf("entry %d: at %d, %d bytes, stored %d, %s, link %.100q", i, e.offset(i), e.Size(i), e.Stored(i), e.Type(i), e.LinkBytes(i))
			}
			dir, base := e.DirBytes(e.Dir(i)), e.Base(i)
			if len(dir) > 0 && dir[len(dir)-1] != '/' || bytes.Contains(bytes.TrimRight(base, "/"), []byte("/")) {
				t.Fatalf("the name %.100q is split into %.100q and %.100q", w.Name, dir, base)
			}
		}
	}
	check()

	var kept []Entry
	var keptOffsets []int64
	for i := range want {
		if i%3 > 0 {
			kept, keptOffsets = append(kept, want[i]), append(keptOffsets, offsets[i])
		}
	}
	e.drop(func(i int) bool { return i%3 == 0 })
	want, offsets = kept, keptOffsets
	check()
}

// TestEntriesShareDirectories holds what a tar in the usual order costs: each
// directory's name once.
func TestEntriesShareDirectories(t *testing.T) {
	e := &Entries{}
	for _, name := range []string{"a/", "a/b/", "a/b/1", "a/b/2", "a/b/c/", "a/b/c/3", "a/d/", "a/d/4", "a/5", "e"} {
		if err := e.add(&header{name: []byte(name)}, 0); err != nil {
			t.Fatal(err)
		}
	}
	var dirs []string
	for i := range e.dirs {
		dirs = append(dirs, string(e.DirBytes(i)))
	}
	if got, want := strings.Join(dirs, " "), " a/ a/b/ a/b/c/ a/d/"; got != want {
		t.Errorf("the directories are %q, want %q", got, want)
	}
}
