package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFuzzTargetsRun: every package with a fuzz target has its tests run by
// testkit.Run, without which the fuzzer spends its time on minimizing.
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
			t.Errorf("%s has a fuzz target, and no TestMain that calls testkit.Run", dir)
		}
	}
	if !found {
		t.Error("no fuzz target was found")
	}
}
