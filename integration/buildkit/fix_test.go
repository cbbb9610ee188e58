package buildkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// varies lists the cases with steps whose output differs between runs, such as npm's logs with
// their times. There the prediction may be off by 1 % of the bytes in the image's own layers;
// in the other cases it must be exact.
var varies = map[string]bool{"node": true}

// may lists the paths of a case that may differ after a patch, apart from times: caches that
// the patch leaves out, and logs that contain times.
var may = map[string]*regexp.Regexp{
	"apt":    regexp.MustCompile(`^/var/(cache/apt/(src)?pkgcache\.bin|log/(dpkg|apt/(history|term))\.log)$`),
	"node":   regexp.MustCompile(`^/root/\.npm/(_logs|_cacache)(/|$)`),
	"python": regexp.MustCompile(`\.pyc$|^/root/\.cache/pip(/|$)`),
}

// remedy has the fields of peel fix -f json that the tests read.
type remedy struct {
	Before, After figures
	Fixes         []struct {
		ID         string
		SavedBytes int64
		Edits      []string
		Reason     *string
		Chosen     bool
	}
	Patch *string
}

type figures struct {
	Layers       int
	StoredBytes  int64
	VisibleBytes int64
	WastedBytes  int64
}

// rebuild is an image built before and after a patch.
type rebuild struct {
	name              string // of the case
	what              string // that changed
	before            figures
	predicted, actual figures
}

// TestFixes builds every case, has peel fix write a patch, applies it with git, and builds
// again, once with all possible changes and once with each change alone. The image must store
// the predicted number of bytes, and differ only in what the patch says.
func TestFixes(t *testing.T) {
	b := needTools(t)
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(contexts) {
		t.Fatalf("testdata has %d Dockerfiles, want %d", len(entries), len(contexts))
	}
	var table []rebuild
	for _, e := range entries {
		t.Run(e.Name(), func(t *testing.T) { table = append(table, fix(t, b, e.Name())...) })
	}
	if !t.Failed() {
		checkTable(t, table)
	}
}

func fix(t *testing.T, b *tools, name string) []rebuild {
	dir := t.TempDir()
	contexts[name](t, dir)
	file := filepath.Join(dir, "Dockerfile")
	text, err := os.ReadFile(filepath.Join("testdata", name, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, 0o644, text)
	before := filepath.Join(t.TempDir(), "before.tar")
	b.build(t, dir, before)

	args := []string{"fix", before, "--base", "oci:" + b.base, "--dockerfile", "Dockerfile"}
	all := b.remedy(t, dir, args...)
	if all.Patch == nil {
		t.Fatalf("no patch; the fixes are %+v", all.Fixes)
	}
	sets := [][]string{nil}
	for _, f := range all.Fixes {
		if len(f.Edits) > 0 {
			sets = append(sets, []string{"--choose", f.ID})
		}
	}
	var done []rebuild
	for i, set := range sets {
		what := "all"
		if len(set) > 0 {
			what = set[1]
		}
		// Don't name it by ID, which has characters that aren't allowed in paths in buildctl's
		// flags.
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Log(what)
			with := append(slices.Clone(args), set...)
			predicted := b.remedy(t, dir, with...)
			changed := filepath.Join(t.TempDir(), "changed")
			if err := os.CopyFS(changed, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			apply(t, changed, b.run(t, dir, with...))
			patched := filepath.Join(changed, "Dockerfile")
			sameButEdits(t, file, patched)
			after := filepath.Join(t.TempDir(), "after.tar")
			b.build(t, changed, after)
			r := rebuild{name, what, predicted.Before, predicted.After, b.figures(t, dir, after)}
			done = append(done, r)
			off := r.actual.StoredBytes - r.predicted.StoredBytes
			if most := b.tolerance(t, dir, name, before); off > most || off < -most {
				now, _ := os.ReadFile(patched)
				t.Errorf("stores %d bytes, predicted %d: %+d (before: %d)\n%s", r.actual.StoredBytes, r.predicted.StoredBytes, off, r.before.StoredBytes, now)
			}
			if r.actual.Layers != r.predicted.Layers {
				t.Errorf("has %d layers, predicted %d", r.actual.Layers, r.predicted.Layers)
			}
			for _, d := range b.differences(t, dir, before, after) {
				if may[name] == nil || !may[name].MatchString(d.Path) {
					t.Errorf("%s %s: %s", d.Change, d.Path, strings.Join(d.What, ", "))
				}
			}
		})
	}
	return done
}

// remedy returns what peel fix proposes.
func (b *tools) remedy(t *testing.T, dir string, args ...string) *remedy {
	t.Helper()
	r := new(remedy)
	if err := json.Unmarshal(b.run(t, dir, append(args, "-f", "json")...), r); err != nil {
		t.Fatal(err)
	}
	return r
}

// figures returns an image's figures.
func (b *tools) figures(t *testing.T, dir, image string) figures {
	t.Helper()
	var r struct{ Totals figures }
	if err := json.Unmarshal(b.run(t, dir, "report", "-f", "json", image), &r); err != nil {
		t.Fatal(err)
	}
	return r.Totals
}

// tolerance returns how many bytes a prediction may be off.
func (b *tools) tolerance(t *testing.T, dir, name, image string) int64 {
	t.Helper()
	if !varies[name] {
		return 0
	}
	var r struct {
		Totals struct{ UserStoredBytes int64 }
	}
	if err := json.Unmarshal(b.run(t, dir, "report", "-f", "json", "--base", "oci:"+b.base, image), &r); err != nil {
		t.Fatal(err)
	}
	return r.Totals.UserStoredBytes / 100
}

// difference is a path that differs between two images.
type difference struct {
	Path, Change string
	What         []string
}

// differences returns the differences between two images except for times.
func (b *tools) differences(t *testing.T, dir, before, after string) []difference {
	t.Helper()
	var d struct{ Paths []difference }
	if err := json.Unmarshal(b.run(t, dir, "diff", "-f", "json", "-n", "0", before, after), &d); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(d.Paths, func(p difference) bool {
		return p.Change == "metadata" && !slices.ContainsFunc(p.What, func(s string) bool { return s != "time" && s != "storage" })
	})
}

// apply has git apply the complete output of peel fix.
func apply(t *testing.T, dir string, out []byte) {
	t.Helper()
	for i, args := range [][]string{{"init", "-q"}, {"apply", "--verbose", "-"}} {
		c := exec.Command("git", args...)
		c.Dir = dir
		if i > 0 {
			c.Stdin = bytes.NewReader(out)
		}
		if got, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s\nof\n%s", args[0], err, got, out)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
		t.Fatal(err)
	}
}

// The marks around the table in docs/fix.md.
const (
	tableFile  = "../../docs/fix.md"
	tableBegin = "<!-- rebuilt: integration/buildkit writes this with PEEL_UPDATE=1 -->\n"
	tableEnd   = "<!-- end of rebuilt -->\n"
)

// checkTable compares the table in docs/fix.md with the builds: it must have every case. With
// PEEL_UPDATE=1 it rewrites the table.
func checkTable(t *testing.T, table []rebuild) {
	t.Helper()
	page, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(page), tableBegin)
	was, tail, ended := strings.Cut(rest, tableEnd)
	if !ok || !ended {
		t.Fatalf("%s has no table between %q and %q", tableFile, tableBegin, tableEnd)
	}
	var now strings.Builder
	now.WriteString("| Dockerfile | change | stored before | predicted | measured |\n|---|---|--:|--:|--:|\n")
	for _, r := range table {
		row := fmt.Sprintf("| %s | `%s` |", r.name, strings.ReplaceAll(r.what, "|", "\\|"))
		fmt.Fprintf(&now, "%s %d | %d | %d |\n", row, r.before.StoredBytes, r.predicted.StoredBytes, r.actual.StoredBytes)
		if !strings.Contains(was, row) && os.Getenv("PEEL_UPDATE") != "1" {
			t.Errorf("%s has no row of %s, %s", tableFile, r.name, r.what)
		}
	}
	if os.Getenv("PEEL_UPDATE") == "1" {
		if err := os.WriteFile(tableFile, []byte(head+tableBegin+now.String()+tableEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
