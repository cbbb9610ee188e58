package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFuzzTargetsRun checks that every package with a fuzz target runs its tests through
// testkit.Run. Without it, the fuzzer spends its time minimizing inputs.
func TestFuzzTargetsRun(t *testing.T) {
	targets, run := map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		dir := filepath.Dir(path)
		targets[dir] = targets[dir] || strings.Contains(string(text), "\nfunc Fuzz")
		run[dir] = run[dir] || strings.Contains(string(text), "testkit.Run(m)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var found bool
	for dir, has := range targets {
		found = found || has
		if has && !run[dir] {
			t.Errorf("%s has a fuzz target, but no TestMain that calls testkit.Run", dir)
		}
	}
	if !found {
		t.Error("no fuzz targets found")
	}
}
