package source_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestArrived checks that the layers of a stream are reported as they arrive, and get the
// manifest's numbers once the manifest has arrived.
func TestArrived(t *testing.T) {
	testkit.NoEngines(t)
	numbered := 0
	for _, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		for _, shape := range f.Shapes() {
			if shape.Dir || len(f.Refusals) > 0 {
				continue
			}
			var last []source.Arrived
			growing := true
			im, err := source.Open(t.Context(), "-", source.Options{
				Stdin: bytes.NewReader(shape.Archive(f)), Arriving: true,
				Progress: func(p source.Progress) {
					growing = growing && len(p.Arrived) >= len(last)
					last = p.Arrived
				},
			})
			if err != nil {
				continue // other tests cover this error
			}
			if !growing {
				t.Errorf("%s as %s: layers that had arrived are missing", f.Name, shape.Name)
			}
			for _, a := range last {
				if a.Number < 0 {
					continue
				}
				if a.Number >= len(im.Layers) {
					t.Errorf("%s as %s: layer %d of %d", f.Name, shape.Name, a.Number, len(im.Layers))
					continue
				}
				numbered++
				e := im.Layers[a.Number].Entries
				var bytes int64
				for i := range e.Len() {
					if e.Type(i) == source.File {
						bytes += e.Stored(i)
					}
				}
				if a.Entries != e.Len() || a.Bytes != bytes {
					t.Errorf("%s as %s: layer %d has %d entries and %d bytes, but %d and %d were reported", f.Name, shape.Name, a.Number, e.Len(), bytes, a.Entries, a.Bytes)
				}
			}
			if err := im.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if numbered < testkit.Rounds(100) {
		t.Errorf("only %d layers had a number", numbered)
	}
}

// TestArrivedShares checks the order, sizes and largest directories of an image's layers.
func TestArrivedShares(t *testing.T) {
	testkit.NoEngines(t)
	f, err := testkit.Parse(`
-- layer --
dir usr
file usr/a 500
file ./usr/b 700
file /var//c 300
file d 40
file etc/e 41
-- layer --
file only 7
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range []string{"docker-25", "docker-20", "podman", "oci-tar"} {
		var told [][]source.Arrived
		_, err := source.Open(t.Context(), "-", source.Options{
			Stdin: bytes.NewReader(testkit.ShapeNamed(shape).Archive(f)), Arriving: true,
			Progress: func(p source.Progress) {
				if len(p.Arrived) > 0 {
					told = append(told, p.Arrived)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(told) < 2 || len(told[0]) != 1 {
			t.Fatalf("%s: got %v, want the first layer before the second", shape, told)
		}
		var lines []string
		for _, a := range told[len(told)-1] {
			lines = append(lines, fmt.Sprintf("%d: %d entries, %d bytes, %v", a.Number, a.Entries, a.Bytes, a.Largest))
		}
		slices.Sort(lines)
		const want = "0: 6 entries, 1581 bytes, [{usr 1200} {var 300} {etc 41}]\n1: 1 entries, 7 bytes, [{only 7}]"
		if got := strings.Join(lines, "\n"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", shape, got, want)
		}
	}
}
