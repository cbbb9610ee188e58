package analyze_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/bench/madeup"
	"github.com/peelhq/peel/source"
)

// million returns the analysis of an image of a million entries in 20 layers.
func million(b *testing.B) *analyze.Analysis {
	b.Helper()
	path := filepath.Join(b.TempDir(), "docker.tar")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	made := madeup.Image{Entries: 1_000_000, Layers: 20, Mean: 2000, Again: 20, Holes: true}
	if err := errors.Join(made.WriteDocker(f), f.Close()); err != nil {
		b.Fatal(err)
	}
	im, err := source.Open(b.Context(), path, source.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { im.Close() })
	a, err := analyze.Run(b.Context(), im, analyze.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// BenchmarkFind measures the cost of a key typed into a search: finding the matches in the tree
// and those that the view shows.
func BenchmarkFind(b *testing.B) {
	a := million(b)
	v := a.Tree.View(analyze.Spec{At: 19})
	b.Logf("%d nodes", a.Tree.Len())
	for _, q := range []struct {
		name string
		analyze.Query
	}{
		{"everything", analyze.Query{Text: "e"}},
		{"some", analyze.Query{Text: "conf"}},
		{"none", analyze.Query{Text: "nothing-is-called-so"}},
		{"case", analyze.Query{Text: "Makefile"}},
		{"path", analyze.Query{Text: "lib/p"}},
		{"below", analyze.Query{Text: "lib/"}},
		{"fuzzy-everything", analyze.Query{Text: "e", Fuzzy: true}},
		{"fuzzy", analyze.Query{Text: "pyc", Fuzzy: true}},
		{"fuzzy-path", analyze.Query{Text: "u/l/py", Fuzzy: true}},
	} {
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				found, err := a.Tree.Find(b.Context(), q.Query)
				if err != nil {
					b.Fatal(err)
				}
				set, err := found.In(b.Context(), v)
				if err != nil {
					b.Fatal(err)
				}
				n = set.Len()
				if q.Fuzzy {
					n = len(found.Ranked(set))
				}
			}
			b.ReportMetric(float64(n), "matches")
		})
	}
}

// BenchmarkFilter measures the cost of a filter that is new to a view.
func BenchmarkFilter(b *testing.B) {
	a := million(b)
	v := a.Tree.View(analyze.Spec{At: 19})
	for _, text := range []string{"*.so", "conf", "l*b?.so", "/usr/**/*.py", "/usr/lib", `re:^/etc/.*\.conf$`, `re:\.conf$`, ">1MB", "wasted:>0", "change:modified type:file", "*"} {
		b.Run(text, func(b *testing.B) {
			f := parse(b, text)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				w, err := v.Filter(b.Context(), f)
				if err != nil {
					b.Fatal(err)
				}
				n, _ = w.Matched()
			}
			b.ReportMetric(float64(n), "matches")
		})
	}
}
