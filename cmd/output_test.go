package cmd

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
)

func TestGoldens(t *testing.T) {
	inFolder(t, "docker-25", story)
	for name, args := range map[string]string{
		"report":           "report app.tar",
		"report-json":      "report app.tar -f json",
		"report-markdown":  "report app.tar -f markdown",
		"check-failed":     "check app.tar --max-wasted 10kB",
		"check-passed":     "check app.tar --min-efficiency 10% --max-user-wasted 99%",
		"check-off":        "check app.tar --min-efficiency off --max-user-wasted off --secret off --user off --healthcheck off --setuid off",
		"ls":               "ls app.tar",
		"ls-file":          "ls app.tar /lib/libc.so",
		"ls-long":          "ls app.tar /srv/app -l",
		"ls-symlink":       "ls app.tar /lib -l",
		"ls-recursive":     "ls app.tar -R -l",
		"ls-size":          "ls app.tar -R -l --sort size --bytes",
		"ls-newest-last":   "ls app.tar -R --sort time -r",
		"ls-filter":        "ls app.tar --filter change:modified,metadata -l",
		"ls-filter-below":  "ls app.tar /srv --filter >10B --json",
		"ls-layer-filter":  "ls app.tar --layer 4 --filter change:removed --sort layer",
		"ls-at":            "ls app.tar --at 2 -R /srv",
		"ls-json":          "ls app.tar --json -R",
		"ls-layer":         "ls app.tar --layer 4 -R -l",
		"ls-layer-json":    "ls app.tar --layer 4 -R --json",
		"ls-layer-on-way":  "ls app.tar --layer 3 -l",
		"ls-layer-removed": "ls app.tar --layer 4 /usr/share/doc -l",
		"log":              "log app.tar /srv/app/model.bin",
		"log-library":      "log app.tar /lib/libc.so",
		"log-directory":    "log app.tar /usr/share/doc/",
		"log-hard-link":    "log app.tar srv/app/again.py",
		"log-implied":      "log app.tar /usr/bin",
		"cat":              "cat app.tar /srv/app/sym",
	} {
		t.Run(name, func(t *testing.T) {
			r := peel(strings.Fields(args)...)
			if r.code > exitRule || r.err != "" {
				t.Fatalf("got exit code %d, standard error: %s", r.code, r.err)
			}
			golden(t, name, r.out)
		})
	}
}

func TestHostileNames(t *testing.T) {
	inFolder(t, "docker-25", `
-- layer --
file "\x1b[31mred" 1
file "two\nlines" 2
file "\u202etxt.exe" 3
file "\xff\xfe" 4
symlink l -> "\x1b]0;title\x07"
-- layer --
file "two\nlines" 2 mode=0600
file "\x1b[31mred" 7
`)
	for name, args := range map[string][]string{
		"hostile-ls":     {"ls", "app.tar"},
		"hostile-long":   {"ls", "app.tar", "-l"},
		"hostile-json":   {"ls", "app.tar", "--json"},
		"hostile-report": {"report", "app.tar"},
		"hostile-log":    {"log", "app.tar", "/two\nlines"},
	} {
		t.Run(name, func(t *testing.T) {
			out := must(t, args...)
			if strings.ContainsAny(out, "\x1b\x07\u202e") || !utf8.ValidString(out) {
				t.Errorf("got control characters: %q", out)
			}
			golden(t, name, out)
		})
	}
}

func TestReportFile(t *testing.T) {
	inFolder(t, "docker-25", story)
	want := must(t, "report", "app.tar", "-f", "json")
	mode := func(name string) os.FileMode {
		t.Helper()
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode()
	}
	t.Run("new", func(t *testing.T) {
		must(t, "report", "app.tar", "-f", "json", "-o", "new.json")
		if read(t, "new.json") != want {
			t.Error("the file differs from standard output")
		}
	})
	t.Run("over a longer one", func(t *testing.T) {
		write(t, "r.json", bytes.Repeat([]byte("x"), 3*len(want)))
		if err := os.Chmod("r.json", 0o640); err != nil {
			t.Fatal(err)
		}
		must(t, "report", "app.tar", "-f", "json", "-o", "r.json")
		if read(t, "r.json") != want {
			t.Error("part of the old file is left")
		}
		if mode("r.json").Perm() != 0o640 {
			t.Errorf("got mode %v", mode("r.json"))
		}
	})
	t.Run("through a symlink", func(t *testing.T) {
		write(t, "target.json", []byte("old"))
		if err := os.Symlink("target.json", "link.json"); err != nil {
			t.Skip("can't make symbolic links:", err)
		}
		must(t, "report", "app.tar", "-f", "json", "-o", "link.json")
		if read(t, "target.json") != want {
			t.Error("the link's target wasn't written")
		}
	})
	t.Run("a device", func(t *testing.T) {
		must(t, "report", "app.tar", "-o", os.DevNull)
		if mode(os.DevNull).IsRegular() {
			t.Error("the file was replaced")
		}
	})
	t.Run("an unreadable image leaves the old file", func(t *testing.T) {
		write(t, "kept.json", []byte("old"))
		if r := peel("report", "missing.tar", "-o", "kept.json"); r.code != exitWork || read(t, "kept.json") != "old" {
			t.Errorf("got exit code %d, file %q", r.code, read(t, "kept.json"))
		}
	})
	left, err := filepath.Glob(".*.tmp")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q (%v)", left, err)
	}
}

func TestWriteFileFails(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "r", []byte("old"))
	broken := errors.New("broken")
	err := writeFile(t.Context(), "r", func(w io.Writer) error {
		_, _ = io.WriteString(w, strings.Repeat("new", outputBuffer))
		return broken
	})
	if !errors.Is(err, broken) || read(t, "r") != "old" {
		t.Errorf("got error %v, and the file begins with %q", err, read(t, "r")[:3])
	}
	if all, _ := os.ReadDir("."); len(all) != 1 {
		t.Errorf("left behind: %v", all)
	}
}

func TestStandardInput(t *testing.T) {
	for _, shape := range []string{"docker-20.gz", "docker-25-reversed", "oci-tar-zstd"} {
		inFolder(t, shape, story)
		data := read(t, "app.tar")
		if r := peelIn(strings.NewReader(data), "cat", "-", "/srv/app/main.py"); r.code != 0 || r.out != "print('hello')\n" {
			t.Errorf("%s: got exit code %d, %q, standard error: %s", shape, r.code, r.out, r.err)
		}
		if r := peelIn(strings.NewReader(data), "ls", "-", "-R", "--json"); r.out != must(t, "ls", "app.tar", "-R", "--json") {
			t.Errorf("%s: the list differs: %s", shape, r.err)
		}
	}
}

func TestVerbose(t *testing.T) {
	inFolder(t, "docker-25", story)
	if r := peel("ls", "app.tar", "-v"); r.code != 0 || !strings.Contains(r.err, "level=DEBUG") {
		t.Errorf("got exit code %d, standard error: %q", r.code, r.err)
	}
}

func TestHelpAndManual(t *testing.T) {
	help := must(t, "--help")
	manual := must(t, "man")
	for _, c := range []string{"ls", "log", "cat", "extract", "report", "check", "diff"} {
		if !strings.Contains(help, c+" IMAGE") {
			t.Errorf("the help doesn't mention %s", c)
		}
		if !strings.Contains(manual, ".SS \"peel "+c+" IMAGE") {
			t.Errorf("the manual doesn't mention %s", c)
		}
		if !strings.Contains(must(t, c, "--help"), "peel "+c+" IMAGE") {
			t.Errorf("%s has no help", c)
		}
	}
	for _, want := range []string{"\\-\\-min\\-efficiency", "docker://NAME", ".B 130"} {
		if !strings.Contains(manual, want) {
			t.Errorf("the manual lacks %s", want)
		}
	}
	if manual != must(t, "man") {
		t.Error("the manual differs between runs")
	}
	if out := must(t, "--version"); !strings.HasPrefix(out, "peel version ") {
		t.Errorf("got version %q", out)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out := must(t, "completion", shell); len(out) < 1000 {
			t.Errorf("got a completion script for %s of %d bytes", shell, len(out))
		}
	}
}

func TestProgressLine(t *testing.T) {
	for want, p := range map[string]source.Progress{
		"reading app.tar  0 B":                               {What: "app.tar"},
		"reading app.tar  412 MB of 1.24 GB  3 of 12 layers": {What: "app.tar", Bytes: 412e6, TotalBytes: 1.24e9, Layers: 3, TotalLayer: 12},
		`reading a\x1b[2J  1.00 kB`:                          {What: "a\x1b[2J", Bytes: 1000},
	} {
		if got := progressLine("reading", p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// signalled is a writer that signals each write.
type signalled struct {
	bytes.Buffer
	wrote chan struct{}
}

func (s *signalled) Write(b []byte) (int, error) {
	n, err := s.Buffer.Write(b)
	select {
	case s.wrote <- struct{}{}:
	default:
	}
	return n, err
}

func TestProgressIsErased(t *testing.T) {
	out := &signalled{wrote: make(chan struct{}, 1)}
	p := &progress{verb: "reading", out: out, width: func() int { return 20 }, done: make(chan struct{})}
	p.ended.Go(p.show)
	p.report(source.Progress{What: "a-very-long-name.tar", Bytes: 1})
	select {
	case <-out.wrote:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing is shown")
	}
	p.stop()
	if got, want := out.String(), eraseLine+"reading a-very-lon…"+eraseLine; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	var none *progress // not on a terminal
	none.report(source.Progress{})
	none.stop()
}

// TestLayout checks that for output that isn't a terminal, COLUMNS sets the width at which
// prose wraps, and nothing is cut off.
func TestLayout(t *testing.T) {
	a := &app{stdout: &bytes.Buffer{}}
	for columns, want := range map[string]report.Layout{"": {}, "120": {Columns: 120}, "-4": {}, "wide": {}, "99999999": {Columns: maxColumns}} {
		t.Setenv("COLUMNS", columns)
		for _, file := range []string{standardOutput, "report.txt"} {
			if got := a.layout(output{file: file}); got != want {
				t.Errorf("COLUMNS=%q, %s: %+v, want %+v", columns, file, got, want)
			}
		}
	}
}

// TestHelpOfFlags checks that help shows the name of each flag's value, lists a flag once, and
// that no line of a text ends within the name of a flag.
func TestHelpOfFlags(t *testing.T) {
	for _, columns := range []string{"", "60", "80", "100"} {
		t.Setenv("COLUMNS", columns)
		for _, c := range []string{"", "build", "check", "diff", "extract", "fix", "fleet", "fleet plan", "fleet index", "fleet kube", "grep", "images", "packages", "report", "squash"} {
			help := must(t, append(strings.Fields(c), "--help")...)
			text, _, _ := strings.Cut(help, "  USAGE")
			for line := range strings.SplitSeq(text, "\n") {
				if strings.HasSuffix(line, "-") || strings.HasSuffix(line, "--") {
					t.Errorf("%s: a line of the help ends in a flag: %q", c, line)
				}
				if n := len([]rune(line)); columns == "80" && n > 80 {
					t.Errorf("%s: a line of the help has %d columns: %q", c, n, line)
				}
			}
			if n := strings.Count(help, "\n    -v --verbose "); n != 1 {
				t.Errorf("%s: the help lists --verbose %d times", c, n)
			}
		}
	}
	check, diff := must(t, "check", "--help"), must(t, "diff", "--help")
	for want, help := range map[string]string{
		"    --max-wasted SIZE ": check, "    --secret on|off ": check, "    --forbid GLOB ": check, "    --config FILE ": check, "    -f --format FORMAT ": check, "    --init  ": check,
		"    --from N ": diff, "    -o --output FILE ": diff, "    --exit-code  ": diff,
	} {
		if !strings.Contains(help, want) {
			t.Errorf("the help lacks %q:\n%s", want, help)
		}
	}
}

// TestHelpOnTerminal checks that flags are wrapped on a narrow terminal, below where their text
// begins, and that help leaves the command as it was.
func TestHelpOnTerminal(t *testing.T) {
	root := (&app{}).root()
	c, _, err := root.Find([]string{"fix"})
	if err != nil {
		t.Fatal(err)
	}
	c.InheritedFlags() // gives it the flags of every command, as running it does
	long, usage := c.Long, c.Flags().Lookup("choose").Usage
	shown := shownHelp(c, 80, true)
	if got := shown.UseLine(); got != "peel fix IMAGE [flags]" {
		t.Errorf("got usage %q", got)
	}
	got := shown.Flags().Lookup("choose ID")
	if got == nil {
		t.Fatal("the help of --choose doesn't name its value")
	}
	for line := range strings.SplitSeq(got.Usage, "\n") {
		if len(line) > 80-4-len("--insecure-registry HOST")-2 {
			t.Errorf("a line has %d columns: %q", len(line), line)
		}
	}
	if !strings.Contains(got.Usage, "\n") || c.Long != long || c.Flags().Lookup("choose").Usage != usage || c.Parent() != root {
		t.Errorf("the flag isn't wrapped, or the command has changed: %q", got.Usage)
	}
}
