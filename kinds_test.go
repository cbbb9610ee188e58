package main

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/source"
)

var update = flag.Bool("update", false, "write the tables in the docs anew")

// TestKindsInDocs checks the table of sources in the README, which is generated from the kinds.
func TestKindsInDocs(t *testing.T) {
	const file, from, to = "README.md", "TestKindsInDocs -update -->\n", "<!-- end of kinds -->"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), from)
	_, tail, alsoOK := strings.Cut(rest, to)
	if !ok || !alsoOK {
		t.Fatal("the marks around the table are missing in README.md")
	}
	want := head + from + source.Table() + to + tail
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(data) {
		t.Errorf("%s is out of date: run go test . -run TestKindsInDocs -update", file)
	}
}

// madeUpSource is the one file that a new kind of source takes, and madeUpRow is its one row in
// source/kinds.go.
const (
	madeUpSource = `package source

import (
	"context"
	"fmt"
)

func openMadeUp(_ context.Context, _ *opener, rest string) (*Image, error) {
	return nil, fmt.Errorf("made up: nothing is named %q", rest)
}

func (l *lister) madeUp(context.Context) ([]LocalImage, error) {
	return []LocalImage{{Ref: "madeup://one", Engine: "madeup", Name: "the-made-up-one", Size: -1, Layers: -1}}, nil
}
`
	madeUpRow = `
		{
			prefix: "madeup://", takes: "NAME",
			about: "an image that nobody built",
			open: openMadeUp, named: true,
			place: "madeup", list: (*lister).madeUp,
		},
`
)

// TestNewKindOfSource checks that a new kind of source takes one file and one row: it builds
// the program with both added, and expects the kind everywhere.
func TestNewKindOfSource(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program a second time")
	}
	dir := t.TempDir()
	table, err := os.ReadFile("source/kinds.go")
	if err != nil {
		t.Fatal(err)
	}
	const begin = "	return []kind{\n"
	if strings.Count(string(table), begin) != 1 {
		t.Fatal("source/kinds.go has no table to add a row to")
	}
	overlay := map[string]string{}
	for name, text := range map[string]string{
		"kinds.go":  strings.Replace(string(table), begin, begin+madeUpRow, 1),
		"madeup.go": madeUpSource,
	} {
		target, err := filepath.Abs(filepath.Join("source", name))
		if err != nil {
			t.Fatal(err)
		}
		overlay[target] = filepath.Join(dir, name)
		if err := os.WriteFile(overlay[target], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o600); err != nil {
		t.Fatal(err)
	}
	peel := filepath.Join(dir, "peel")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", peel, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"help", []string{"--help"}, "madeup://NAME                  an image that nobody built"},
		{"opening", []string{"report", "madeup://two"}, `made up: nothing is named "two"`},
		{"a bare name", []string{"report", "three"}, `made up: nothing is named "three"`},
		{"another scheme", []string{"report", "other://x"}, "madeup://NAME"},
		{"images", []string{"images"}, "madeup://one"},
		{"images as JSON", []string{"images", "--json"}, `"the-made-up-one"`},
		{"completion", []string{"__complete", "report", "the-ma"}, "the-made-up-one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := exec.CommandContext(t.Context(), peel, c.args...)
			run.Dir = dir // a folder without images
			run.Env = append(os.Environ(), "XDG_CACHE_HOME="+dir, "PEEL_OFFLINE=1")
			out, _ := run.CombinedOutput() // some of them fail, as they should
			if !strings.Contains(string(out), c.want) {
				t.Errorf("output of peel %s lacks %q:\n%s", strings.Join(c.args, " "), c.want, out)
			}
		})
	}
}
