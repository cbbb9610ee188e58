package analyze

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/peelhq/peel/source"
)

func TestCheck(t *testing.T) {
	layer := func(step string, stored, wasted int64) LayerTotal {
		return LayerTotal{Layer: &source.Layer{Step: source.Step{Command: step}}, Stored: stored, Wasted: wasted}
	}
	a := &Analysis{
		Totals: Totals{Layers: 3, Stored: 1000, Visible: 900, Wasted: 100, Efficiency: 0.9, Compressed: -1, BaseLayers: 1, UserStored: 500, UserWasted: 100, UserWastedRatio: 0.2},
		Layers: []LayerTotal{layer("ADD base", 500, 0), layer("RUN make", 400, 100), layer("RUN chmod 600 /x", 100, 0)},
		Waste:  RowsOf([]Waste{Waste{Bytes: 100, Cause: MetadataCopy, Layer: 1, By: 2}.At("/x")}),
	}
	a.Layers[0].Base = true
	packed := *a
	packed.Totals.Compressed = 300
	lost := *a
	lost.Base.Missing = "the base x:1 cannot be found"
	spread := *a
	spread.Totals.Wasted = 90
	spread.Waste = RowsOf([]Waste{
		Waste{Bytes: 40, Cause: MetadataCopy, Layer: 1, By: 2}.At("/x"), Waste{Bytes: 30, Cause: Deleted, Layer: 0, By: 1}.At("/y"), Waste{Bytes: 20, Cause: Duplicate, By: 0}.At("/z"),
	})
	before := &Figures{Stored: 800}
	for _, c := range []struct {
		name   string
		a      *Analysis
		rules  string // in the form that Told takes
		before *Figures
		want   string // the one result: its rule and state
		says   string
		find   string // IDs of the findings
		advise string // part of the first finding's advice
	}{
		{"no rules", a, "", nil, "", "", "", ""},
		{"efficiency just met", a, "scope image; min-efficiency 0.9", nil, "min-efficiency pass", "efficiency of the image is 90.0 %, at least 90.0 %", "", ""},
		{"efficiency just missed", a, "scope image; min-efficiency 0.90001", nil, "min-efficiency error", "efficiency of the image is 90.000 %, less than 90.001 %", "min-efficiency", "Of 100 B of waste, 1 B must go. All of it is hidden by layer 2 (RUN chmod 600 /x)."},
		{"efficiency far off", a, "scope image; min-efficiency 0.95", nil, "min-efficiency error", "efficiency of the image is 90.0 %, less than 95.0 %", "min-efficiency", "Of 100 B of waste, 53 B must go."},
		{"all has to be visible", a, "scope image; min-efficiency 1.0", nil, "min-efficiency error", "efficiency of the image is 90.0 %, less than 100.0 %", "min-efficiency", "All waste must go, 100 B."},
		{"nothing is stored", &Analysis{}, "scope image; min-efficiency 1.0", nil, "min-efficiency pass", "efficiency of the image is 100.0 %, at least 100.0 %", "", ""},
		{"own efficiency just met", a, "min-efficiency 0.8", nil, "min-efficiency pass", "efficiency of own layers is 80.0 %, at least 80.0 %", "", ""},
		{"own efficiency missed", a, "min-efficiency 0.9", nil, "min-efficiency error", "efficiency of own layers is 80.0 %, less than 90.0 %", "min-efficiency", "Of 100 B of waste, 56 B must go. All of it is hidden by layer 2 (RUN chmod 600 /x)."},
		{"own layers store nothing", &Analysis{Totals: Totals{Layers: 1, BaseLayers: 1, Stored: 500, Wasted: 400}}, "min-efficiency 1.0", nil, "min-efficiency pass", "efficiency of own layers is 100.0 %, at least 100.0 %", "", ""},
		{"the base is missing", &lost, "min-efficiency 0.9", nil, "min-efficiency unchecked", "min-efficiency is not checked: the base x:1 cannot be found", "min-efficiency", "--base"},
		{"the base is missing, user waste", &lost, "max-user-wasted 0.9", nil, "max-user-wasted unchecked", "max-user-wasted is not checked: the base x:1 cannot be found", "max-user-wasted", "--base"},
		{"the base is missing, the whole image", &lost, "scope image; min-efficiency 0.9", nil, "min-efficiency pass", "efficiency of the image is 90.0 %, at least 90.0 %", "", ""},
		{"the largest of several", &spread, "max-wasted 10", nil, "max-wasted error", "waste is 90 B, more than 10 B", "max-wasted", "Of 90 B of waste, 80 B must go. The largest part, 40 B, is hidden by layer 2 (RUN chmod 600 /x)."},

		{"waste just met", a, "max-wasted 100", nil, "max-wasted pass", "waste is 100 B, at most 100 B", "", ""},
		{"waste exceeded", a, "max-wasted 99", nil, "max-wasted error", "waste is 100 B, more than 99 B", "max-wasted", "Of 100 B of waste, 1 B must go."},
		{"waste warned of", a, "max-wasted 99 warn", nil, "max-wasted warning", "waste is 100 B, more than 99 B", "max-wasted", "1 B"},
		{"no waste allowed", a, "max-wasted 0", nil, "max-wasted error", "waste is 100 B, more than 0 B", "max-wasted", "100 B"},
		{"user waste met", a, "max-user-wasted 0.2", nil, "max-user-wasted pass", "the share of own layers that is waste is 20.0 %, at most 20.0 %", "", ""},
		{"user waste exceeded", a, "max-user-wasted 0.1", nil, "max-user-wasted error", "the share of own layers that is waste is 20.0 %, more than 10.0 %", "max-user-wasted", "Of 100 B of waste, 56 B must go."},
		{"no user layers", &Analysis{}, "max-user-wasted 0.0", nil, "max-user-wasted pass", "the share of own layers that is waste is 0.0 %, at most 0.0 %", "", ""},

		{"waste below the floor", a, "max-wasted 0; min-wasted 101", nil, "max-wasted pass", "waste is 100 B, more than 0 B, but the waste, 100 B, is below the floor of 101 B", "", ""},
		{"waste on the floor", a, "max-wasted 0; min-wasted 100", nil, "max-wasted error", "waste is 100 B, more than 0 B", "max-wasted", "100 B"},
		{"efficiency and the floor", a, "scope image; min-efficiency 0.95; min-wasted 1000", nil, "min-efficiency pass", "efficiency of the image is 90.0 %, less than 95.0 %, but the waste, 100 B, is below the floor of 1.00 kB", "", ""},
		{"user waste and the floor", a, "max-user-wasted 0.1; min-wasted 101", nil, "max-user-wasted pass", "the share of own layers that is waste is 20.0 %, more than 10.0 %, but the waste, 100 B, is below the floor of 101 B", "", ""},
		{"the floor and sizes", a, "max-size 999; min-wasted 5000", nil, "max-size error", "the stored size is 1.00 kB, more than 999 B", "max-size", ""},

		{"size met", a, "max-size 1000", nil, "max-size pass", "the stored size is 1.00 kB, at most 1.00 kB", "", ""},
		{"size exceeded", a, "max-size 900", nil, "max-size error", "the stored size is 1.00 kB, more than 900 B", "max-size", "100 B must go. The largest is layer 0 (ADD base): 500 B."},
		{"compressed size met", &packed, "max-compressed-size 300", nil, "max-compressed-size pass", "the compressed size is 300 B, at most 300 B", "", ""},
		{"compressed size exceeded", &packed, "max-compressed-size 299", nil, "max-compressed-size error", "the compressed size is 300 B, more than 299 B", "max-compressed-size", "1 B must go."},
		{"compressed size unknown", a, "max-compressed-size 299", nil, "max-compressed-size unchecked", "max-compressed-size is not checked: not all layers are compressed here", "max-compressed-size", "OCI archive"},
		{"layers met", a, "max-layers 3", nil, "max-layers pass", "the number of layers is 3, at most 3", "", ""},
		{"layers exceeded", a, "max-layers 2", nil, "max-layers error", "the number of layers is 3, more than 2", "max-layers", "Join steps"},
		{"layer size met", a, "max-layer-size 500", nil, "max-layer-size pass", "the largest layer, layer 0, stores 500 B, at most 500 B", "", ""},
		{"layer size exceeded", a, "max-layer-size 399", nil, "max-layer-size error", "the largest layer, layer 0, stores 500 B, more than 399 B", "max-layer-size/ADD base max-layer-size/RUN make", "base image"},

		{"growth in bytes met", a, "max-growth 200", before, "max-growth pass", "growth of the stored size is 200 B, at most 200 B", "", ""},
		{"growth in bytes exceeded", a, "max-growth 199", before, "max-growth error", "growth of the stored size is 200 B, more than 199 B", "max-growth", "It stores 1.00 kB where the baseline stored 800 B."},
		{"growth as a share met", a, "max-growth 25%", before, "max-growth pass", "growth of the stored size is 25.0 %, at most 25.0 %", "", ""},
		{"growth as a share exceeded", a, "max-growth 20%", before, "max-growth error", "growth of the stored size is 25.0 %, more than 20.0 %", "max-growth", "stores"},
		{"shrunk", a, "max-growth 0", &Figures{Stored: 2000}, "max-growth pass", "growth of the stored size is -1.00 kB, at most 0 B", "", ""},
		{"grown from nothing", a, "max-growth 500%", &Figures{}, "max-growth error", "growth of the stored size is from nothing, more than 500.0 %", "max-growth", ""},
		{"growth of waste met", a, "max-wasted-growth 20", &Figures{Stored: 800, Wasted: 80}, "max-wasted-growth pass", "growth of the wasted bytes is 20 B, at most 20 B", "", ""},
		{"growth of waste exceeded", a, "max-wasted-growth 19", &Figures{Stored: 1000, Wasted: 80}, "max-wasted-growth error", "growth of the wasted bytes is 20 B, more than 19 B", "max-wasted-growth", "It wastes 100 B where the baseline wasted 80 B."},
		{"growth of waste as a share met", a, "max-wasted-growth 25%", &Figures{Wasted: 80}, "max-wasted-growth pass", "growth of the wasted bytes is 25.0 %, at most 25.0 %", "", ""},
		{"growth of waste as a share exceeded", a, "max-wasted-growth 24.9%", &Figures{Wasted: 80}, "max-wasted-growth error", "growth of the wasted bytes is 25.0 %, more than 24.9 %", "max-wasted-growth", "wastes"},
		{"waste from nothing", a, "max-wasted-growth 900%", &Figures{Stored: 1000}, "max-wasted-growth error", "growth of the wasted bytes is from nothing, more than 900.0 %", "max-wasted-growth", ""},
		{"less waste, in a larger image", a, "max-wasted-growth 0", &Figures{Stored: 10, Wasted: 200}, "max-wasted-growth pass", "growth of the wasted bytes is -100 B, at most 0 B", "", ""},
		{"growth of waste without a baseline", a, "max-wasted-growth 0", nil, "max-wasted-growth unchecked", "max-wasted-growth is not checked: no baseline to compare with", "max-wasted-growth", "--baseline"},
		{"growth without a baseline", a, "max-growth 0", nil, "max-growth unchecked", "max-growth is not checked: no baseline to compare with", "max-growth", "--baseline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := CheckOptions{}
			if c.before != nil {
				opts.Growth = &Growth{Before: *c.before}
			}
			o := held(t, c.a, c.rules, opts)
			var got, says string
			for _, r := range o.Results {
				got, says = r.Rule+" "+state(r), r.Message
			}
			if len(o.Results) > 1 || got != c.want || says != c.says {
				t.Errorf("got %q, %q\nwant %q, %q", got, says, c.want, c.says)
			}
			var ids []string
			for _, f := range o.Findings {
				ids = append(ids, f.ID)
				if state(o.Results[0]) != "unchecked" && f.Severity != o.Results[0].Severity {
					t.Errorf("got severity %s for the finding", f.Severity)
				}
			}
			if strings.Join(ids, " ") != c.find {
				t.Errorf("findings %q, want %q", ids, c.find)
			}
			if len(ids) > 0 && !strings.Contains(o.Findings[0].Advice, c.advise) {
				t.Errorf("got advice %q, want %q in it", o.Findings[0].Advice, c.advise)
			}
			if want := strings.HasSuffix(c.want, " error"); o.Failed() != want {
				t.Errorf("failed: %v, want %v", o.Failed(), want)
			}
		})
	}
}

// held checks an analysis against rules in the form that Told takes.
func held(t *testing.T, a *Analysis, rules string, opts CheckOptions) *Outcome {
	t.Helper()
	o, err := hold(t.Context(), a, Told(t, rules), opts)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// state returns the state of a rule in one word.
func state(r Result) string {
	switch {
	case r.Unchecked:
		return "unchecked"
	case r.Failed:
		return r.Severity.String()
	}
	return "pass"
}

// TestCheckUnreadable checks rules on an image with parts that can't be read, whose size is
// unknown. A rule that holds for the rest isn't known to hold; a rule that fails has failed.
func TestCheckUnreadable(t *testing.T) {
	bad := &source.Layer{Err: errors.New("squashfs")}
	a := &Analysis{
		Totals: Totals{Layers: 2, Stored: 1000, Visible: 900, Wasted: 100},
		Layers: []LayerTotal{{Layer: &source.Layer{}, Stored: 1000}, {Layer: bad}},
	}
	o := held(t, a, "max-size 1000; max-wasted 50; max-layers 2", CheckOptions{})
	var got []string
	for _, r := range o.Results {
		got = append(got, r.Rule+" "+state(r)+": "+r.Message)
	}
	want := "max-wasted error: waste is 100 B, more than 50 B\nmax-size unchecked: max-size is not checked: layer 1 cannot be read\nmax-layers pass: the number of layers is 2, at most 2"
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	if want := "layer 1 cannot be read: the figures are those of the others"; len(o.Notes) != 1 || o.Notes[0] != want {
		t.Errorf("notes %q, want %q", o.Notes, want)
	}
}

func TestMayWaste(t *testing.T) {
	for _, c := range []struct {
		visible    int64
		efficiency float64
		want       int64
	}{{900, 0.9, 100}, {900, 1, 0}, {900, 0, math.MaxInt64}, {0, 0.5, 0}, {100, 0.5, 100}} {
		if got := mayWaste(c.visible, c.efficiency); got != c.want {
			t.Errorf("beside %d at %v: got %d, want %d", c.visible, c.efficiency, got, c.want)
		}
	}
}
