package fleet

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/fakeregistry"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// fleetOptions returns the options for opening a fleet's images.
func fleetOptions(t testing.TB) source.Options {
	t.Helper()
	opts := source.Options{WideSums: true, Verify: true, Collect: analyze.Collectors()}
	opts.Registries = source.NewRegistries(opts, 0)
	t.Cleanup(func() { _ = opts.Registries.Close() })
	return opts
}

// plan makes a plan and opens it.
func plan(t testing.TB, choice Choice, sources ...string) *Plan {
	t.Helper()
	file := filepath.Join(t.TempDir(), "plan.ndjson")
	_, err := MakePlan(t.Context(), file, PlanOptions{
		Sources: sources, Choice: choice, Open: fleetOptions(t), Now: time.Unix(1_800_000_000, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	return openPlan(t, file)
}

func openPlan(t testing.TB, file string) *Plan {
	t.Helper()
	p, err := OpenPlan(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// shards runs all shards of a step.
func shards(t testing.TB, step func(context.Context, *Plan, source.Objects, ShardOptions) (Tally, error), p *Plan, s source.Objects, of int) (sum Tally) {
	t.Helper()
	for i := range of {
		got, err := step(t.Context(), p, s, ShardOptions{Shard: Shard{i, of}, Open: fleetOptions(t)})
		if err != nil {
			t.Fatalf("shard %d of %d: %v", i, of, err)
		}
		sum.Todo, sum.Done, sum.Before, sum.Failed = sum.Todo+got.Todo, sum.Done+got.Done, sum.Before+got.Before, sum.Failed+got.Failed
	}
	return sum
}

// images returns the images of a plan.
func images(t testing.TB, p *Plan) (all []PlanImage) {
	t.Helper()
	err := p.Each(t.Context(), func(im *PlanImage) error {
		all = append(all, *im)
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// objects returns the names in a store.
func objects(t testing.TB, s source.Objects, prefix string) (names []string) {
	t.Helper()
	err := s.List(t.Context(), prefix, func(name string, _ int64) error {
		names = append(names, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// pushFixtures pushes the images of many fixtures to a registry, each to a repository.
func pushFixtures(t testing.TB, r *fakeregistry.Registry, most int) (repos []string) {
	t.Helper()
	shape := testkit.ShapeNamed("oci-dir")
	for _, f := range testkit.Fixtures(t, "../testdata") {
		if len(repos) == most {
			break
		}
		if len(f.Images) != 1 || f.Images[0].Absent != "" || !slices.ContainsFunc(f.Shapes(), func(s testkit.Shape) bool { return s.Name == shape.Name }) {
			continue
		}
		repo := strings.ToLower(f.Name)
		r.Push(t, shape.Write(t, f), repo, "1")
		repos = append(repos, repo)
	}
	return repos
}

// TestFleet takes all fixtures, in a registry and in files, through all steps, and compares the
// store's facts about each image with the image itself.
func TestFleet(t *testing.T) {
	r := fakeregistry.New(t)
	pushFixtures(t, r, testkit.Size(1000, 20))
	dir := t.TempDir()
	for _, name := range []string{"docker-20", "docker-25", "kaniko"} {
		f := testkit.Fixtures(t, "../testdata")[3]
		b, err := os.ReadFile(testkit.ShapeNamed(name).Write(t, f))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".tar"), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p := plan(t, Choice{}, "registry://"+r.Host()+"/", dir, "../testdata/sample.tar")
	if p.End.Unreadable > 0 || p.End.Images < testkit.Size[int64](50, 20) {
		t.Errorf("%+v", p.End)
	}
	s := openTestStore(t)
	sum := shards(t, Index, p, s, 3)
	if int64(sum.Done) != p.End.Images+p.End.Layers || sum.Todo != sum.Done {
		t.Errorf("%+v of %+v", sum, p.End)
	}
	if again := shards(t, Index, p, s, 5); again.Done != 0 || again.Before != sum.Done {
		t.Errorf("again: %+v", again)
	}
	r.Asked()
	before := objects(t, s, "")
	if sum := shards(t, Analyze, p, s, 2); int64(sum.Done) != p.End.Images {
		t.Errorf("analyze: %+v", sum)
	}
	if asked := r.Asked(); len(asked) > 0 {
		t.Errorf("analyze sent requests to the registry: %q", asked)
	}
	shards(t, Analyze, p, s, 1)
	after := objects(t, s, "")
	if parts := int((p.End.Images + PartImages - 1) / PartImages); len(after)-len(before) != 5*parts {
		t.Errorf("%d objects became %d", len(before), len(after))
	}
	checkTables(t, p, s)
}

// checkTables compares a store's tables with the images themselves.
func checkTables(t *testing.T, p *Plan, s source.Objects) {
	t.Helper()
	all := readAll[ImageRow](t, s, TablePrefix(ImagesTable, p.ID))
	layers, findings, packages := readAll[ImageLayerRow](t, s, TablePrefix(ImageLayersTable, p.ID)), readAll[FindingRow](t, s, TablePrefix(FindingsTable, p.ID)), readAll[PackageRow](t, s, TablePrefix(PackagesTable, p.ID))
	for _, im := range images(t, p) {
		row := all[im.Image]
		want := directly(t, &im)
		want.image.Plan = p.ID
		if got, want := flat(row), flat(want.image); got != want {
			t.Errorf("%s:\n%s\n%s", im.Reference, got, want)
		}
		compareRows(t, im.Reference, layers, want.layers, func(r *ImageLayerRow) bool { return r.Image == im.Image })
		compareRows(t, im.Reference, findings, want.findings, func(r *FindingRow) bool { return r.Image == im.Image })
		compareRows(t, im.Reference, packages, want.packages, func(r *PackageRow) bool { return r.Image == im.Image })
	}
	if unique := readAll[LayerRow](t, s, TablePrefix(LayersTable, p.ID)); int64(len(unique)) != p.End.Layers {
		t.Errorf("got %d rows of layers, want %d", len(unique), p.End.Layers)
	}
}

func compareRows[T any](t *testing.T, name string, all, want []T, of func(*T) bool) {
	t.Helper()
	var got []string
	for i := range all {
		if of(&all[i]) {
			got = append(got, flat(all[i]))
		}
	}
	for i := range want {
		if text := flat(want[i]); i >= len(got) || got[i] != text {
			t.Errorf("%s: row %d: want %s\namong %q", name, i, text, got)
			return
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d rows, want %d", name, len(got), len(want))
	}
}

// readAll reads all rows of a table.
func readAll[T any](t testing.TB, s source.Objects, prefix string) (all []T) {
	t.Helper()
	for _, name := range objects(t, s, prefix) {
		err := EachRow(t.Context(), s, name, func(r *T) error {
			all = append(all, *r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// directly computes an image's rows from the image itself.
func directly(t testing.TB, p *PlanImage) rows {
	t.Helper()
	r := rows{image: ImageRow{
		Image: p.Image, Reference: p.Reference, Name: p.Name, Repository: p.Repository, Tag: known(p.Tag),
		Digest: known(p.Digest), ID: known(p.ID), Platform: known(p.Platform), Created: millis(p.Created), Labels: p.Labels,
	}}
	opts := fleetOptions(t)
	opts.WideSums, opts.Platform = false, p.Platform
	im, err := source.Open(t.Context(), p.Reference, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	an, err := analyze.Run(t.Context(), im, analyze.Options{Packages: true})
	if err != nil {
		r.image.Error = known(err.Error())
		return r
	}
	findings, err := analyze.Advise(t.Context(), an, analyze.AdviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	packages, err := an.Packages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.fill(an, p, findings, packages)
	return r
}

// flat formats a row with the values that its pointers point to.
func flat(row any) string {
	b, err := marshalLine(row)
	if err != nil {
		panic(err)
	}
	// A directly computed row has no plan, and null equals empty.
	text := strings.NewReplacer(`:null`, `:[]`, `:{}`, `:[]`).Replace(string(bytes.TrimSpace(b)))
	if i := strings.Index(text, `"Image":`); i >= 0 {
		text = text[i:]
	}
	return text
}
