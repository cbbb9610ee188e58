package ui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
)

// BenchmarkKeyToFrame measures the time from a key to its frame: one row down, with every
// directory of a large image open.
func BenchmarkKeyToFrame(b *testing.B) {
	for _, size := range [][2]int{{80, 24}, {200, 60}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			m := start(b, large(b), size[0], size[1])
			press(m, "E g")
			down, up := keyOf("j"), keyOf("g")
			b.ReportAllocs()
			for b.Loop() {
				if m.explorer.files.cursor == m.explorer.files.list.rows-1 {
					send(m, up)
				}
				send(m, down)
				_ = m.View()
			}
		})
	}
}

// BenchmarkLayerSwitch measures the same for selecting a layer: its view is made on first use,
// the rows every time.
func BenchmarkLayerSwitch(b *testing.B) {
	m := start(b, large(b), 120, 40)
	press(m, "E shift+tab")
	keys := []string{"k", "j"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		send(m, keyOf(keys[i%2]))
		_ = m.View()
	}
}

var largeFixture *testkit.Fixture

// large returns an image of 20 layers and 20,000 files, some of which every layer writes again.
func large(b *testing.B) *analyze.Analysis {
	b.Helper()
	if largeFixture == nil {
		var s strings.Builder
		for layer := range 20 {
			s.WriteString("-- layer --\n")
			for i := range 1000 {
				fmt.Fprintf(&s, "file d%d/e%d/f%d 10 seed=%d\n", i%20, i%100, i+layer%4*1000, layer)
			}
		}
		f, err := testkit.Parse(s.String())
		if err != nil {
			b.Fatal(err)
		}
		largeFixture = f
	}
	return openFile(b, testkit.ShapeNamed("docker-20").Write(b, largeFixture))
}
