package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Everything that people read is plain English: docs/concepts.md has the words, and
// CONTRIBUTING names the style guide. These tests check what a program can.

// oddPhrases are phrases that have appeared in messages and docs and sound translated. To
// forbid another one, add it here and fix what the test finds.
var oddPhrases = []string{
	"to be had", "is to be heeded", "heeded", "there is no report", "which it fails when", "what is remembered of", "in force are", "be it a",
	"of whatever tool", "is no rule", "is no way to", "fails nothing", "say which, as in", "whoever", "there is there", "all the same:", "shipped all the same",
	"needs to know what to do", "for everybody", "is none on this", "there is something in", "so that there is nothing", "a word on", "in its stead", "thereof", "to mend", " mends", "lets programs do that", "the very same again", "is there twice",
}

// openings matches openings that no message should have: it should start with the noun.
var openings = regexp.MustCompile(`^(there (is|are|was|were) (no|nothing|something|none)|it is not possible|it was not possible)\b`)

// TestProseOfStrings checks that messages, help and reports contain no odd phrase and begin
// with what failed.
func TestProseOfStrings(t *testing.T) {
	seen := 0
	for _, dir := range []string{"cmd", "report", "ui", "analyze", "analyze/dockerfile", "analyze/packages", "source", "source/engine", "source/layer", "source/objects", "source/registry", "fleet"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				s, ok := n.(*ast.BasicLit)
				if !ok || s.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(s.Value)
				if err != nil {
					t.Fatal(err)
				}
				seen++
				at := set.Position(s.Pos())
				for _, odd := range oddIn(text) {
					t.Errorf("%s: %q: rephrase it", at, odd)
				}
				if openings.MatchString(text) {
					t.Errorf("%s: %q begins with %q: begin with the thing that is missing (no layer %%d)", at, text, openings.FindString(text))
				}
				return true
			})
		}
	}
	if seen < 1000 {
		t.Errorf("checked only %d strings", seen)
	}
}

// oddInComments matches phrases that comments may not have. It matches whole words, in any case.
var oddInComments = regexp.MustCompile(`(?i)\b(to be had|stands there|lest|heed|heeded|thereof|be it|whoever|from there on|of whatever|told from|that of which|there is to|worth a word|without a word|nobody can see|in its stead|by what it|makes of|there can be none|but for|is what "peel|made anew|worked off|has the rows made|hands? out|what came of|what becomes? of|is told how|the other way round|lies? over|that there is room for|how far [a-z ]+ (has|have) come)\b`)

// TestProseOfComments checks the comments of the packages that others import, whose documentation
// they read, and of the program's own.
func TestProseOfComments(t *testing.T) {
	seen := 0
	for _, dir := range []string{"source", "source/engine", "source/layer", "source/objects", "source/registry", "analyze", "analyze/dockerfile", "analyze/packages", "fleet", "report", "ui", "cmd"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range f.Comments {
				seen++
				text := strings.Join(strings.Fields(g.Text()), " ")
				if odd := oddInComments.FindString(text); odd != "" {
					t.Errorf("%s: %q: rephrase it: %s", set.Position(g.Pos()), odd, text)
				}
			}
		}
	}
	if seen < 1000 {
		t.Errorf("checked only %d comments", seen)
	}
}

// oddInDocs are phrases that no page of the docs may contain: whole words, in any case.
var oddInDocs = regexp.MustCompile(`(?i)\b(holds? an image against|held against|be rid of|anew|all the same|mends?|mended|but for|one a line|there is no such thing|as it is asked|pass(es|ed) over|what becomes of|is told from)\b`)

// TestProseOfDocs checks that the docs, with their schemas and queries, contain no odd phrase.
func TestProseOfDocs(t *testing.T) {
	files := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "packaging/README.md"}
	if err := filepath.WalkDir("docs", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && slices.Contains([]string{".md", ".json", ".sql"}, filepath.Ext(path)) {
			files = append(files, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			found := oddIn(line)
			if odd := oddInDocs.FindString(line); odd != "" {
				found = append(found, odd)
			}
			for _, odd := range found {
				t.Errorf("%s:%d: %q: rephrase it", name, i+1, odd)
			}
		}
	}
}

// TestProseIsFound checks that the tests above find odd phrases.
func TestProseIsFound(t *testing.T) {
	if got := oddIn("What is to be had: there is no report of the form x"); len(got) != 2 {
		t.Errorf("found %q", got)
	}
	if !oddInComments.MatchString("It sees no more than there is to read.") || oddInComments.MatchString("A latest build, for a blobbut for.") {
		t.Error("comments: an odd phrase isn't found, or another one is")
	}
	if !openings.MatchString("there is no layer 3") || openings.MatchString("no layer 3: there is no other") {
		t.Error("openings: an odd one isn't found, or another one is")
	}
}

func oddIn(text string) (found []string) {
	text = strings.ToLower(text)
	for _, odd := range oddPhrases {
		if strings.Contains(text, odd) {
			found = append(found, odd)
		}
	}
	return found
}
