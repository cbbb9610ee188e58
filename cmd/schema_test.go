package cmd

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/peelhq/peel/internal/testkit"
)

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.Join("..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T, s *jsonschema.Schema, text string) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestSchemas checks the output for every fixture, including hostile ones, against the schemas.
func TestSchemas(t *testing.T) {
	report, row, fix := schema(t, "report.schema.json"), schema(t, "ls.schema.json"), schema(t, "fix.schema.json")
	for _, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		t.Run(f.Name, func(t *testing.T) {
			path := f.Shapes()[0].Write(t, f)
			for _, im := range f.Images {
				if im.Absent != "" {
					continue
				}
				ref, platform := f.Ref(path, im)
				flags := []string{}
				if platform != "" {
					flags = append(flags, "--platform", platform)
				}
				valid(t, report, must(t, append(slices.Clone(flags), "report", ref, "-f", "json")...))
				valid(t, fix, must(t, append(slices.Clone(flags), "fix", ref, "-f", "json")...))
				views := [][]string{{"-R"}, {}}
				for i := range im.Layers {
					views = append(views, []string{"-R", "--layer", strconv.Itoa(i)}, []string{"--layer", strconv.Itoa(i)})
				}
				for _, view := range views {
					args := append(append(append([]string{"ls", "--json"}, flags...), ref), view...)
					for line := range strings.Lines(must(t, args...)) {
						valid(t, row, line)
					}
				}
			}
		})
	}
}

// TestKeyOrder checks that keys come in the documented order.
func TestKeyOrder(t *testing.T) {
	inFolder(t, "docker-25", story)
	d := json.NewDecoder(strings.NewReader(must(t, "report", "app.tar", "-f", "json")))
	var keys []string
	depth := 0
	for {
		tok, err := d.Token()
		if err != nil {
			break
		}
		switch x := tok.(type) {
		case json.Delim:
			if x == '{' || x == '[' {
				depth++
			} else {
				depth--
			}
		case string:
			if depth == 1 {
				keys = append(keys, x)
			}
		}
	}
	if got, want := strings.Join(keys, " "), "schema peel.report/v1 image totals base config causes layers packages unowned findings waste flaws"; got != want {
		t.Errorf("keys %q, want %q", got, want)
	}
	line, _, _ := strings.Cut(must(t, "ls", "app.tar", "--json"), "\n")
	want := `{"path":"/lib","type":"symlink","size":0,"mode":"0777","uid":0,"gid":0,"mtime":"2023-11-14T22:13:20Z","link":"usr/lib","layer":0,"change":"added"}`
	if line != want {
		t.Errorf("got line %s\nwant %s", line, want)
	}
}
