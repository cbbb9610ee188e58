package cmd

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// TestCheckDocs checks that the rules files in docs/check.md can be read.
func TestCheckDocs(t *testing.T) {
	page := filepath.Join("..", "docs", "check.md")
	text := read(t, page)
	blocks := 0
	for _, block := range strings.Split(text, "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		name := peelFile
		if strings.HasPrefix(block, "# "+diveFile) {
			name = diveFile
		}
		if err := parseRules(analyze.NewRules(), name, []byte(block), false); err != nil {
			t.Errorf("%s: %v in\n%s", page, err, block)
		}
		blocks++
	}
	if blocks < 2 {
		t.Errorf("%s: found only %d rules files", page, blocks)
	}
}
