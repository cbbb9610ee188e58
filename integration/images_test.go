package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestImagesAreListed builds an image and looks for it in the lists of both engines, with a
// reference that opens it.
func TestImagesAreListed(t *testing.T) {
	b := builtImage(t)
	peel := buildProgram(t)
	out, code := peel.run(t, form{}, "images", "--json")
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	type row struct {
		Engine, ID, Platform, Ref string
		Name                      *string
		Size                      int64
		Layers                    *int
	}
	found := map[string]row{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var r row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		if r.Name != nil && strings.TrimPrefix(*r.Name, "localhost/") == b.name {
			found[r.Engine] = r
		}
	}
	for engine, id := range map[string]string{
		"docker": strings.TrimSpace(run(t, "docker", "inspect", "--format", "{{.Id}}", b.name)),
		"podman": "sha256:" + strings.TrimPrefix(strings.TrimSpace(run(t, "podman", "inspect", "--format", "{{.Id}}", b.name)), "sha256:"),
	} {
		r, ok := found[engine]
		switch {
		case !ok:
			t.Errorf("%s: %s isn't in the list:\n%s", engine, b.name, out)
			continue
		case r.ID != id || r.Size <= 0:
			t.Errorf("%s: listed as %+v, but its ID is %s", engine, r, id)
		}
		report, code := peel.run(t, form{}, "report", "-f", "json", r.Ref)
		var got struct {
			Totals struct{ Layers int }
			Image  struct{ Platform string }
		}
		if err := json.Unmarshal(report, &got); err != nil || code != 0 {
			t.Fatalf("got exit code %d, %v in %s", code, err, report)
		}
		if r.Layers != nil && *r.Layers != got.Totals.Layers || r.Platform != "" && r.Platform != got.Image.Platform {
			t.Errorf("%s: listed as %+v, but it has %d layers for %s", engine, r, got.Totals.Layers, got.Image.Platform)
		}
	}
	if image := strings.TrimSpace(run(t, "docker", "image", "ls", "--quiet", "--no-trunc", b.name)); image != found["docker"].ID {
		t.Errorf("docker lists it as %s, but peel as %s", image, found["docker"].ID)
	}
}
