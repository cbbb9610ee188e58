//go:build unix

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// These tests run the commands in the README and the docs. TestDocsOtherCommands, in cmd, parses
// those that no test runs: inline code, and blocks marked "not run".
//
// Commands are in two kinds of fenced blocks: "sh" is a script; "console" shows commands after
// "$ ", each followed by its output, in which a line "..." stands for any lines. The last
// non-blank line above a block is its mark:
//
//	<!-- run -->           every command must succeed, and print what the block shows
//	<!-- run: exit N -->   the last command must end with exit code N; several numbers
//	                       are the exit codes of one line each
//	<!-- run: clone -->    needs a clone and Go: run by .ci/readme.sh
//	<!-- run: engines -->  needs Docker and podman: run by .ci/readme.sh
//	<!-- recipe: NAME -->  run by TestRecipesRun
//	<!-- not run: WHY -->  not run
//
// The blocks of a page run in order, in a new folder with the files in workspaceFiles, so a
// later block finds the files of an earlier one. To rewrite the output of all blocks without a
// "...":
//
//	go test . -run TestDocsCommands -update

// workspaceFiles maps the files of a page's folder to the files that they copy. A file takes
// precedence over an engine's image, so "app:1" works without an engine.
var workspaceFiles = map[string]string{
	"testdata/sample.tar": "testdata/sample.tar",
	"image.tar":           "testdata/sample.tar",
	"app.tar":             "testdata/sample.tar",
	"app:1":               "testdata/sample.tar",
	"app:2":               "testdata/docker29.tar",
	"app.index":           "testdata/docs/shrink-an-image/app-1.index",
}

// docBlock is a fenced block of a page.
type docBlock struct {
	page           string
	begin, end     int // lines of its text, counted from 0; end is exclusive
	language, mark string
	lines          []string
}

func (b docBlock) at() string { return fmt.Sprintf("%s:%d", b.page, b.begin) }

// docsPages returns the README and all pages below docs.
func docsPages(t *testing.T) []string {
	t.Helper()
	pages := []string{"README.md"}
	err := filepath.WalkDir("docs", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".md") {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

var fence = regexp.MustCompile("^\\s*```+(.*)$")

// docBlocks returns the fenced blocks of a text.
func docBlocks(page, text string) (blocks []docBlock) {
	var b *docBlock
	above := ""
	for i, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case m != nil && b == nil:
			b = &docBlock{page: page, begin: i + 1, language: strings.TrimSpace(m[1]), mark: above}
		case m != nil:
			b.end = i
			blocks = append(blocks, *b)
			b, above = nil, ""
		case b != nil:
			b.lines = append(b.lines, line)
		case strings.TrimSpace(line) != "":
			above = strings.TrimSpace(line)
		}
	}
	return blocks
}

var (
	runMark   = regexp.MustCompile(`^<!-- run(?:: exit ([\d ]+))? -->$`)
	otherMark = regexp.MustCompile(`^<!-- (?:run: clone|run: engines|recipe: [\w-]+|not run: .+) -->$`)
)

// runs reports whether a block is run here, and its exit codes. A block without a mark is an
// error.
func (b docBlock) runs() (codes []int, ok bool, err error) {
	if m := runMark.FindStringSubmatch(b.mark); m != nil {
		if m[1] == "" {
			return []int{0}, true, nil
		}
		for word := range strings.FieldsSeq(m[1]) {
			code, err := strconv.Atoi(word)
			if err != nil {
				return nil, false, err
			}
			codes = append(codes, code)
		}
		return codes, true, nil
	}
	if otherMark.MatchString(b.mark) {
		return nil, false, nil
	}
	return nil, false, fmt.Errorf("%s: no mark above a block of commands, such as <!-- run --> or <!-- not run: WHY -->", b.at())
}

// TestDocsCommands runs the blocks of all pages. It also fails on a fence without a language,
// which could hide commands.
func TestDocsCommands(t *testing.T) {
	program := build(t)
	ran := 0
	for _, page := range docsPages(t) {
		var mine []docBlock
		for _, b := range docBlocks(page, file(t, page)) {
			switch b.language {
			case "sh", "console":
				if _, ok, err := b.runs(); err != nil {
					t.Error(err)
				} else if ok {
					mine = append(mine, b)
				}
			case "":
				t.Errorf("%s: fence without a language: sh, console, text, yaml ...", b.at())
			}
		}
		ran += len(mine)
		if len(mine) == 0 {
			continue
		}
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			runPage(t, program, page, mine)
		})
	}
	if ran < 10 {
		t.Errorf("ran only %d blocks", ran)
	}
}

// runPage runs the blocks of a page in a new folder.
func runPage(t *testing.T, program, page string, blocks []docBlock) {
	t.Helper()
	dir := docsFolder(t, page)
	env := docsEnvironment(program, dir)
	fresh := map[int][]string{} // rewritten lines of blocks, by block index
	for i, b := range blocks {
		if _, err := exec.LookPath("jq"); err != nil && strings.Contains(strings.Join(b.lines, "\n"), "| jq ") {
			t.Logf("%s: jq isn't installed", b.at())
			continue
		}
		codes, _, _ := b.runs()
		if b.language == "sh" {
			scripts := []string{strings.Join(b.lines, "\n")}
			if len(codes) > 1 {
				scripts = b.lines
			}
			if len(scripts) != len(codes) {
				t.Fatalf("%s: %d lines, but %d exit codes", b.at(), len(scripts), len(codes))
			}
			for k, script := range scripts {
				if out, got := runIn(t, dir, env, script); got != codes[k] {
					t.Fatalf("%s: got exit code %d, want %d: %s\n%s", b.at(), got, codes[k], script, out)
				}
			}
			continue
		}
		var lines []string
		steps := consoleSteps(b.lines)
		for k, s := range steps {
			out, got := runIn(t, dir, env, s.command)
			want := 0
			if k >= len(steps)-len(codes) {
				want = codes[k-len(steps)+len(codes)]
			}
			if got != want {
				t.Fatalf("%s: %s: exit code %d\n%s", b.at(), s.command, got, out)
			}
			lines = append(append(lines, s.typed...), outputLines(out)...)
			if !*update && !fits(outputLines(out), s.output) {
				t.Errorf("%s: %s: the output in the page is out of date (rewrite it with -update):\n%s", b.at(), s.command, out)
			}
		}
		if len(steps) == 0 {
			t.Errorf("%s: no line begins with \"$ \"", b.at())
		}
		if !slices.Contains(b.lines, "...") {
			fresh[i] = lines
		}
	}
	if *update {
		rewrite(t, page, blocks, fresh)
	}
}

// rewrite replaces the lines of some blocks in a page.
func rewrite(t *testing.T, page string, blocks []docBlock, fresh map[int][]string) {
	t.Helper()
	lines := strings.Split(file(t, page), "\n")
	for i, b := range slices.Backward(blocks) {
		if with, ok := fresh[i]; ok {
			lines = slices.Replace(lines, b.begin, b.end, with...)
		}
	}
	if err := os.WriteFile(page, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// consoleStep is a command of a console block: its lines as typed, the script that they form,
// and the output in the page.
type consoleStep struct {
	typed, output []string
	command       string
}

func consoleSteps(lines []string) (steps []consoleStep) {
	continued := false
	for _, line := range lines {
		command, ok := strings.CutPrefix(line, "$ ")
		switch {
		case ok && !continued:
			steps = append(steps, consoleStep{typed: []string{line}, command: command})
		case continued:
			last := &steps[len(steps)-1]
			last.typed = append(last.typed, line)
			last.command += "\n" + strings.TrimPrefix(line, "> ")
		case len(steps) > 0:
			last := &steps[len(steps)-1]
			last.output = append(last.output, line)
			continue
		}
		continued = len(steps) > 0 && strings.HasSuffix(line, `\`)
	}
	return steps
}

// outputLines splits output into lines without trailing blanks, since pages don't have any.
func outputLines(out string) []string {
	if strings.TrimSpace(out) == "" {
		return nil
	}
	lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return lines
}

// fits reports whether lines match a pattern in which "..." stands for any number of lines.
func fits(lines, pattern []string) bool {
	if len(pattern) == 0 {
		return len(lines) == 0
	}
	if pattern[0] == "..." {
		for i := 0; i <= len(lines); i++ {
			if fits(lines[i:], pattern[1:]) {
				return true
			}
		}
		return false
	}
	return len(lines) > 0 && lines[0] == pattern[0] && fits(lines[1:], pattern[1:])
}

func TestDocsFits(t *testing.T) {
	for _, c := range []struct {
		name, lines, pattern string
		want                 bool
	}{
		{"the same", "a b", "a b", true},
		{"a line more", "a b c", "a b", false},
		{"a line less", "a", "a b", false},
		{"another line", "a x", "a b", false},
		{"left out in the middle", "a x y b", "a ... b", true},
		{"left out at the end", "a x y", "a ...", true},
		{"nothing left out", "a b", "a ... b", true},
		{"behind what is left out", "a x c", "a ... b", false},
	} {
		if got := fits(strings.Fields(c.lines), strings.Fields(c.pattern)); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// docsFolder returns a new folder with the files that a page's commands use: workspaceFiles,
// and the folder in testdata/docs with the page's name.
func docsFolder(t *testing.T, page string) string {
	t.Helper()
	dir := t.TempDir()
	for name, of := range workspaceFiles {
		copyFile(t, of, filepath.Join(dir, name))
	}
	own := filepath.Join("testdata", "docs", strings.TrimSuffix(filepath.Base(page), ".md"))
	entries, err := os.ReadDir(own)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		copyFile(t, filepath.Join(own, e.Name()), filepath.Join(dir, e.Name()))
	}
	return dir
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, []byte(file(t, from)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// docsEnvironment returns the environment of a page's commands: the same on every machine,
// without engines.
func docsEnvironment(program, dir string) []string {
	return []string{
		"PATH=" + filepath.Dir(program) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + dir, "XDG_CACHE_HOME=" + filepath.Join(dir, ".cache"), "TMPDIR=" + os.TempDir(),
		"TZ=UTC", "LC_ALL=C.UTF-8", "NO_COLOR=1", "PEEL_OFFLINE=1",
		"DOCKER_HOST=unix:///nonexistent", "CONTAINER_HOST=unix:///nonexistent", "CONTAINERD_ADDRESS=/nonexistent",
	}
}

// runIn runs a script in a folder, and returns its output and exit code.
func runIn(t *testing.T, dir string, env []string, script string) (string, int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", "-euc", script)
	c.Dir, c.Env = dir, env
	out, err := c.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), c.ProcessState.ExitCode()
}
