package cmd

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFormsInDocs checks that the table in docs/cli.md lists exactly the forms of each command,
// that it has the endings of each form, and that -f offers each form.
func TestFormsInDocs(t *testing.T) {
	_, table, ok := strings.Cut(read(t, filepath.Join("..", "docs", "cli.md")), "| form |")
	if !ok {
		t.Fatal("docs/cli.md has no table of forms")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	documented := map[string][]string{}
	var columns []string
	for i, line := range strings.Split(table, "\n") {
		cells := strings.Split(strings.Trim(line, "| "), "|")
		switch i {
		case 0:
			for _, cell := range cells {
				columns = append(columns, strings.Trim(cell, " `"))
			}
			continue
		case 1:
			continue
		}
		for name := range strings.SplitSeq(cells[0], ",") {
			var endings []string
			if f := formOf(strings.Trim(name, " `")); f != nil {
				for _, e := range f.endings {
					endings = append(endings, "`"+e+"`")
				}
			}
			if got, want := strings.TrimSpace(cells[slices.Index(columns, "file")+1]), strings.Join(endings, ", "); got != want {
				t.Errorf("docs/cli.md: files of %s end in %q, want %q", name, got, want)
			}
			for k, column := range columns {
				if k+1 < len(cells) && strings.TrimSpace(cells[k+1]) == "✓" {
					documented[column] = append(documented[column], strings.Trim(name, " `"))
				}
			}
		}
	}
	root := (&app{}).root()
	for command, forms := range map[string][]string{
		"check": formNames(func(f *form) bool { return f.check != nil }), "report": formNames(func(f *form) bool { return f.report != nil }), "diff": formNames(func(f *form) bool { return f.diff != nil }),
	} {
		slices.Sort(documented[command])
		slices.Sort(forms)
		if !slices.Equal(documented[command], forms) {
			t.Errorf("peel %s: docs/cli.md has forms %v, the program %v", command, documented[command], forms)
		}
		c, _, err := root.Find([]string{command})
		if err != nil {
			t.Fatal(err)
		}
		usage, _, _ := strings.Cut(c.Flags().Lookup("format").Usage, ";")
		offered := strings.Split(strings.TrimPrefix(usage, "output format: "), ", ")
		slices.Sort(offered)
		if !slices.Equal(offered, forms) {
			t.Errorf("peel %s -f offers %v, but has %v", command, offered, forms)
		}
	}
}
