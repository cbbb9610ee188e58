package source

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestProvenance checks that an image has the provenance that its index lists beside it, and
// that an image without one has none.
func TestProvenance(t *testing.T) {
	f := testkit.Load(t, "../testdata/several-platforms.image")
	for shape, attested := range map[string]bool{"oci-attested": true, "oci-tar": false, "containerd": false} {
		im, err := Open(t.Context(), testkit.ShapeNamed(shape).Write(t, f), Options{Platform: f.Images[0].Platform})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { im.Close() })
		switch p := im.Provenance; {
		case !attested && p != nil:
			t.Errorf("%s: got unexpected provenance: %+v", shape, p)
		case attested && p == nil:
			t.Errorf("%s: no provenance", shape)
		case attested:
			if len(p.Files) != 1 || p.Files[0].Name != "Dockerfile" || string(p.Files[0].Text) != "FROM scratch\n" {
				t.Errorf("%s: files %+v", shape, p.Files)
			}
			for i, at := range p.Lines {
				if want := (BuildLines{0, i + 2, i + 2}); at != want {
					t.Errorf("%s: layer %d comes from %+v, want %+v", shape, i, at, want)
				}
			}
		}
	}
}

// TestParseProvenance checks which lines a statement assigns to the layers a, b, c and d of an
// image.
func TestParseProvenance(t *testing.T) {
	const (
		infos = `"infos":[{"filename":"Dockerfile","data":"RlJPTSB4Cg=="}]`
		about = `"subject":[{"name":"x","digest":{"sha256":"m"}}]`
	)
	// source places step N on lines N*10 and N*10+1.
	source := func(steps ...int) string {
		var at []string
		for _, n := range steps {
			at = append(at, fmt.Sprintf(`"step%d":{"locations":[{"ranges":[{"start":{"line":%d},"end":{"line":%d}}]}]}`, n, n*10, n*10+1))
		}
		return `"source":{"locations":{` + strings.Join(at, ",") + `},` + infos + `}`
	}
	// layers parses "1=ab 2=abc": step 1 produced the layers a and b.
	layers := func(chains string) string {
		m := map[string][][]map[string]string{}
		for chain := range strings.FieldsSeq(chains) {
			step, digests, _ := strings.Cut(chain, "=")
			var all []map[string]string
			for _, d := range digests {
				all = append(all, map[string]string{"digest": string(d)})
			}
			key := "step" + step + ":0"
			m[key] = append(m[key], all)
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return `"layers":` + string(b)
	}
	v1 := func(meta string) string {
		return `{` + about + `,"predicateType":"https://slsa.dev/provenance/v1","predicate":{"runDetails":{"metadata":{"buildkit_metadata":{` + meta + `}}}}}`
	}
	chains := layers("0=ab 1=abc 2=abcd")
	for _, c := range []struct{ name, text, want string }{
		{"v1", v1(source(0, 1, 2) + "," + chains), "0 0 10-11 20-21"},
		{
			"v1 under its former name",
			`{` + about + `,"predicateType":"https://slsa.dev/provenance/v1","predicate":{"runDetails":{"metadata":{"https://mobyproject.org/buildkit@v1#metadata":{` + source(1) + "," + chains + `}}}}}`,
			"0 0 10-11 0",
		},
		{
			"v0.2",
			`{` + about + `,"predicateType":"https://slsa.dev/provenance/v0.2","predicate":{"metadata":{"https://mobyproject.org/buildkit@v1#metadata":{` + source(1, 2) + "," + chains + `}}}}`,
			"0 0 10-11 20-21",
		},
		{"layers of the base are FROM's", v1(source(3, 4) + "," + layers("3=abc 4=abcd")), "30-31 30-31 30-31 40-41"},
		{"another stage's layers", v1(source(1, 2, 3) + "," + layers("1=a 2=ax 3=ab")), "10-11 30-31 0 0"},
		{"a copy that is linked", v1(source(1, 2, 3) + "," + layers("1=ab 2=c 3=abcd")), "10-11 10-11 20-21 30-31"},
		{"one end of two steps", v1(source(1, 2, 3) + "," + layers("1=ab 2=xc 3=yc")), "10-11 10-11 0 0"},
		{"a step that changes nothing", v1(source(2, 10) + "," + layers("10=ab 2=ab")), "20-21 20-21 0 0"},
		{"a step in two places", v1(`"source":{"locations":{"step1":{"locations":[{"ranges":[{"start":{"line":1},"end":{"line":1}}]},{"ranges":[{"start":{"line":2},"end":{"line":2}}]}]}},` + infos + `},` + layers("1=a")), "0 0 0 0"},
		{"several ranges", v1(`"source":{"locations":{"step1":{"locations":[{"ranges":[{"start":{"line":5},"end":{"line":6}},{"start":{"line":3},"end":{"line":4}}]}]}},` + infos + `},` + layers("1=a")), "3-6 0 0 0"},
		{"lines that are none", v1(`"source":{"locations":{"step1":{"locations":[{"ranges":[{"start":{"line":5},"end":{"line":4}}]}]},"step2":{"locations":[{"ranges":[{"start":{"line":-1},"end":{"line":4}}]}]}},` + infos + `},` + layers("1=a 2=ab")), "0 0 0 0"},
		{"a file that is not listed", v1(`"source":{"locations":{"step1":{"locations":[{"sourceIndex":1,"ranges":[{"start":{"line":5},"end":{"line":5}}]}]}},` + infos + `},` + layers("1=a")), "0 0 0 0"},
		{"mode min", v1(`"vcs":{}`), "error"},
		{"of another image", strings.Replace(v1(source(1)+","+chains), `"m"`, `"n"`, 1), "error"},
		{"another predicate", strings.Replace(v1(source(1)+","+chains), "provenance/v1", "other", 1), "error"},
		{"no JSON", "{", "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			im := &Image{Digest: "sha256:m"}
			for _, d := range "abcd" {
				im.Layers = append(im.Layers, &Layer{Digest: string(d)})
			}
			p, err := parseProvenance([]byte(c.text), im)
			got := "error"
			if err == nil {
				var all []string
				for _, at := range p.Lines {
					if at.First == 0 {
						all = append(all, "0")
					} else {
						all = append(all, fmt.Sprintf("%d-%d", at.First, at.Last))
					}
				}
				got = strings.Join(all, " ")
			}
			if got != c.want {
				t.Errorf("%s, want %s (%v)", got, c.want, err)
			}
		})
	}
}

// FuzzProvenance checks that for any statement, lines belong to a listed file, and that parsing
// it again gives the same lines.
func FuzzProvenance(f *testing.F) {
	f.Add([]byte(`{"subject":[{"digest":{"sha256":"m"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"runDetails":{"metadata":{"buildkit_metadata":{"source":{"infos":[{}],"locations":{"step1":{"locations":[{"ranges":[{"start":{"line":1},"end":{"line":2}}]}]}}},"layers":{"step1:0":[[{"digest":"a"}]],"step2:0":[[{"digest":"b"}]]}}}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		im := &Image{Digest: "sha256:m", Layers: []*Layer{{Digest: "a"}, {Digest: "b"}, {Digest: "a"}}}
		p, err := parseProvenance(text, im)
		if err != nil {
			return
		}
		for _, at := range p.Lines {
			if at.First != 0 && (at.First < 1 || at.Last < at.First || at.File < 0 || at.File >= len(p.Files)) {
				t.Fatalf("lines %+v", at)
			}
		}
		if again, err := parseProvenance(text, im); err != nil || !slices.Equal(again.Lines, p.Lines) {
			t.Fatalf("%v, and then %v (%v)", p.Lines, again, err)
		}
	})
}
