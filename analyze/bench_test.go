package analyze_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/bench/madeup"
	"github.com/peelhq/peel/source"
)

const benchEntries = 50_000

// benchmarked returns an image of benchEntries entries whose layers have been read. It is
// closed at the end of the benchmark.
func benchmarked(b *testing.B, layers int) *source.Image {
	b.Helper()
	path := filepath.Join(b.TempDir(), "docker.tar")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	made := madeup.Image{Entries: benchEntries, Layers: layers, Mean: 2000, Again: 20, Holes: true}
	if err := errors.Join(made.WriteDocker(f), f.Close()); err != nil {
		b.Fatal(err)
	}
	im, err := source.Open(b.Context(), path, source.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { im.Close() })
	if err := im.Scan(b.Context()); err != nil {
		b.Fatal(err)
	}
	return im
}

func analysed(b *testing.B, layers int) *analyze.Analysis {
	b.Helper()
	a, err := analyze.Run(b.Context(), benchmarked(b, layers), analyze.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// perEntry reports the rate per second of an operation done once per entry.
func perEntry(b *testing.B) {
	b.ReportMetric(benchEntries*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkRun builds the tree and computes all figures from layers that have been read.
// Content checksums are there from the first round on.
func BenchmarkRun(b *testing.B) {
	for _, layers := range []int{1, 20, 120} {
		b.Run(fmt.Sprintf("layers=%d", layers), func(b *testing.B) {
			im := benchmarked(b, layers)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := analyze.Run(b.Context(), im, analyze.Options{}); err != nil {
					b.Fatal(err)
				}
			}
			perEntry(b)
		})
	}
}

// BenchmarkView makes views that are no longer cached: there are more layers than views a tree
// caches.
func BenchmarkView(b *testing.B) {
	a := analysed(b, 20)
	for _, mode := range []struct {
		name string
		spec analyze.Spec
	}{
		{"union", analyze.Spec{Mode: analyze.Union}},
		{"alone", analyze.Spec{Mode: analyze.Alone}},
		{"range", analyze.Spec{Mode: analyze.Range, From: -1}},
	} {
		b.Run(mode.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				spec := mode.spec
				spec.At = i % 20
				if v := a.Tree.View(spec); v.Spec() != spec {
					b.Fatalf("%+v, want %+v", v.Spec(), spec)
				}
			}
			perEntry(b)
		})
	}
}

// BenchmarkFirstView makes the first view of a tree, which groups its nodes into bunches.
func BenchmarkFirstView(b *testing.B) {
	a := analysed(b, 20)
	b.ReportAllocs()
	for b.Loop() {
		if v := analyze.FirstView(a.Tree, analyze.Spec{At: 19}); !v.Shows(analyze.Root) {
			b.Fatal("nothing shows")
		}
	}
	perEntry(b)
}

// BenchmarkCompare compares two analysed images that share half of their content.
func BenchmarkCompare(b *testing.B) {
	before, after := analysed(b, 10), analysed(b, 20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := analyze.Compare(b.Context(), analyze.Final(before), analyze.Final(after), 20); err != nil {
			b.Fatal(err)
		}
	}
	perEntry(b)
}

// BenchmarkStrip finds the signs of one node, as the screen does for each row.
func BenchmarkStrip(b *testing.B) {
	a := analysed(b, 20)
	v := a.Tree.View(analyze.Spec{Mode: analyze.Union, At: 19})
	signs := make([]analyze.Sign, 0, 20)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		signs = v.Strip(analyze.NodeID(i%a.Tree.Len()), 0, a.Tree.LayerCount(), signs)
	}
}

// BenchmarkCheck checks an image with every kind of glob.
func BenchmarkCheck(b *testing.B) {
	a := analysed(b, 20)
	rules := "min-efficiency 0.9; max-files 1; " +
		globsOf("forbid", "*.pem", "**/.git/**", "/var/lib/apt/lists", "**/a/*.key", "{b,c}*/**/x", "!/etc/ssl") +
		globsOf("ignore", "/var/lib/dpkg", "*.pyc")
	for b.Loop() {
		if o := analyze.Hold(b, a, rules); len(o.Results) != 3 {
			b.Fatal(o.Results)
		}
	}
	perEntry(b)
}

// BenchmarkAdvise makes the findings, in one pass over nodes and rows.
func BenchmarkAdvise(b *testing.B) {
	for _, layers := range []int{1, 20, 120} {
		b.Run(fmt.Sprintf("layers=%d", layers), func(b *testing.B) {
			a := analysed(b, layers)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := analyze.Advise(b.Context(), a, analyze.AdviceOptions{}); err != nil {
					b.Fatal(err)
				}
			}
			perEntry(b)
		})
	}
}
