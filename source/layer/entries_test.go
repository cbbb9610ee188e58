package layer

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestEntries adds entries of every kind, more than fit in a block, some with names longer than
// a run can hold, and finds each unchanged.
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
		h := Record{
			Name: []byte(names[r.IntN(len(names))]), Type: Type(r.IntN(len(typeNames))), Mode: pick(0o644, 0o755, 0o7777),
			UID: pick(0, 0, 0, 1000, -1, math.MaxInt64), GID: pick(0, 0, 5, math.MaxUint32+1),
			Sec: pick(0, 1700000000, 1700000001, -1, math.MaxUint32, math.MaxUint32+1, math.MinInt64/4), Size: pick(0, 1, math.MaxUint32, math.MaxUint32+1, 1<<60),
		}
		if len(h.Name) > 5000 && r.IntN(20) > 0 {
			h.Name = fmt.Appendf(nil, "usr/share/doc/%d/file%d", i/20, i)
		}
		if r.IntN(5) == 0 {
			h.Nsec = uint32(r.IntN(1e9))
		}
		if r.IntN(10) == 0 {
			h.Xattrs = map[string]string{"user.a": fmt.Sprint(r.IntN(2))}
		}
		if h.Type == Symlink || h.Type == Hardlink {
			h.Link = []byte(names[r.IntN(len(names))])
		}
		if h.Type == Char {
			h.Major, h.Minor = 1, pick(0, 3)
		}
		h.Stored = h.Size
		if h.Sparse = h.Type == File && r.IntN(10) == 0; h.Sparse {
			h.Stored = h.Size / 2
		}
		h.Offset = pick(0, 512, 1<<41-512, 1<<41, 1<<50, 513)
		if err := e.Add(&h); err != nil {
			t.Fatal(err)
		}
		w := Entry{
			Name: string(h.Name), Link: string(h.Link), Type: h.Type, Mode: uint32(h.Mode), UID: h.UID, GID: h.GID,
			Time: time.Unix(h.Sec, int64(h.Nsec)).UTC(), Size: h.Size, Stored: h.Stored, Major: h.Major, Minor: h.Minor, Xattrs: h.Xattrs,
		}
		if h.Type == File && r.IntN(3) == 0 {
			w.Sum, w.Kind, w.Summed = r.Uint64(), SumKind(r.IntN(2)), true
			e.setSum(i, w.Sum, w.Kind)
		}
		want, offsets = append(want, w), append(offsets, h.Offset)
	}
	e.done()
	check := func() {
		t.Helper()
		if e.Len() != len(want) {
			t.Fatalf("%d entries, want %d", e.Len(), len(want))
		}
		for i, w := range want {
			if got := e.At(i); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", w) {
				t.Fatalf("entry %d: got\n%.300v\nwant\n%.300v", i, got, w)
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

// TestEntriesShareDirectories checks that a tar in the usual order stores each directory's name
// once.
func TestEntriesShareDirectories(t *testing.T) {
	e := &Entries{}
	for _, name := range []string{"a/", "a/b/", "a/b/1", "a/b/2", "a/b/c/", "a/b/c/3", "a/d/", "a/d/4", "a/5", "e"} {
		if err := e.Add(&Record{Name: []byte(name)}); err != nil {
			t.Fatal(err)
		}
	}
	var dirs []string
	for i := range e.dirs {
		dirs = append(dirs, string(e.DirBytes(i)))
	}
	if got, want := strings.Join(dirs, " "), " a/ a/b/ a/b/c/ a/d/"; got != want {
		t.Errorf("got directories %q, want %q", got, want)
	}
}

// TestBudget checks that the entries of all layers share one budget, which counts what is
// stored: a name's directory, and an xattr that all files have, count once.
func TestBudget(t *testing.T) {
	label := map[string]string{"security.selinux": strings.Repeat("x", 1000)}
	deep := strings.Repeat("deep/", 1000)
	for _, c := range []struct {
		name string
		make func(i int) Record
		ok   bool
	}{
		{"one directory", func(i int) Record { return Record{Name: fmt.Appendf(nil, "%s%d", deep, i)} }, true},
		{"one label", func(i int) Record { return Record{Name: fmt.Appendf(nil, "%d", i), Xattrs: maps.Clone(label)} }, true},
		{"long names", func(i int) Record { return Record{Name: fmt.Appendf(nil, "%d%s", i, deep)} }, false},
		{"long targets", func(int) Record {
			return Record{Name: []byte("a"), Type: Symlink, Link: []byte(deep)}
		}, false},
		{"attributes", func(i int) Record {
			return Record{Name: []byte("a"), Xattrs: map[string]string{"user.a": fmt.Sprint(i, deep)}}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			budget := NewBudget(1 << 20)
			var err error
			for range 4 { // layers
				e := &Entries{budget: budget}
				for i := 0; i < 500 && err == nil; i++ {
					r := c.make(i)
					err = e.Add(&r)
				}
			}
			if c.ok && err != nil || !c.ok && (err == nil || !strings.Contains(err.Error(), "more than 1 MiB of memory")) {
				t.Errorf("error %v", err)
			}
		})
	}
}
