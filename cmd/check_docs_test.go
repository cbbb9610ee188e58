package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The page's table of rules is what the program has, and its rules files can be
// read.
func TestCheckDocs(t *testing.T) {
	const begin, end = "<!-- settings: written by go test ./cmd -run CheckDocs -update -->\n", "<!-- end of settings -->"
	page := filepath.Join("..", "docs", "check.md")
	text := read(t, page)
	head, rest, ok := strings.Cut(text, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the marks of the table are gone")
	}
	if want := head + begin + settingsTable() + end + tail; want != text {
		if *update {
			if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		} else {
			t.Errorf("%s: the table of rules is not what the program has; -update writes it", page)
		}
	}
	blocks := 0
	for _, block := range strings.Split(text, "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		name := peelFile
		if strings.HasPrefix(block, "# "+diveFile) {
			name = diveFile
		}
		if err := newRuleset().parse(name, []byte(block), false); err != nil {
			t.Errorf("%s: %v in\n%s", page, err, block)
		}
		blocks++
	}
	if blocks < 2 {
		t.Errorf("%s: only %d rules files found", page, blocks)
	}
}

// settingsTable is the table of all rules, for the documentation.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| rule | takes | holds when | default |\n|---|---|---|---|\n")
	for _, s := range settings {
		text, ok := defaults[s.name]
		switch {
		case ok:
			text = "`" + text + "`"
		case s.many() || s.name == "base":
			text = "none"
		default:
			text = off
		}
		takes := s.takes
		if s.many() {
			takes = "globs"
		}
		fmt.Fprintf(&b, "| `%s` | %s, as `%s` | %s | %s |\n", s.name, takes, s.try, s.long, text)
	}
	return b.String()
}
