package dockerfile

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite what the edits make")

// editsIn parses edits, one per line: "merge 2 4", "command 2 rm -rf /c".
func editsIn(t testing.TB, text string) []Edit {
	t.Helper()
	var edits []Edit
	for line := range strings.Lines(text) {
		word, rest := cutWord(strings.TrimSpace(line))
		at, rest := cutWord(rest)
		n, err := strconv.Atoi(at)
		if err != nil {
			t.Fatalf("no line number in %q", line)
		}
		e := Edit{Line: n, Text: rest}
		switch word {
		case "merge":
			e.Kind, e.Text = MergeRuns, ""
			e.Until, err = strconv.Atoi(rest)
		case "command":
			e.Kind = AddCommand
		case "option":
			e.Kind = AddOption
			program, option := cutWord(rest)
			e.Program, e.Text = map[string]Program{"pip": Pip, "apk": Apk}[program], option
		case "flags":
			e.Kind = AddFlags
		case "target":
			e.Kind = SetTarget
		case "set":
			e.Kind = SetCommand
		case "drop":
			e.Kind = DropStep
		default:
			t.Fatalf("unknown edit %q", word)
		}
		if err != nil {
			t.Fatal(err)
		}
		edits = append(edits, e)
	}
	return edits
}

// TestEdits runs the folders of testdata/edits. Each has a Dockerfile, edits to it, and the
// expected result: the new Dockerfile, or the reason why the edits are impossible.
func TestEdits(t *testing.T) {
	folders, err := filepath.Glob("testdata/edits/*")
	if err != nil || len(folders) == 0 {
		t.Fatal("no folders", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			before, err := os.ReadFile(filepath.Join(folder, "before.Dockerfile"))
			if err != nil {
				t.Fatal(err)
			}
			edits, err := os.ReadFile(filepath.Join(folder, "edits"))
			if err != nil {
				t.Fatal(err)
			}
			d, err := Parse("Dockerfile", before)
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Edited(editsIn(t, string(edits)))
			name := "after.Dockerfile"
			if err != nil {
				got, name = []byte(strings.TrimSpace(err.Error())+"\n"), "refused.txt"
			}
			if refused := strings.HasSuffix(folder, "-refused"); refused != (err != nil) {
				t.Errorf("refused: %v", err)
			}
			if *update {
				if err := os.WriteFile(filepath.Join(folder, name), got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s:\n%s\nnot\n%s", name, got, want)
			}
			if name != "after.Dockerfile" {
				return
			}
			untouched(t, d, got, editsIn(t, string(edits)))
			crlf := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }
			open := func(b []byte) []byte { return bytes.TrimSuffix(b, []byte("\n")) }
			for form, f := range map[string]func([]byte) []byte{
				"CRLF": crlf, "no end": open, "CRLF, no end": func(b []byte) []byte { return crlf(open(b)) },
			} {
				d, err := Parse("Dockerfile", f(before))
				if err != nil {
					t.Fatal(form, err)
				}
				got, err := d.Edited(editsIn(t, string(edits)))
				if strings.Contains(form, "no end") { // another instruction may be the last one now
					got = bytes.TrimRight(got, "\r\n")
				}
				if err != nil || !bytes.Equal(got, f(want)) {
					t.Errorf("%s: %v\n%q\nnot\n%q", form, err, got, f(want))
				}
			}
		})
	}
}

// untouched checks that the instructions that no edit names are still there, in order and
// unchanged byte for byte.
func untouched(t *testing.T, d *File, after []byte, edits []Edit) {
	t.Helper()
	rest := string(after)
	for _, it := range newEditor(d).items {
		text := strings.Join(it.lines, "")
		if slices.ContainsFunc(edits, func(e Edit) bool {
			return e.Line == it.in.first || e.Kind == MergeRuns && e.Line < it.in.first && it.in.first <= e.Until && it.in.word == "RUN"
		}) {
			continue
		}
		at := strings.Index(rest, text)
		if at < 0 {
			t.Errorf("the instruction on line %d changed: %q in\n%s", it.in.first, text, after)
			return
		}
		rest = rest[at+len(text):]
	}
}

// FuzzEdits checks that edits to any Dockerfile neither panic nor take long, that the result
// can be parsed, and that instructions they don't name stay unchanged.
func FuzzEdits(f *testing.F) {
	folders, _ := filepath.Glob("testdata/edits/*")
	for i, folder := range folders {
		before, err := os.ReadFile(filepath.Join(folder, "before.Dockerfile"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(before, byte(i), byte(i/3), byte(i/5))
	}
	f.Fuzz(func(t *testing.T, text []byte, kind, from, until byte) {
		d, err := Parse("Dockerfile", text)
		if err != nil {
			return
		}
		items := newEditor(d).items
		var b strings.Builder
		for _, it := range items {
			b.WriteString(strings.Join(it.before, "") + strings.Join(it.lines, ""))
		}
		if b.WriteString(strings.Join(newEditor(d).tail, "")); b.String() != string(text) {
			t.Fatalf("its parts are %q", b.String())
		}
		first := items[int(from)%len(items)].in.first
		last := max(first, items[int(until)%len(items)].in.first)
		edits := []Edit{
			{Kind: EditKind(kind % 7), Line: first, Until: last, Text: "rm -rf /c"},
			{Kind: MergeRuns, Line: first, Until: last},
		}
		d.OnlyRuns(first, "chmod")
		d.Flags(first)
		d.OnPaths(first, []string{"/c"})
		d.Uses(first)
		after, err := d.Edited(edits)
		if err != nil {
			return
		}
		if _, err := Parse("Dockerfile", after); err != nil {
			t.Fatalf("the result can't be parsed: %v\n%s", err, after)
		}
		if _, err := d.Diff("Dockerfile", after, 2); err != nil {
			t.Fatal(err)
		}
		untouched(t, d, after, edits)
	})
}
