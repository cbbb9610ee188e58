package buildkit

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// sameButEdits fails the test unless both Dockerfiles can be parsed and every instruction on
// unchanged lines is the same in both.
func sameButEdits(t *testing.T, before, after string) {
	t.Helper()
	removed, added := changedLines(t, before, after)
	a, b := untouched(t, before, removed), untouched(t, after, added)
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			t.Errorf("%s has %s, which isn't on a changed line", after, b[i])
		case i >= len(b):
			t.Errorf("%s no longer has %s", after, a[i])
		case a[i] != b[i]:
			t.Errorf("%s has %s, want %s", after, b[i], a[i])
		default:
			continue
		}
		return
	}
}

// untouched returns the instructions of a Dockerfile, as BuildKit's parser returns them, that
// are on none of the lines.
func untouched(t *testing.T, name string, lines map[int]bool) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
	if _, _, err := instructions.Parse(got.AST, linter.New(&linter.Config{})); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
	var out []string
nodes:
	for _, n := range got.AST.Children {
		for line := n.StartLine; line <= n.EndLine; line++ {
			if lines[line] {
				continue nodes
			}
		}
		words := ""
		for w := n; w != nil; w = w.Next {
			words += fmt.Sprintf(" %q", w.Value)
		}
		out = append(out, fmt.Sprintf("%s (flags %q, heredocs %+v, words%s, attributes %v)", n.Original, n.Flags, n.Heredocs, words, n.Attributes))
	}
	return out
}

var hunkHead = regexp.MustCompile(`(?m)^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@`)

// changedLines returns the lines that differ, counted from 1.
func changedLines(t *testing.T, before, after string) (removed, added map[int]bool) {
	t.Helper()
	removed, added = map[int]bool{}, map[int]bool{}
	out, err := exec.Command("git", "diff", "--no-index", "--no-color", "-U0", before, after).Output()
	if err != nil && len(out) == 0 {
		t.Fatalf("git diff: %v", err)
	}
	for _, m := range hunkHead.FindAllSubmatch(out, -1) {
		for i, lines := range []map[int]bool{removed, added} {
			from, err := strconv.Atoi(string(m[2*i+1]))
			n := 1
			if err == nil && len(m[2*i+2]) > 0 {
				n, err = strconv.Atoi(string(m[2*i+2]))
			}
			if err != nil {
				t.Fatal(err)
			}
			for line := range n {
				lines[from+line] = true
			}
		}
	}
	return removed, added
}
