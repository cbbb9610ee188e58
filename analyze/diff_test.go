package analyze_test

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// imageOf analyses the image that the fixture text describes, in one shape.
func imageOf(t *testing.T, shape, text string) *analyze.Analysis {
	t.Helper()
	f, err := testkit.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, testkit.ShapeNamed(shape).Write(t, f), source.Options{})
}

func difference(t *testing.T, before, after analyze.Side, most int) *analyze.Difference {
	t.Helper()
	d, err := analyze.Compare(t.Context(), before, after, most)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// rows lists a difference's paths, one per line.
func rows(d *analyze.Difference) []string {
	var out []string
	for _, p := range d.Paths {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %d %d %s", p.Path, p.Change, p.Before, p.After, p.What)))
	}
	return out
}

const older = `
-- image app:1 linux/amd64 --
step "ADD base"
step "RUN make"
-- layer --
dir etc
file etc/a 10 seed=a
file etc/mode 5
file etc/owner 5
file etc/time 5
file etc/caps 5 xattr:security.capability=x
file etc/type 5
symlink etc/link -> a
char etc/dev 1:2
file etc/equal 30 seed=e
file etc/other 30 seed=o
dir gone
file gone/x 100
file one 50 seed=h
hardlink two -> one
file implied/x 1
file implied/z 1
-- layer --
file made 1000
`

const newer = `
-- image app:2 linux/amd64 --
step "ADD base"
step "RUN make"
step "RUN more"
-- layer --
dir etc
file etc/a 25 seed=a
file etc/mode 5 mode=0600
file etc/owner 5 uid=1
file etc/time 5 mtime=1700000001
file etc/caps 5
dir etc/type
symlink etc/link -> b
char etc/dev 1:3
file etc/equal 30 seed=e
file etc/other 30 seed=p
file one 50 seed=h
file two 50 seed=h
file implied/z 1
dir implied
file implied/x 1
-- layer --
file made 900
-- layer --
file new/y 2000
`

var between = []string{
	"/new/y added 0 2000",
	"/made modified 1000 900 content",
	"/gone/x removed 100 0",
	"/two metadata 0 50 storage",
	"/etc/a modified 10 25 content",
	"/etc/type modified 5 0 type, mode",
	"/etc/other modified 30 30 content",
	"/etc/dev modified 0 0 device",
	"/etc/link modified 0 0 link",
	"/gone removed 0 0",
	"/new added 0 0",
	"/etc/caps metadata 5 5 xattrs",
	"/etc/mode metadata 5 5 mode",
	"/etc/owner metadata 5 5 owner",
	"/etc/time metadata 5 5 time",
}

// TestCompareImages compares forms of an image that differ in checksums: plain layers have none
// at first.
func TestCompareImages(t *testing.T) {
	for _, shapes := range [][2]string{{"docker-25", "docker-20"}, {"oci-tar", "docker-25"}, {"docker-20.gz", "kaniko"}} {
		t.Run(strings.Join(shapes[:], " and "), func(t *testing.T) {
			b, a := imageOf(t, shapes[0], older), imageOf(t, shapes[1], newer)
			d := difference(t, analyze.Final(b), analyze.Final(a), 0)
			if got := rows(d); !slices.Equal(got, between) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(between, "\n\t"))
			}
			if d.None() {
				t.Error("the difference claims that nothing differs")
			}
			few := difference(t, analyze.Final(b), analyze.Final(a), 3)
			if got := rows(few); !slices.Equal(got, between[:3]) || few.Changes != d.Changes || few.Before != d.Before || few.After != d.After {
				t.Errorf("the three largest: got %q, %v", got, few.Changes)
			}
			for _, same := range []*analyze.Analysis{b, imageOf(t, shapes[1], older)} {
				d := difference(t, analyze.Final(b), analyze.Final(same), 0)
				if !d.None() || len(d.Paths) > 0 || d.Before.Visible != d.After.Visible {
					t.Errorf("an image differs from itself: %q %+v", rows(d), d.Layers)
				}
			}
		})
	}
}

func TestCompareLayers(t *testing.T) {
	a := imageOf(t, "docker-25", `
-- layer --
file a 10
file b 20
-- layer --
file a 10 mode=0600
file c 5
-- layer --
file .wh.b
file c 5
-- layer --
file b 20
`)
	at := func(k int) analyze.Side { return analyze.Side{Analysis: a, At: k} }
	for _, c := range []struct {
		from, to int
		want     string
	}{
		{0, 1, "/c added 0 5; /a metadata 10 10 mode"},
		{1, 2, "/b removed 20 0"},
		{2, 1, "/b added 0 20"},
		{0, 3, "/c added 0 5; /a metadata 10 10 mode"},
		{1, 1, ""},
		{-1, 0, "/b added 0 20; /a added 0 10"},
		{3, 99, ""},
	} {
		d := difference(t, at(c.from), at(c.to), 0)
		if got := strings.Join(rows(d), "; "); got != c.want {
			t.Errorf("from %d to %d: got %s, want %s", c.from, c.to, got, c.want)
		}
		if same := c.from == c.to || c.from == 3; d.None() != same {
			t.Errorf("from %d to %d: got %v, want none", c.from, c.to, d.None())
		}
	}
	d := difference(t, at(0), at(2), 0)
	want := []analyze.LayerGrowth{
		{Before: 0, After: 0, Step: "layer 0", Same: true, Bytes: 30, Wasted: 30},
		{Before: -1, After: 1, Step: "layer 1", Bytes: 15, Stored: 15, Wasted: 5},
		{Before: -1, After: 2, Step: "layer 2", Bytes: 5, Stored: 5},
	}
	if !sameLayers(d.Layers, want) {
		t.Errorf("layers %+v, want %+v", d.Layers, want)
	}
	if f := d.After; f.Stored != 50 || f.Visible != 15 || f.Wasted != 35 || f.Layers != 3 || f.Entries != 6 || f.Efficiency != 0.3 {
		t.Errorf("after layer 2: %+v", f)
	}
}

func sameLayers(got, want []analyze.LayerGrowth) bool {
	return slices.EqualFunc(got, want, func(a, b analyze.LayerGrowth) bool {
		return a.Before == b.Before && a.After == b.After && a.Step == b.Step && a.Same == b.Same && a.Bytes == b.Bytes && a.Stored == b.Stored && a.Wasted == b.Wasted
	})
}

// TestCompareNaive compares Compare with a comparison of two flat maps on random images: two
// images, or two layers of one.
func TestCompareNaive(t *testing.T) {
	dir := t.TempDir()
	open := func(name, shape string, im *testkit.Image) *analyze.Analysis {
		f := &testkit.Fixture{Images: []*testkit.Image{im}}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, testkit.ShapeNamed(shape).Archive(f), 0o600); err != nil {
			t.Fatal(err)
		}
		return run(t, path, source.Options{})
	}
	shapes := []string{"docker-20", "kaniko", "oci-tar-zstd", "docker-20.gz"}
	for seed := range uint64(cases(300, 10_000)) {
		one, two := testkit.Throw(seed).Image(), testkit.Throw(seed+1<<40).Image()
		if seed%3 == 0 { // two images with much in common
			two.Layers = append(slices.Clone(one.Layers), two.Layers...)[:max(len(one.Layers), 1)]
			two.Layers[len(two.Layers)-1] = testkit.Throw(seed + 1<<41).Image().Layers[0]
		}
		b, a := open("one", shapes[seed%4], one), open("two", shapes[seed/4%4], two)
		ob, oa := overlayOf(one), overlayOf(two)
		last := len(one.Layers) - 1
		for _, c := range []struct {
			before, after analyze.Side
			ob, oa        *overlay
		}{
			{analyze.Final(b), analyze.Final(a), ob, oa},
			{analyze.Side{Analysis: b, At: int(seed) % (last + 1)}, analyze.Final(b), ob, ob},
			{analyze.Final(b), analyze.Side{Analysis: a, At: 0}, ob, oa},
		} {
			d := difference(t, c.before, c.after, 0)
			got, want := rows(d), naiveDifference(c.ob.unions[c.before.At], c.oa.unions[c.after.At])
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, %d to %d: got\n\t%s\nwant\n\t%s\nthe images:\n%s\n%s", seed, c.before.At, c.after.At,
					strings.Join(got, "\n\t"), strings.Join(want, "\n\t"), testkit.Text(one), testkit.Text(two))
			}
			checkDifference(t, d)
			checkTree(t, c.before, c.after, d)
		}
		if d := difference(t, analyze.Final(b), analyze.Final(a), 0); d.Before.Visible != b.Totals.Visible || d.After.Wasted != a.Totals.Wasted ||
			d.After.UserWasted != a.Totals.UserWasted || d.Before.Entries != b.Totals.Entries || d.After.Compressed != a.Totals.Compressed {
			t.Fatalf("seed %d: figures %+v and %+v, but totals %+v and %+v", seed, d.Before, d.After, b.Totals, a.Totals)
		}
		checkGrowth(t, b, a)
		b.Image.Close()
		a.Image.Close()
	}
}

// checkDifference checks that a difference's figures agree with each other.
func checkDifference(t *testing.T, d *analyze.Difference) {
	t.Helper()
	var before, after, stored, wasted int64
	for _, c := range d.Changes {
		before += c.Before
		after += c.After
	}
	for _, l := range d.Layers {
		stored += l.Stored
		wasted += l.Wasted
	}
	if before != d.Before.Visible || after != d.After.Visible {
		t.Errorf("changes of %d and %d bytes, but %d and %d are visible", before, after, d.Before.Visible, d.After.Visible)
	}
	if stored != d.After.Stored-d.Before.Stored || wasted != d.After.Wasted-d.Before.Wasted {
		t.Errorf("layers grow by %d stored and %d wasted bytes; before %+v, after %+v", stored, wasted, d.Before, d.After)
	}
	if len(d.Paths) != d.Differing() {
		t.Errorf("%d rows of %d", len(d.Paths), d.Differing())
	}
	if !slices.IsSortedFunc(d.Paths, func(a, b analyze.PathDifference) int {
		return cmp.Compare(max(b.Growth(), -b.Growth()), max(a.Growth(), -a.Growth()))
	}) {
		t.Error("the largest paths don't come first")
	}
}

// checkGrowth checks the growth against the totals.
func checkGrowth(t *testing.T, before, after *analyze.Analysis) {
	t.Helper()
	g, err := after.GrowthSince(t.Context(), "before", before)
	if err != nil {
		t.Fatal(err)
	}
	var waste, visible int64
	for _, w := range g.NewWaste {
		waste += w.Bytes
	}
	for _, w := range g.GoneWaste {
		waste -= w.Bytes
	}
	for _, p := range g.Paths {
		visible += max(p.After, 0) - max(p.Before, 0)
	}
	if waste != after.Totals.Wasted-before.Totals.Wasted || visible != after.Totals.Visible-before.Totals.Visible {
		t.Errorf("got growth %+v from %+v to %+v", g, before.Totals, after.Totals)
	}
}

// naiveDifference compares two unions, path by path.
func naiveDifference(before, after map[string]*nversion) []string {
	bytesBefore, bytesAfter := firstNames(before), firstNames(after)
	all := map[string]bool{}
	for _, union := range []map[string]*nversion{before, after} {
		for p := range union {
			all[p] = true
		}
	}
	rows := []string{}
	for p := range all {
		b, a := before[p], after[p]
		change, what := "", []string{}
		switch {
		case p == "/" && (b == nil || a == nil):
			there := cmp.Or(a, b)
			if there.mode != 0o755 {
				what = append(what, "mode")
			}
			if there.uid != 0 || there.gid != 0 {
				what = append(what, "owner")
			}
			if len(there.xattrs) > 0 {
				what = append(what, "xattrs")
			}
		case b == nil:
			change = "added"
		case a == nil:
			change = "removed"
		default:
			what = b.against(a, bytesBefore[p] != bytesAfter[p])
		}
		for _, w := range what {
			if slices.Contains([]string{"type", "content", "link", "device"}, w) {
				change = "modified"
			} else if change == "" {
				change = "metadata"
			}
		}
		if change != "" {
			rows = append(rows, strings.TrimSpace(fmt.Sprintf("%s %s %d %d %s", p, change, bytesBefore[p], bytesAfter[p], strings.Join(what, ", "))))
		}
	}
	slices.Sort(rows)
	return rows
}

// firstNames maps the first name of every file to the file's bytes.
func firstNames(union map[string]*nversion) map[string]int64 {
	paths := slices.SortedFunc(maps.Keys(union), func(a, b string) int {
		return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
	})
	out, seen := map[string]int64{}, map[*inode]bool{}
	for _, p := range paths {
		if n := union[p].inode; n != nil && !n.missing && n.kind == '0' && !seen[n] {
			seen[n] = true
			out[p] = n.stored
		}
	}
	return out
}

// against lists the differences between two versions.
func (v *nversion) against(a *nversion, bytesDiffer bool) []string {
	what := []string{}
	add := func(differs bool, word string) {
		if differs {
			what = append(what, word)
		}
	}
	add(v.kind() != a.kind(), "type")
	if v.kind() == a.kind() && v.inode != nil {
		n, o := v.inode, a.inode
		switch {
		case n.missing && o.missing:
			add(v.link != a.link, "link")
		case n.missing != o.missing:
			add(true, "content")
		default:
			add(!bytes.Equal(n.content, o.content), "content")
			add(n.link != o.link, "link")
			add(n.major != o.major || n.minor != o.minor, "device")
		}
	}
	same := len(what) == 0
	add(v.mode != a.mode, "mode")
	add(v.uid != a.uid || v.gid != a.gid, "owner")
	add(!v.implied && !a.implied && !v.time.Equal(a.time), "time")
	add(!maps.Equal(v.xattrs, a.xattrs), "xattrs")
	add(same && bytesDiffer, "storage")
	return what
}
