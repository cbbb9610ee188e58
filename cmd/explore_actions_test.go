package cmd

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
	"github.com/peelhq/peel/ui"
)

func openSample(t *testing.T) *analyze.Analysis {
	t.Helper()
	im, err := source.Open(t.Context(), "../testdata/sample.tar", source.Options{KeepContent: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = im.Close() })
	a, err := analyze.Run(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestScreenExtracts checks that the screen extracts a version's own files and overwrites none.
func TestScreenExtracts(t *testing.T) {
	a := openSample(t)
	n, _ := a.Tree.Lookup("/srv/shop/.env")
	dir := filepath.Join(t.TempDir(), "out")
	actions := (&app{}).screenActions()
	x := ui.Extraction{Taken: []ui.Taken{{Node: n, Layer: 6, Alone: true}}, Dir: dir}
	said, err := actions.Extract(t.Context(), a, x, func(_, _ int64) {})
	if err != nil || !strings.HasPrefix(said, "1 file, ") {
		t.Fatalf("%q, %v", said, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "srv", "shop", ".env")); err != nil {
		t.Error(err)
	}
	const want = "0 files, 0 B written to DIR; 1 of 3 paths not written: srv/shop/.env: it already exists"
	if _, err := actions.Extract(t.Context(), a, x, func(_, _ int64) {}); err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != want {
		t.Errorf("got error %v", err)
	}
	x.Taken[0].Layer, x.Dir = 10, filepath.Join(t.TempDir(), "none")
	if _, err := actions.Extract(t.Context(), a, x, func(_, _ int64) {}); err == nil {
		t.Error("a removal was written")
	}
}

// TestScreenExtractsSeveral checks that several paths are written at once, each from its own
// layer, and that missing ones are named.
func TestScreenExtractsSeveral(t *testing.T) {
	a := openSample(t)
	taken := func(path string, layer int, alone bool) ui.Taken {
		n, ok := a.Tree.Lookup(path)
		if !ok {
			t.Fatal("no path", path)
		}
		return ui.Taken{Node: n, Layer: layer, Alone: alone}
	}
	last := len(a.Layers) - 1
	env, gone := taken("/srv/shop/.env", 6, true), taken("/srv/shop/.env", last, false)
	nginx := taken("/etc/nginx", last, false)
	tests := []struct {
		name  string
		taken []ui.Taken
		says  string // part of the message or error
		files []string
	}{
		{"of two moments", []ui.Taken{env, nginx}, "written to", []string{"srv/shop/.env", "etc/nginx"}},
		{"one inside the other", []ui.Taken{nginx, taken("/etc", last, false)}, "written to", []string{"etc/nginx"}},
		{"one path doesn't exist", []ui.Taken{nginx, gone}, "left out /srv/shop/.env: layer", []string{"etc/nginx"}},
		{"none is there", []ui.Taken{gone, gone}, "none of the 2 paths exists", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			said, err := (&app{}).screenActions().Extract(t.Context(), a, ui.Extraction{Taken: tt.taken, Dir: dir}, func(_, _ int64) {})
			if err != nil {
				said = err.Error()
			}
			if !strings.Contains(said, tt.says) || (err != nil) != (tt.files == nil) {
				t.Errorf("%q, %v", said, err)
			}
			for _, f := range tt.files {
				if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestScreenExports(t *testing.T) {
	a := openSample(t)
	actions := (&app{}).screenActions()
	file := filepath.Join(t.TempDir(), "waste.json")
	if _, err := actions.ExportWaste(t.Context(), a, a.Waste, file); err != nil {
		t.Fatal(err)
	}
	first := a.Waste.At(0)
	if got := objects(t, file); len(got) != a.Waste.Len() || got[0]["path"] != first.Path() {
		t.Errorf("got %d rows, the first is %v", len(got), got[0])
	}
	if _, err := actions.ExportWaste(t.Context(), a, a.Waste, file); err == nil {
		t.Error("the file was overwritten")
	}
	n, _ := a.Tree.Lookup("/etc/nginx")
	files := filepath.Join(t.TempDir(), "files.json")
	if _, err := actions.ExportFiles(t.Context(), a, a.Tree.Versions(n), files); err != nil {
		t.Fatal(err)
	}
	if got := objects(t, files); len(got) == 0 || got[0]["path"] != "/etc/nginx" {
		t.Errorf("rows %v", got)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	left := filepath.Join(t.TempDir(), "left.json")
	if _, err := actions.ExportFiles(stopped, a, a.Tree.Versions(n), left); err == nil {
		t.Error("it wasn't cancelled")
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("a partial file is left")
	}
}

// objects parses a file with one JSON object per line.
func objects(t *testing.T, file string) []map[string]any {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []map[string]any
	for s := bufio.NewScanner(f); s.Scan(); {
		var o map[string]any
		if err := json.Unmarshal(s.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
		out = append(out, o)
	}
	return out
}

// TestReportInPipeline checks that peel IMAGE says in a pipeline that it isn't the check.
func TestReportInPipeline(t *testing.T) {
	for ci, want := range map[string]string{"true": "peel check IMAGE", "": ""} {
		t.Setenv("CI", ci)
		r := peel("../testdata/sample.tar")
		if r.code != 0 || !strings.Contains(r.err, want) || (r.err == "") != (want == "") {
			t.Errorf("CI=%s: got code %d, standard error %q, want %q in it", ci, r.code, r.err, want)
		}
	}
}
