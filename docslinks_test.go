//go:build unix

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	mdLink    = regexp.MustCompile(`\]\(([^)\s]+)(?: "[^"]*")?\)`)
	mdHeading = regexp.MustCompile(`^#{1,6} +(.*?) *#*$`)
	mdText    = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	mdCode    = regexp.MustCompile("`[^`]*`")
)

// slug returns the anchor that GitHub gives a heading.
func slug(heading string) string {
	heading = mdText.ReplaceAllString(heading, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// mdParts returns the lines of a page outside fences, and the anchors of its headings.
func mdParts(text string) (lines []string, anchors map[string]bool) {
	anchors = map[string]bool{}
	inside := false
	for line := range strings.SplitSeq(text, "\n") {
		if fence.MatchString(line) {
			inside = !inside
			line = ""
		}
		if inside {
			line = ""
		}
		lines = append(lines, line)
		if m := mdHeading.FindStringSubmatch(line); m != nil {
			anchors[slug(m[1])] = true
		}
	}
	return lines, anchors
}

// TestDocsLinks checks that every link between the pages of this repository names an existing
// file and, after #, an existing heading.
func TestDocsLinks(t *testing.T) {
	pages := append(docsPages(t), "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md")
	anchors := map[string]map[string]bool{}
	of := func(page string) map[string]bool {
		if anchors[page] == nil {
			_, anchors[page] = mdParts(file(t, page))
		}
		return anchors[page]
	}
	seen := 0
	for _, page := range pages {
		lines, _ := mdParts(file(t, page))
		for i, line := range lines {
			for _, m := range mdLink.FindAllStringSubmatch(mdCode.ReplaceAllString(line, ""), -1) {
				if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
					continue
				}
				seen++
				name, anchor, _ := strings.Cut(m[1], "#")
				target := page
				if name != "" {
					target = filepath.Join(filepath.Dir(page), name)
				}
				if _, err := os.Stat(target); err != nil {
					t.Errorf("%s:%d: %s: %s doesn't exist", page, i+1, m[1], target)
				} else if anchor != "" && !of(target)[anchor] {
					t.Errorf("%s:%d: %s: %s has no heading #%s", page, i+1, m[1], target, anchor)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("found only %d links", seen)
	}
}

func TestDocsSlug(t *testing.T) {
	for heading, want := range map[string]string{
		"A file's content":                      "a-files-content",
		"Search: `/`":                           "search-",
		"`waste`: bytes that nobody can see":    "waste-bytes-that-nobody-can-see",
		"[Rules](rules.md) of 2 layers":         "rules-of-2-layers",
		"Certificates, proxies, plain HTTP":     "certificates-proxies-plain-http",
		"Where it stands: `unix:///run/x.sock`": "where-it-stands-unixrunxsock",
	} {
		if got := slug(heading); got != want {
			t.Errorf("%q: %q, want %q", heading, got, want)
		}
	}
}

// TestDocsIndex checks that the index of the docs links to every page.
func TestDocsIndex(t *testing.T) {
	lines, _ := mdParts(file(t, "docs/README.md"))
	index := strings.Join(lines, "\n")
	for _, page := range docsPages(t) {
		name, ok := strings.CutPrefix(page, "docs/")
		if ok && name != "README.md" && !strings.Contains(index, "("+name+")") && !strings.Contains(index, "("+name+"#") && !strings.HasPrefix(name, "fleet/") {
			t.Errorf("docs/README.md has no link to %s", name)
		}
	}
}

// namedPage matches a page of the docs that help, messages or comments name.
var namedPage = regexp.MustCompile(`\bdocs/[a-z/-]+\.md\b`)

// otherProject matches projects whose own docs are cited as sources of rules.
var otherProject = regexp.MustCompile(`containerd|buildkit|containers/storage`)

// TestDocsNamed checks that pages that the source names exist. It skips lines that cite another
// project.
func TestDocsNamed(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != "." && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci" || d.Name() == "testdata" || d.Name() == "docs") {
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(path) {
		case ".go", ".sh", ".yaml", ".yml", ".md":
		default:
			return nil
		}
		for i, line := range strings.Split(file(t, path), "\n") {
			if !strings.Contains(line, "docs/") || otherProject.MatchString(line) {
				continue
			}
			for _, name := range namedPage.FindAllString(line, -1) {
				seen++
				if _, err := os.Stat(name); err != nil {
					t.Errorf("%s:%d: %s doesn't exist", path, i+1, name)
				}
			}
		}
		return nil
	})
	if err != nil || seen < 20 {
		t.Errorf("found %d names: %v", seen, err)
	}
}
