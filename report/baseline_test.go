package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
)

// kept writes an analysis as a report and reads it back.
func kept(t *testing.T, a *analyze.Analysis) *analyze.Baseline {
	t.Helper()
	var b bytes.Buffer
	if err := JSON(&b, a, nil); err != nil {
		t.Fatal(err)
	}
	out, err := ReadBaseline(&b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// growthLines formats a growth except for its paths, which a report lacks.
func growthLines(g *analyze.Growth) []string {
	lines := []string{fmt.Sprintf("%+v to %+v", g.Before, g.After)}
	for _, l := range g.Layers {
		lines = append(lines, fmt.Sprintf("layer %d %d %q same=%v %d %d %d", l.Before, l.After, quoted(l.Step), l.Same, l.Bytes, l.Stored, l.Wasted))
	}
	for _, list := range [][]analyze.Waste{g.NewWaste, g.GoneWaste} {
		lines = append(lines, "waste")
		for _, w := range list {
			lines = append(lines, fmt.Sprintf("%q %d %s %d %d", string([]rune(w.Path())), w.Bytes, w.Cause, w.Layer, w.By))
		}
	}
	return lines
}

// TestBaselineIsItsImage checks that growth from a report equals growth from its image.
func TestBaselineIsItsImage(t *testing.T) {
	other := analysis(t, "-- layer --\nfile a 5\nfile b 7\n-- layer --\nfile a 50\nfile .wh.b\n")
	for _, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		if f.Images[0].Absent != "" {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			a := analysisOf(t, f)
			for _, pair := range [][2]*analyze.Analysis{{a, a}, {a, other}, {other, a}} {
				want, err := pair[1].GrowthSince(t.Context(), "x", pair[0])
				if err != nil {
					t.Fatal(err)
				}
				got := pair[1].GrowthFrom("x", kept(t, pair[0]))
				if !slices.Equal(growthLines(got), growthLines(want)) {
					t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(growthLines(got), "\n\t"), strings.Join(growthLines(want), "\n\t"))
				}
				if got.PathsKnown || len(got.Paths) > 0 || !want.PathsKnown {
					t.Errorf("paths known: %v, %v", got.PathsKnown, want.PathsKnown)
				}
			}
			g := a.GrowthFrom("x", kept(t, a))
			if g.Before != g.After || len(g.NewWaste)+len(g.GoneWaste) > 0 {
				t.Errorf("growth against itself: %v", growthLines(g))
			}
		})
	}
}

func TestGrowth(t *testing.T) {
	before := analysis(t, `
-- image app:1 linux/amd64 --
step "ADD base"
step "RUN make"
step "RUN rm"
-- layer --
file a 100
file b 10
file lib 5
-- layer --
file out 1000
file a 101
-- layer --
file .wh.b
file .wh.out
`)
	after := analysis(t, `
-- image app:2 linux/amd64 --
step "ADD base"
step "RUN make"
step "RUN rm"
-- layer --
file a 100
file b 10
file lib 5
-- layer --
file out 1500
file a 102
file "\xff" 7
-- layer --
file .wh.out
file ".wh.\xff"
`)
	want := []string{
		"layer 0 0 \"ADD base\" same=true 115 0 -10",
		"layer 1 1 \"RUN make\" same=false 1609 508 507",
		"layer 2 2 \"RUN rm\" same=false 0 0 0",
		"waste",
		"\"/out\" 500 removed 1 2",
		"\"/\ufffd\" 7 removed 1 2",
		"waste",
		"\"/b\" 10 removed 0 2",
	}
	g, err := after.GrowthSince(t.Context(), "app:1", before)
	if err != nil {
		t.Fatal(err)
	}
	if got := growthLines(g)[1:]; !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	if paths := fmt.Sprint(g.Paths); paths != "[{/b -1 10} {/a 101 102}]" || g.Grown != 2 || !g.PathsKnown || g.Baseline != "app:1" {
		t.Errorf("paths %s", paths)
	}
	if g.Before.Stored != 1216 || g.After.Stored != 1724 || g.Before.Wasted != 1110 || g.After.Wasted != 1607 {
		t.Errorf("figures %+v, %+v", g.Before, g.After)
	}
}

func TestReadBaselineErrors(t *testing.T) {
	a := analysis(t, "-- layer --\nfile a 5\n-- layer --\nfile a 6\n")
	var b bytes.Buffer
	if err := JSON(&b, a, nil); err != nil {
		t.Fatal(err)
	}
	whole := b.String()
	swap := func(old, replacement string) string {
		if !strings.Contains(whole, old) {
			t.Fatalf("the report lacks %s", old)
		}
		return strings.Replace(whole, old, replacement, 1)
	}
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", "it ends too early"},
		{"no object", "[]", "[ in place of {"},
		{"empty", "{}", "schema is missing"},
		{"another schema", swap("peel.report/v1", "peel.report/v9"), `its schema is "peel.report/v9", not "peel.report/v1"`},
		{"no schema", swap(`"schema"`, `"scheme"`), "schema is missing"},
		{"a schema that isn't text", swap(`"peel.report/v1"`, `1`), "schema is a number, but a report has another type here"},
		{"no totals", swap(`"totals"`, `"total"`), "totals is missing"},
		{"no layers", swap(`"layers": [`, `"layer": [`), "layers is missing"},
		{"no waste", swap(`"waste"`, `"wast"`), "waste is missing"},
		{"no figure", swap(`"storedBytes"`, `"bytes"`), "totals.storedBytes is missing"},
		{"null instead of a figure", swap(`"wastedBytes": 5`, `"wastedBytes": null`), "totals.wastedBytes is missing"},
		{"a string instead of a figure", swap(`"storedBytes": 11`, `"storedBytes": "11"`), "totals.storedBytes is a string, but a report has another type here"},
		{"half a byte", swap(`"storedBytes": 11`, `"storedBytes": 1.5`), "totals.storedBytes is a number 1.5"},
		{"a negative figure", swap(`"entries": 2`, `"entries": -2`), "totals.entries is -2"},
		{"too large a figure", swap(`"entries": 2`, `"entries": 99999999999999999999`), "totals.entries is a number 99999999999999999999"},
		{"no share", swap(`"efficiency": 0.5454545454545454`, `"efficiency": 1.5`), "totals.efficiency is 1.5, no share"},
		{"an index out of order", swap(`"index": 1`, `"index": 0`), "layers[1].index is 0"},
		{"a layer without bytes", swap(`"storedBytes": 5`, `"storedBytes": null`), "layers[0].storedBytes is missing"},
		{"no path", swap(`"path"`, `"name"`), "waste[0].path is missing"},
		{"an unknown cause", swap(`"cause": "overwritten",`+"\n"+`      "layer"`, `"cause": "",`+"\n"+`      "layer"`), `waste[0].cause is "", which is not a cause`},
		{"a layer that doesn't exist", swap(`"by": 1`, `"by": 2`), "waste[0] names a layer that does not exist"},
		{"rows that do not add up", swap(`"bytes": 5,`+"\n"+`      "cause"`, `"bytes": 4,`+"\n"+`      "cause"`), "do not add up: the wasted bytes of its rows of waste are 4, its totals say 5"},
		{"totals that do not add up", swap(`"visibleBytes": 6`, `"visibleBytes": 7`), "do not add up: the visible and wasted bytes together are 6"},
		{"fewer layers than in the totals", swap(`"layers": 2`, `"layers": 3`), "do not add up: the layers in it are 2, its totals say 3"},
		{"a key twice", swap(`"flaws": []`, `"waste": []`), `"waste" occurs twice`},
		{"cut off", whole[:len(whole)/2], "it ends too early"},
		{"more behind it", whole + "{}", "more data follows the report"},
		{"no list", swap(`"waste": [`, `"waste": {}, "x": [`), "waste: { in place of ["},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ReadBaseline(strings.NewReader(c.in)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
	for name, in := range map[string]string{
		"more white space":  " \n\t" + whole + "\n\n",
		"a key of tomorrow": swap(`"totals"`, `"new": {"a": [1, {"b": null}], "c": "}"}, "totals"`),
		"unknown sizes":     swap(`"compressedBytes": null`, `"compressedBytes": 7`),
	} {
		if _, err := ReadBaseline(strings.NewReader(in)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// endless is a stream of spaces that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestReadBaselineIsBounded(t *testing.T) {
	in := &bounded{r: endless{}, left: 1 << 16}
	if n, err := io.Copy(io.Discard, in); err == nil || n > 1<<16+1 {
		t.Errorf("read %d bytes, error %v", n, err)
	}
	b := baselineReader{d: json.NewDecoder(strings.NewReader("[1, 2, 3]"))}
	skip := func(int) error { _, err := b.d.Token(); return err }
	if err := b.array("waste", 2, skip); err == nil || err.Error() != "waste has more than 2 rows" {
		t.Errorf("error %v", err)
	}
}

func FuzzReadBaseline(f *testing.F) {
	f.Add([]byte(`{"schema":"peel.report/v1","totals":{"layers":1,"entries":1,"storedBytes":1,"visibleBytes":0,"wastedBytes":1,"efficiency":0,"compressedBytes":null,"userWastedBytes":0},"layers":[{"index":0,"diffId":null,"storedBytes":1,"wastedBytes":1,"command":"RUN x"}],"waste":[{"path":"/a","bytes":1,"cause":"removed","layer":0,"by":0}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := ReadBaseline(bytes.NewReader(in))
		if err != nil {
			return
		}
		var waste int64
		for _, w := range b.Waste {
			waste += w.Bytes
		}
		if waste != b.Figures.Wasted || len(b.Layers) != b.Figures.Layers || b.Figures.Visible < 0 {
			t.Errorf("the sums are wrong: %+v", b)
		}
	})
}
