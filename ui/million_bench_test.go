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

// million is an image of a million entries in twelve layers. It is made once per run, and only
// if one of these benchmarks runs.
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

// BenchmarkMillionFlat measures the time from the key for the flat list to its frame.
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

// BenchmarkMillionBranches measures the same for opening the largest branches.
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

// BenchmarkMillionMap measures the time from the key for the map to its frame, with new sums.
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

// BenchmarkMillionMapKeyToFrame measures keys in the map with every directory open: down,
// layers, pages, the ends.
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

// percentiles reports the median and the 99th percentile of the times.
func percentiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	at := func(percent int) float64 {
		return float64(took[min(len(took)*percent/100, len(took)-1)]) / float64(time.Millisecond)
	}
	b.ReportMetric(at(50), "ms-median")
	b.ReportMetric(at(99), "ms-99th")
}

// BenchmarkMillionKeyToFrame measures the time from a key to its frame in an image of a million
// entries, with every directory open: down, up, pages, the ends.
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

// BenchmarkMillionLayerSwitch selects layers one after another. The views of earlier selections
// would be cached, so each is made again here.
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
				for from := -1; from < 12; from++ { // evict the cached views
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

// BenchmarkMillionFirstFrame measures the time from an analysis to its first frame.
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

// BenchmarkMillionPackages measures the time to open the view of packages for the first time,
// and then a key in it.
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
	b.ReportMetric(float64(opened)/float64(time.Millisecond), "ms-open") // Loop drops metrics reported before it
	percentiles(b, took)
}

// BenchmarkMillionComparison measures the time to compare two unions of an image of a million
// entries, from the analysis to the first frame, and then keys with every directory open,
// including opening and closing a directory.
func BenchmarkMillionComparison(b *testing.B) {
	million = nil // it compares contents, so its file must still exist
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

// BenchmarkMillionSearchKey measures a character typed into a search in an image of a million
// entries, up to the frame that shows the match.
func BenchmarkMillionSearchKey(b *testing.B) { benchmarkTyping(b, "/") }

// BenchmarkMillionFuzzyKey measures the same for a fuzzy search.
func BenchmarkMillionFuzzyKey(b *testing.B) { benchmarkTyping(b, "/ ctrl+r") }

// BenchmarkMillionFilterKey measures the same for a filter.
func BenchmarkMillionFilterKey(b *testing.B) { benchmarkTyping(b, "f") }

// benchmarkTyping types one character after the other and deletes it again, so that the matches
// are computed each time.
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
		m.explorer.files.cache = nil // drop the cached results of filters
		press(m, "backspace")
		b.StartTimer()
	}
	percentiles(b, took)
}

// BenchmarkMillionMemory measures the memory of the screen beside the analysis of a million
// entries, after showing all layers and all rows with every directory open.
func BenchmarkMillionMemory(b *testing.B) {
	held := func() float64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return float64(stats.HeapAlloc) / 1e6
	}
	for b.Loop() {
		million = nil // another benchmark may have left views in it
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

// BenchmarkMillionFix measures the time until the view of fixes shows something, and then a key
// in it.
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
