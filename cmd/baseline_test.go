package cmd

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// grown is the part of a check's JSON about growth.
type grown struct {
	Growth struct {
		Baseline      string
		Before, After struct{ StoredBytes, WastedBytes int64 }
		PathsKnown    bool
		Layers        []struct{ Before, After *int }
		Paths         []struct{ Path string }
		NewWaste      []struct{ Bytes int64 }
		GoneWaste     []struct{ Bytes int64 }
	}
}

func growthOf(t *testing.T, s *jsonschema.Schema, r result) grown {
	t.Helper()
	if r.code > exitRule || r.err != "" {
		t.Fatalf("exit code %d, %s", r.code, r.err)
	}
	valid(t, s, r.out)
	var g grown
	if err := json.Unmarshal([]byte(r.out), &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestBaseline uses an image or its report as the baseline, in a file or on standard input.
func TestBaseline(t *testing.T) {
	s := schema(t, "check.schema.json") // before the working directory changes
	twoBuilds(t)
	must(t, "report", "app.tar", "-f", "json", "-o", "app.json")
	for _, c := range []struct {
		baseline, stdin string
		paths           bool
	}{
		{"app.tar", "", true},
		{"app.json", "", false},
		{"-", "app.tar", true},
		{"-", "app.json", false},
	} {
		in := ""
		if c.stdin != "" {
			in = read(t, c.stdin)
		}
		g := growthOf(t, s, peelIn(strings.NewReader(in), "check", "next.tar", "-f", "json", "--baseline", c.baseline)).Growth
		var waste int64
		for _, w := range g.NewWaste {
			waste += w.Bytes
		}
		for _, w := range g.GoneWaste {
			waste -= w.Bytes
		}
		if g.Baseline != c.baseline || g.PathsKnown != c.paths || (len(g.Paths) > 0) != c.paths || len(g.Layers) != 6 ||
			g.Before.StoredBytes != 52628 || g.After.StoredBytes != 44628 || waste != g.After.WastedBytes-g.Before.WastedBytes {
			t.Errorf("%s (%s): %+v", c.baseline, c.stdin, g)
		}
	}
}

// TestBaselineOfAnotherBase checks that the check doesn't fail just because the older build
// lacks the base.
func TestBaselineOfAnotherBase(t *testing.T) {
	s := schema(t, "check.schema.json")
	inFolder(t, "docker-25", story)
	before := read(t, "app.tar")
	inFolder(t, "docker-25", story+"-- layer --\nfile more 10\n")
	write(t, "old.tar", []byte(before))
	if g := growthOf(t, s, peel("check", "app.tar", "-f", "json", "--baseline", "old.tar", "--base", "6")).Growth; len(g.Layers) != 6 {
		t.Errorf("got %d layers, want 6: %+v", len(g.Layers), g)
	}
}
