package ui

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/bench/madeup"
)

// million is an image of a million entries in twelve layers. It is made once a
// run, and only if one of these benchmarks is run.
var million *analyze.Analysis

func openMillion(b *testing.B) *analyze.Analysis {
	b.Helper()
	if million == nil {
		path := filepath.Join(b.TempDir(), "million.tar")
		f, err := os.Create(path)
		if err != nil {
			b.Fatal(err)
		}
		im := madeup.Image{Entries: 1_000_000, Layers: 12, Mean: 4096, Again: 10, Holes: true}
		if err := im.WriteDocker(f); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
		million = openFile(b, path)
	}
	return million
}

// BenchmarkMillionFlat is what stands between the key of the flat list and its frame.
func BenchmarkMillionFlat(b *testing.B) {
	m := start(b, openMillion(b), 120, 40)
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		press(m, "L")
		_ = m.View()
		took = append(took, time.Since(began))
		b.StopTimer()
		press(m, "L")
		b.StartTimer()
	}
	percentiles(b, took)
}

// BenchmarkMillionBranches is the same for where the bytes are.
func BenchmarkMillionBranches(b *testing.B) {
	m := start(b, openMillion(b), 120, 40)
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		press(m, "b")
		_ = m.View()
		took = append(took, time.Since(began))
	}
	percentiles(b, took)
}

// BenchmarkMillionMap is what stands between the key of the map and its frame, the
// sums made anew.
func BenchmarkMillionMap(b *testing.B) {
	a := openMillion(b)
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		m := start(b, a, 120, 40)
		b.StartTimer()
		began := time.Now()
		press(m, "4")
		_ = m.View()
		took = append(took, time.Since(began))
	}
	percentiles(b, took)
}

// BenchmarkMillionMapKeyToFrame is a key and its frame in that view, every directory
// open: down, layers, pages, the ends.
func BenchmarkMillionMapKeyToFrame(b *testing.B) {
	m := start(b, openMillion(b), 120, 40)
	press(m, "4 E g")
	keys := []string{"j", "left", "left", "pgdown", "right", "G", "pgup", "k", "g"}
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		send(m, keyOf(keys[i%len(keys)]))
		_ = m.View()
		took = append(took, time.Since(began))
	}
	percentiles(b, took)
}

// percentiles reports the times of single steps: the middle one, and the one
// that 99 of 100 do not exceed.
func percentiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	at := func(percent int) float64 {
		return float64(took[min(len(took)*percent/100, len(took)-1)]) / float64(time.Millisecond)
	}
	b.ReportMetric(at(50), "ms-median")
	b.ReportMetric(at(99), "ms-99th")
}

// BenchmarkMillionKeyToFrame is a key and its frame in an image of a million
// entries, every directory open: down, up, pages, the ends.
func BenchmarkMillionKeyToFrame(b *testing.B) {
	m := start(b, openMillion(b), 120, 40)
	press(m, "E g")
	keys := []string{"j", "j", "k", "pgdown", "G", "pgup", "k", "g"}
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		send(m, keyOf(keys[i%len(keys)]))
		_ = m.View()
		took = append(took, time.Since(began))
	}
	percentiles(b, took)
}

// BenchmarkMillionLayerSwitch selects layers one after another. The views of
// those that were selected before are kept; each is made anew here.
func BenchmarkMillionLayerSwitch(b *testing.B) {
	for _, tt := range []struct{ name, keys string }{{"closed", ""}, {"open", "E"}} {
		b.Run(tt.name, func(b *testing.B) {
			a := openMillion(b)
			m := start(b, a, 120, 40)
			press(m, tt.keys)
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				m.explorer.layers.to((i * 5) % 12)
				for from := -1; from < 12; from++ { // push the views out
					a.Tree.View(analyze.Spec{Mode: analyze.Range, From: from, At: 11})
				}
				b.StartTimer()
				began := time.Now()
				settle(m, m.explorer.follow())
				_ = m.View()
				took = append(took, time.Since(began))
			}
			percentiles(b, took)
		})
	}
}

// BenchmarkMillionFirstFrame is what stands between an analysis and its first
// frame.
func BenchmarkMillionFirstFrame(b *testing.B) {
	a := openMillion(b)
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		for from := -1; from < 12; from++ {
			a.Tree.View(analyze.Spec{Mode: analyze.Range, From: from, At: 11})
		}
		b.StartTimer()
		began := time.Now()
		m := newModel(b.Context(), Options{Environ: []string{"LANG=C.UTF-8"}})
		m.timer = nothingLater
		m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
		m.Update(m.loadedFrom()(b.Context(), a))
		_ = m.View()
		took = append(took, time.Since(began))
	}
	percentiles(b, took)
}

// BenchmarkMillionPackages is what the view of packages takes to open, when nobody has
// asked for packages before, and then a key in it.
func BenchmarkMillionPackages(b *testing.B) {
	a := openMillion(b)
	var took []time.Duration
	m := start(b, a, 120, 40)
	began := time.Now()
	press(m, fmt.Sprint(len(views)))
	_ = m.View()
	opened := time.Since(began)
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		send(m, keyOf([]string{"j", "G", "k", "g"}[i%4]))
		_ = m.View()
		took = append(took, time.Since(began))
	}
	b.ReportMetric(float64(opened)/float64(time.Millisecond), "ms-open") // a loop drops what was reported before
	percentiles(b, took)
}

// BenchmarkMillionComparison is what it takes to compare two unions of an image of a
// million entries, from the analysis to the first frame, and then a key and its frame
// with every directory open; opening and closing a directory among them.
func BenchmarkMillionComparison(b *testing.B) {
	million = nil // contents are compared: its file must still be there
	s := &fakeShop{images: map[string]*analyze.Analysis{"a": openMillion(b)}}
	began := time.Now()
	m := comparing(b, s, [2]Side{{Ref: "a", Name: "a", At: 2}, {Ref: "a", Name: "a", At: -1}}, 120, 40)
	_ = m.View()
	opened := time.Since(began)
	if m.err != nil || m.a == nil {
		b.Fatal("not compared: ", m.err)
	}
	began = time.Now()
	press(m, "E")
	_ = m.View()
	openedAll := time.Since(began)
	keys := []string{"j", "G", "k", "g", "pgdown", "h", "l"}
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		send(m, keyOf(keys[i%len(keys)]))
		_ = m.View()
		took = append(took, time.Since(began))
	}
	b.ReportMetric(float64(opened)/float64(time.Millisecond), "ms-open")
	b.ReportMetric(float64(openedAll)/float64(time.Millisecond), "ms-open-all")
	percentiles(b, took)
}

// BenchmarkMillionSearchKey is what a character typed into a search costs in an
// image of a million entries, up to the frame that shows the match.
func BenchmarkMillionSearchKey(b *testing.B) { benchmarkTyping(b, "/") }

// BenchmarkMillionFuzzyKey is the same for a fuzzy search.
func BenchmarkMillionFuzzyKey(b *testing.B) { benchmarkTyping(b, "/ ctrl+r") }

// BenchmarkMillionFilterKey is the same for a filter.
func BenchmarkMillionFilterKey(b *testing.B) { benchmarkTyping(b, "f") }

// benchmarkTyping types one character after the other and takes it back: what it
// matches is found anew each time.
func benchmarkTyping(b *testing.B, prompt string) {
	m := start(b, openMillion(b), 120, 40)
	press(m, "C "+prompt)
	letters := []string{"s", "e", "c", "."}
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		send(m, keyOf(letters[i%len(letters)]))
		_ = m.View()
		took = append(took, time.Since(began))
		b.StopTimer()
		m.explorer.files.cache = nil // keeps what filters left
		press(m, "backspace")
		b.StartTimer()
	}
	percentiles(b, took)
}

// BenchmarkMillionMemory is what the screen holds of an image of a million
// entries beside the analysis, once all layers have been looked at with every
// directory open, and all rows have been on the screen.
func BenchmarkMillionMemory(b *testing.B) {
	held := func() float64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return float64(stats.HeapAlloc) / 1e6
	}
	for b.Loop() {
		million = nil // another benchmark may have left views with it
		a := openMillion(b)
		before := held()
		m := start(b, a, 120, 40)
		opened := held()
		press(m, "E shift+tab g")
		for range a.Layers {
			press(m, "j")
		}
		views := held()
		for i := range m.explorer.files.rows.len() {
			m.explorer.files.rows.at(i)
		}
		b.ReportMetric(before, "MB-analysis")
		b.ReportMetric(opened-before, "MB-first-frame")
		b.ReportMetric(views-before, "MB-all-layers")
		b.ReportMetric(held()-before, "MB-all-rows")
		runtime.KeepAlive(m)
	}
}

// BenchmarkMillionFix is what the view of fixes takes before it has something to show, and
// what a key takes once it has.
func BenchmarkMillionFix(b *testing.B) {
	a := openMillion(b)
	b.Run("open", func(b *testing.B) {
		var took []time.Duration
		for b.Loop() {
			began := time.Now()
			if _, err := newFixWork(b.Context(), a, cleaner{}, make([]string, len(a.Layers))); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(began))
		}
		percentiles(b, took)
	})
	b.Run("key", func(b *testing.B) {
		m := start(b, a, 120, 40)
		press(m, "2")
		keys := []string{"j", "space", "j", "tab", "j", "tab", "G", "k", "pgup", "g"}
		var took []time.Duration
		for i := 0; b.Loop(); i++ {
			began := time.Now()
			_, cmd := m.Update(keyOf(keys[i%len(keys)]))
			_ = m.View()
			took = append(took, time.Since(began))
			b.StopTimer()
			settle(m, cmd)
			b.StartTimer()
		}
		percentiles(b, took)
	})
}
