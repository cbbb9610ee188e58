package ui

import (
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestDocuments checks that the view of the image opens the manifest and the config, exactly as
// stored and indented.
func TestDocuments(t *testing.T) {
	for _, shape := range []string{"docker-20", "oci-tar"} {
		for _, size := range markSizes {
			t.Run(shape, func(t *testing.T) {
				a := openFile(t, testkit.ShapeNamed(shape).Write(t, testkit.Load(t, "testdata/app.image")))
				m := start(t, a, size[0], size[1])
				press(m, "3 v")
				intact(t, m)
				rowWith(t, m, "manifest")
				rowWith(t, m, "as it is stored")
				press(m, "]")
				rowWith(t, m, "config")
				rowWith(t, m, `"architecture":"amd64"`)
				press(m, "p")
				rowWith(t, m, "indented")
				rowWith(t, m, `  "architecture": "amd64"`)
				intact(t, m)
				press(m, "/")
				typed(m, "history")
				press(m, "enter p [")
				rowWith(t, m, "manifest")
				press(m, "[")
				rowWith(t, m, "no other document")
				press(m, "d")
				rowWith(t, m, "not a file of the image")
				press(m, "t w # G g q")
				if len(m.over) > 0 {
					t.Error("q doesn't close the page")
				}
			})
		}
	}
}

func TestIndented(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`{"a":[1,"{[\"["]}`, "{\n  \"a\": [\n    1,\n    \"{[\\\"[\"\n  ]\n}"},
		{`{"a":`, ""},
		{strings.Repeat("[", 5000) + strings.Repeat("]", 5000), ""},
	} {
		got, err := indented([]byte(tt.text))
		if string(got) != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%.40s: %q, %v", tt.text, got, err)
		}
	}
}
