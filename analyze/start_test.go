package analyze_test

import (
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestStartAndFinish checks that Start computes every figure except those of the causes, that
// Finish completes them to the result of Run, and that the value Start returned doesn't change.
func TestStartAndFinish(t *testing.T) {
	for _, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		for _, shape := range []string{"docker-20", "oci-dir-plain"} {
			if len(f.Images) > 1 || len(f.Refusals) > 0 || !has(f.Shapes(), shape) {
				continue
			}
			path := testkit.ShapeNamed(shape).Write(t, f)
			open := func() *source.Image {
				ref, platform := f.Ref(path, f.Images[0])
				im, err := source.Open(t.Context(), ref, source.Options{Platform: platform})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = im.Close() })
				return im
			}
			whole, err := analyze.Run(t.Context(), open(), analyze.Options{})
			if err != nil {
				t.Fatal(err)
			}
			first, err := analyze.Start(t.Context(), open(), analyze.Options{})
			if err != nil {
				t.Fatal(err)
			}
			before, left := peelFacts(first), first.Unsettled()
			if first.Totals != whole.Totals {
				t.Errorf("%s, %s: Start returned\n%+v, Run\n%+v", f.Name, shape, first.Totals, whole.Totals)
			}
			done, err := first.Finish(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := differences(peelFacts(done), peelFacts(whole)); diff != "" {
				t.Errorf("%s, %s: Start and Finish differ from Run:\n%s", f.Name, shape, diff)
			}
			if done.Unsettled() != 0 || unsettledVersions(done) != 0 {
				t.Errorf("%s, %s: versions still await comparison after Finish", f.Name, shape)
			}
			if (unsettledVersions(first) > 0) != (left > 0) {
				t.Errorf("%s, %s: %d comparisons are left, but %d versions await one", f.Name, shape, left, unsettledVersions(first))
			}
			if diff := differences(peelFacts(first), before); diff != "" {
				t.Errorf("%s, %s: Finish changed the value that Start returned:\n%s", f.Name, shape, diff)
			}
		}
	}
}

func has(shapes []testkit.Shape, name string) bool {
	for _, s := range shapes {
		if s.Name == name {
			return true
		}
	}
	return false
}

// unsettledVersions counts the versions that await a comparison.
func unsettledVersions(a *analyze.Analysis) (n int) {
	for i := range a.Tree.Len() {
		for _, v := range a.Tree.Versions(analyze.NodeID(i)) {
			if change, cause := v.Unsettled(); change || cause {
				n++
			}
		}
	}
	return n
}
