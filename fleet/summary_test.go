package fleet_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/bench/madefleet"
	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// made is the time of a made-up fleet's plan.
var made = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// madeStore returns a store with made-up fleets, and their plans.
func madeStore(t testing.TB, fleets ...*madefleet.Fleet) (s source.Objects, plans []string) {
	t.Helper()
	s, err := fleet.OpenStore(context.Background(), t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fleets {
		plan, err := f.Write(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, plan)
	}
	return s, plans
}

// plainTables has all rows of a plan in memory.
type plainTables struct {
	images   []fleet.ImageRow
	layers   []fleet.LayerRow
	findings []fleet.FindingRow
}

func readPlain(t testing.TB, s source.Objects, plan string) (p plainTables) {
	t.Helper()
	ctx := context.Background()
	each := func(table string, fn func(name string) error) {
		err := s.List(ctx, fleet.TablePrefix(table, plan), func(name string, _ int64) error { return fn(name) })
		if err != nil {
			t.Fatal(err)
		}
	}
	each(fleet.ImagesTable, func(name string) error {
		return fleet.EachRow(ctx, s, name, func(r *fleet.ImageRow) error { p.images = append(p.images, *r); return nil })
	})
	each(fleet.LayersTable, func(name string) error {
		return fleet.EachRow(ctx, s, name, func(r *fleet.LayerRow) error { p.layers = append(p.layers, *r); return nil })
	})
	each(fleet.FindingsTable, func(name string) error {
		return fleet.EachRow(ctx, s, name, func(r *fleet.FindingRow) error { p.findings = append(p.findings, *r); return nil })
	})
	return p
}

// TestSummary compares the sums of a summary with those computed from all rows.
func TestSummary(t *testing.T) {
	s, plans := madeStore(t, &madefleet.Fleet{Images: 700, Seed: 1, Made: made})
	sum, err := fleet.Summarize(t.Context(), s, fleet.SummaryChoice{TeamDepth: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := readPlain(t, s, plans[0])
	var stored, wasted, unique, used int64
	byTeam := map[string]int64{}
	for _, r := range p.images {
		stored += *r.StoredBytes
		wasted += *r.WastedBytes
		byTeam[strings.Join(strings.Split(r.Repository, "/")[:2], "/")] += *r.WastedBytes
	}
	for _, l := range p.layers {
		unique += l.Bytes
		used += l.Bytes * l.Images
	}
	if sum.Images != 700 || sum.Totals.Stored != stored || sum.Totals.Wasted != wasted || sum.Totals.Visible != stored-wasted || sum.Waiting != 0 {
		t.Errorf("got totals %+v of %d images, want %d stored, %d wasted", sum.Totals, sum.Images, stored, wasted)
	}
	if sum.Layers.Bytes != unique || sum.Layers.UsedBytes != used || sum.Layers.Unique != int64(len(p.layers)) || sum.Layers.Bytes != sum.Plan.End.Bytes {
		t.Errorf("got layers %+v, want %d and %d bytes, the plan has %d", sum.Layers, unique, used, sum.Plan.End.Bytes)
	}
	if len(sum.Teams) != len(byTeam) || len(sum.Teams) != 40 {
		t.Errorf("%d teams, want %d", len(sum.Teams), len(byTeam))
	}
	for i, g := range sum.Teams {
		if g.Wasted != byTeam[g.Name] || i > 0 && g.Wasted > sum.Teams[i-1].Wasted {
			t.Errorf("team %s wastes %d, want %d, in order", g.Name, g.Wasted, byTeam[g.Name])
		}
	}
	slices.SortFunc(p.images, func(a, b fleet.ImageRow) int {
		return cmp.Or(cmp.Compare(*b.WastedBytes, *a.WastedBytes), cmp.Compare(a.Image, b.Image))
	})
	for i, r := range sum.Worst {
		if r.Name != p.images[i].Name {
			t.Errorf("worst %d is %s, want %s", i, r.Name, p.images[i].Name)
		}
	}
	var ofBases int64
	for _, b := range sum.Bases {
		ofBases += b.Images
		if b.Editions < 1 || b.Oldest.IsZero() || b.Newest.Before(b.Oldest) || b.OnOldest < 1 || b.OnOldest > b.Images {
			t.Errorf("base %+v", b)
		}
	}
	if ofBases != 700 {
		t.Errorf("%d images have a base, or have no known base", ofBases)
	}
}

// TestSummaryFixes compares the fixes that save most with those computed from all findings at
// once, for any bound on findings in memory.
func TestSummaryFixes(t *testing.T) {
	s, plans := madeStore(t, &madefleet.Fleet{Images: 500, Seed: 2, Made: made})
	type sums struct {
		saved, inAll, images, layers int64
		in                           map[string]bool
		of                           map[int64]bool
	}
	want := map[string]*sums{}
	for _, r := range readPlain(t, s, plans[0]).findings {
		key := r.Rule + *r.Path + *r.Step
		x := want[key]
		if x == nil {
			x = &sums{in: map[string]bool{}, of: map[int64]bool{}}
			want[key] = x
		}
		x.inAll += r.Bytes
		if !x.in[*r.Layer] {
			x.in[*r.Layer] = true
			x.saved += r.Bytes
		}
		x.of[r.Image] = true
		x.images, x.layers = int64(len(x.of)), int64(len(x.in))
	}
	if len(want) != 5 {
		t.Fatalf("got %d kinds of findings", len(want))
	}
	for _, atOnce := range testkit.Sample([]int64{1_000_000, 100, 7}) {
		got, err := fleet.TopFixes(t.Context(), s, plans[0], atOnce)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Errorf("%d at once: got %d fixes, want %d", atOnce, len(got), len(want))
		}
		for i, x := range got {
			w := want[x.Finding.Rule+*x.Finding.Path+*x.Finding.Step]
			if x.Saved != w.saved || x.InAll != w.inAll || x.Images != w.images || x.Layers != w.layers || i > 0 && x.Saved > got[i-1].Saved || x.Image == "" {
				t.Errorf("%d at once: got fix %d %+v, want %+v", atOnce, i, x, w)
			}
		}
	}
}

// TestSummaryGrowth checks that growth is the difference between the layers of two plans.
func TestSummaryGrowth(t *testing.T) {
	older := &madefleet.Fleet{Images: 300, Seed: 3, Made: made}
	newer := &madefleet.Fleet{Images: 400, Seed: 3, Made: made.AddDate(0, 1, 0)}
	s, plans := madeStore(t, older, newer)
	sum, err := fleet.Summarize(t.Context(), s, fleet.SummaryChoice{TeamDepth: 1, Against: plans[0][:6]})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Plan.ID != plans[1] || sum.Growth.From.ID != plans[0] {
		t.Fatalf("got plan %s since %s, want %s", sum.Plan.ID, sum.Growth.From.ID, plans)
	}
	before, after := map[string]int64{}, map[string]int64{}
	for _, l := range readPlain(t, s, plans[0]).layers {
		before[l.Layer] = l.Bytes
	}
	var fresh, gone, same int64
	for _, l := range readPlain(t, s, plans[1]).layers {
		if after[l.Layer] = l.Bytes; before[l.Layer] == 0 {
			fresh += l.Bytes
		} else {
			same += l.Bytes
		}
	}
	for layer, bytes := range before {
		if after[layer] == 0 {
			gone += bytes
		}
	}
	g := sum.Growth
	if g.NewBytes != fresh || g.GoneBytes != gone || g.SameBytes != same || g.Images != 100 || fresh == 0 || same == 0 {
		t.Errorf("got growth %+v, want %d new, %d gone, %d the same", g, fresh, gone, same)
	}
	var byRepo, byTeam int64
	for _, r := range g.Repositories {
		byRepo += r.NewBytes - r.GoneBytes
	}
	for _, r := range g.Teams {
		byTeam += r.NewBytes - r.GoneBytes
	}
	if byRepo != fresh-gone || byTeam != fresh-gone {
		t.Errorf("repositories grew by %d, teams by %d, all by %d", byRepo, byTeam, fresh-gone)
	}
}

// TestFindPlan checks that a store without a plan, and an ambiguous plan, give errors that say
// so.
func TestFindPlan(t *testing.T) {
	s, _ := madeStore(t)
	if _, err := fleet.FindPlan(t.Context(), s, ""); err == nil || !strings.Contains(err.Error(), "peel fleet index") {
		t.Errorf("an empty store: got %v", err)
	}
	s, plans := madeStore(t, &madefleet.Fleet{Images: 1, Seed: 1, Made: made}, &madefleet.Fleet{Images: 1, Seed: 2, Made: made.AddDate(0, 0, 1)}, &madefleet.Fleet{Images: 1, Seed: 3, Made: made.AddDate(0, 0, -1)})
	if got, err := fleet.FindPlan(t.Context(), s, ""); err != nil || got != plans[1] {
		t.Errorf("got newest plan %s, want %s: %v", got, plans[1], err)
	}
	if got, err := fleet.FindPlan(t.Context(), s, plans[2][:8]); err != nil || got != plans[2] {
		t.Errorf("%s: %s, %v", plans[2], got, err)
	}
	if _, err := fleet.FindPlan(t.Context(), s, "xyz"); err == nil {
		t.Error("found a plan that doesn't exist")
	}
}

// TestSummaryMemory checks that a summary's memory doesn't grow with the number of images.
func TestSummaryMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a fleet of 4,000 images")
	}
	held := map[int]int64{}
	for _, images := range []int{1000, 4000} {
		s, _ := madeStore(t, &madefleet.Fleet{Images: images, Seed: 4, Made: made})
		before := heap()
		sum, err := fleet.Summarize(t.Context(), s, fleet.SummaryChoice{TeamDepth: 1})
		if err != nil {
			t.Fatal(err)
		}
		held[images] = heap() - before
		runtime.KeepAlive(sum)
		runtime.KeepAlive(s)
	}
	// Each repository has 12 images and takes several hundred bytes.
	if grown := held[4000] - held[1000]; grown > 3000/12*2000 {
		t.Errorf("3,000 more images take %d more bytes", grown)
	}
}

// heap returns the bytes of the heap that are in use. It takes several collections to free what
// pools hold, and what finalizers have to close.
func heap() int64 {
	var m runtime.MemStats
	for last := uint64(0); ; last = m.HeapAlloc {
		runtime.GC()
		runtime.ReadMemStats(&m)
		if last > 0 && m.HeapAlloc+1<<10 >= last {
			return int64(m.HeapAlloc)
		}
	}
}

// TestPlanOfMadeFleet checks that plans are JSON that can be read line by line.
func TestPlanOfMadeFleet(t *testing.T) {
	s, plans := madeStore(t, &madefleet.Fleet{Images: 3, Seed: 5, Made: made})
	text, err := fleet.ReadObject(t.Context(), s, fleet.PlanName(plans[0]), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var l struct{ Type string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		kinds[l.Type]++
	}
	if kinds["plan"] != 1 || kinds["image"] != 3 || kinds["end"] != 1 || kinds["layer"] < 3 {
		t.Errorf("lines: %s", fmt.Sprint(kinds))
	}
}
