package analyze_test

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// analysedImage analyses a made-up image whose base has the given number of layers.
func analysedImage(t *testing.T, im *testkit.Image, base int) *analyze.Analysis {
	t.Helper()
	archive := testkit.ShapeNamed("docker-20").Archive(&testkit.Fixture{Images: []*testkit.Image{im}})
	img, err := source.Open(t.Context(), "-", source.Options{Stdin: bytes.NewReader(archive)})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	a, err := analyze.Run(t.Context(), img, analyze.Options{Base: strconv.Itoa(base)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// plainImage returns a random image without storage drivers' bookkeeping and without markers
// that have content: no builder would produce those from a plan.
func plainImage(seed uint64) *testkit.Image {
	d := testkit.Throw(seed)
	im := d.Image()
	for len(im.Layers) < 3 {
		im.Layers = append(im.Layers, d.Image().Layers...)
	}
	for _, l := range im.Layers {
		l.Entries = slices.DeleteFunc(l.Entries, func(e testkit.Entry) bool {
			return strings.Contains(e.Name+" "+e.Link, ".wh..wh.plnk") || e.Size > 0 && strings.Contains(e.Name, ".wh.")
		})
	}
	return im
}

// remade builds the image that a plan describes from the naive overlay's unions. It merges
// groups of layers, and leaves out dropped paths, with everything below them, of the layers
// from base on.
type remade struct {
	o       *overlay
	base    int
	dropped []string
}

// union is the wanted union after a layer.
func (r *remade) union(layer int) map[string]*nversion {
	if layer < 0 {
		return map[string]*nversion{}
	}
	u := maps.Clone(r.o.unions[layer])
	if layer >= r.base {
		maps.DeleteFunc(u, func(p string, _ *nversion) bool {
			return slices.ContainsFunc(r.dropped, func(d string) bool { return p == d || strings.HasPrefix(p, d+"/") })
		})
	}
	return u
}

// layer writes the layer that leads from the union before layer from to the union after layer
// to.
func (r *remade) layer(from, to int) *testkit.Layer {
	before, after := r.union(from-1), r.union(to)
	l := &testkit.Layer{}
	linkable := map[*inode]string{}
	for _, p := range slices.Sorted(maps.Keys(before)) {
		if in := before[p].inode; in != nil && linkable[in] == "" {
			linkable[in] = p
		}
	}
	var links, dirs, files []testkit.Entry
	for _, p := range slices.Sorted(maps.Keys(after)) {
		v := after[p]
		if p == "/" || v.layer < from {
			continue
		}
		e := testkit.Entry{Name: p[1:], Mode: v.mode, UID: v.uid, GID: v.gid, Time: v.time, Xattrs: maps.Clone(v.xattrs)}
		delete(e.Xattrs, "trusted.overlay.opaque")
		switch in := v.inode; {
		case v.typ == '5':
			e.Type = '5'
			if v.implied {
				e.Mode, e.Time = 0o755, testkit.DefaultTime
			}
			dirs = append(dirs, e)
		case in.missing:
			e.Type, e.Link = '1', "no/such/target"
			files = append(files, e)
		case linkable[in] != "":
			e.Type, e.Link = '1', linkable[in][1:]
			if old := before[linkable[in]]; old != nil && old.inode == in {
				links = append(links, e)
			} else {
				files = append(files, e)
			}
		default:
			e.Type, e.Link, e.Text, e.Major, e.Minor = in.kind, in.link, string(in.content), in.major, in.minor
			e.Size = int64(len(in.content))
			linkable[in] = p
			files = append(files, e)
		}
	}
	l.Entries = slices.Concat(links, dirs, files)
	for _, p := range slices.Sorted(maps.Keys(before)) {
		parent := after[path.Dir(p)]
		if after[p] == nil && p != "/" && (path.Dir(p) == "/" || parent != nil && parent.typ == '5') {
			l.Entries = append(l.Entries, testkit.Entry{Type: '0', Name: hidingName(p), Mode: 0o644, Time: testkit.DefaultTime})
		}
	}
	return l
}

func hidingName(p string) string { return path.Join(path.Dir(p), ".wh."+path.Base(p))[1:] }

// image merges layers by groups. If raw is set, it keeps the layer of a group of one as it is.
func (r *remade) image(im *testkit.Image, groups []analyze.LayerRange, raw bool) *testkit.Image {
	out := &testkit.Image{Tag: im.Tag, Platform: im.Platform}
	at := 0
	for at < len(im.Layers) {
		g := analyze.LayerRange{From: at, To: at}
		merged := false
		for _, x := range groups {
			if x.From == at {
				g, merged = x, true
			}
		}
		if raw && !merged {
			out.Layers = append(out.Layers, im.Layers[at])
		} else {
			out.Layers = append(out.Layers, r.layer(g.From, g.To))
		}
		at = g.To + 1
	}
	return out
}

// shownBytes formats what shows in the end: each path with its type and content.
func shownBytes(u map[string]*nversion) string {
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(u)) {
		if v := u[p]; p != "/" {
			fmt.Fprintf(&b, "%s %c", p, v.kind())
			if v.inode != nil && !v.inode.missing {
				fmt.Fprintf(&b, " %q %s", v.inode.content, v.inode.link)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// planCases is the number of random images that each test of plans tries.
const planCases = 1000

// TestPlanSquash checks that the figures of a plan that merges layers match those of an image
// with the merged layer.
func TestPlanSquash(t *testing.T) {
	done, unmade := 0, 0
	for seed := uint64(3_000_000); done < cases(planCases, 20_000); seed++ {
		im := plainImage(seed)
		d := testkit.Throw(seed + 1)
		from := d.Roll(len(im.Layers))
		r := analyze.LayerRange{From: from, To: from + d.Roll(len(im.Layers)-from)}
		base := d.Roll(len(im.Layers) + 1)
		made := (&remade{o: overlayOf(im), base: len(im.Layers)}).image(im, []analyze.LayerRange{r}, true)
		if !sameShows(im, made, nil) {
			unmade++
			continue
		}
		done++
		plan := analyze.NewPlan(analysedImage(t, im, base))
		if err := plan.Squash(r.From, r.To); err != nil {
			t.Fatal(err)
		}
		samePlan(t, plan, made)
		if t.Failed() {
			t.Fatalf("seed %d, squash %d..%d, base %d:\n%s\nmade:\n%s", seed, r.From, r.To, base, testkit.Text(im), testkit.Text(made))
		}
	}
	if unmade > done/20 {
		t.Errorf("could not build %d of %d images", unmade, done+unmade)
	}
}

// sameShows reports whether two images show the same, except for some paths.
func sameShows(im, made *testkit.Image, dropped []string) bool {
	want := (&remade{o: overlayOf(im), dropped: dropped}).union(len(im.Layers) - 1)
	got := overlayOf(made)
	return shownBytes(got.unions[len(made.Layers)-1]) == shownBytes(want)
}

// samePlan checks a plan's figures against those of the image built from it.
func samePlan(t *testing.T, plan *analyze.Plan, made *testkit.Image) {
	t.Helper()
	got, err := plan.Figures(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := analyze.FiguresOf(analysedImage(t, made, 0))
	got.Unshared, want.Unshared = 0, 0
	if got != want {
		t.Errorf("planned %+v\nmade    %+v", got, want)
	}
}

// TestPlan checks that the figures of any combination of merged layers and dropped paths match
// those of the image built from it.
func TestPlan(t *testing.T) {
	done, unmade := 0, 0
	for seed := uint64(4_000_000); done < cases(planCases, 20_000); seed++ {
		raw := plainImage(seed)
		im := (&remade{o: overlayOf(raw), base: len(raw.Layers)}).image(raw, nil, false)
		d := testkit.Throw(seed + 1)
		base := d.Roll(len(im.Layers))
		a := analysedImage(t, im, base)
		r := &remade{o: overlayOf(im), base: base}
		for range d.Roll(3) {
			if n := analyze.NodeID(d.Roll(a.Tree.Len())); n != analyze.Root {
				r.dropped = append(r.dropped, a.Tree.Path(n))
			}
		}
		var groups []analyze.LayerRange
		for at := 0; at < len(im.Layers); {
			g := analyze.LayerRange{From: at, To: min(at+d.Roll(3), len(im.Layers)-1)}
			if g.To > g.From {
				groups = append(groups, g)
			}
			at = g.To + 1
		}
		made := r.image(im, groups, false)
		if !sameShows(raw, im, nil) || !sameShows(im, made, r.dropped) {
			unmade++
			continue
		}
		done++
		plan := analyze.NewPlan(a)
		for _, g := range groups {
			if err := plan.Squash(g.From, g.To); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range r.dropped {
			if _, err := plan.Drop(p); err != nil {
				t.Fatal(err)
			}
		}
		samePlan(t, plan, made)
		if t.Failed() {
			t.Fatalf("seed %d, base %d, merged %v, dropped %q:\n%s\nmade:\n%s", seed, base, groups, r.dropped, testkit.Text(im), testkit.Text(made))
		}
	}
	if unmade > done/20 {
		t.Errorf("could not build %d of %d images", unmade, done+unmade)
	}
}

// TestPlanNothing checks that a plan that changes nothing has the image's own figures, on any
// image.
func TestPlanNothing(t *testing.T) {
	for seed := range uint64(cases(300, 5000)) {
		im := testkit.Throw(5_000_000 + seed).Image()
		a := analysedImage(t, im, 0)
		got, err := analyze.NewPlan(a).Figures(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := analyze.FiguresOf(a); got != want {
			t.Fatalf("seed %d: planned %+v\nwant %+v\n%s", seed, got, want, testkit.Text(im))
		}
	}
}
