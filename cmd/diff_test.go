package cmd

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/peelhq/peel/internal/testkit"
)

// sequel is the next build of story.
const sequel = `
-- image app:2 linux/amd64 --
env "PORT=8080"
env "API_TOKEN=ghp_abcdefghijklmnopqrstuvwxyz0123456789"
user app
label org.example.note="two | words"
step "/bin/sh -c #(nop) ADD file:4bf7a in / "
empty "/bin/sh -c #(nop)  ENV LANG=C.UTF-8"
step "RUN /bin/sh -c make install # buildkit"
step "COPY . /srv/app # buildkit"
step "RUN /bin/sh -c ./configure # buildkit"
-- layer --
dir usr/
dir usr/lib/
symlink lib -> usr/lib
file usr/lib/libc.so 5000 mode=0755
dir usr/share/
dir usr/share/doc/
file usr/share/doc/README 1500
file usr/share/doc/NEWS 300
dir tmp/ mode=1777
-- layer --
dir srv/
dir srv/app/
file srv/app/model.bin 30000 seed=m
file srv/app/main.py "print('hello')\n"
symlink srv/app/sym -> again.py
hardlink srv/app/again.py -> srv/app/main.py
file usr/bin/tool 700 mode=0755
-- layer --
file srv/app/config "debug = none\n"
file usr/lib/libc.so 5100 mode=0755 mtime=1700000100
-- layer --
file etc/conf 2000
`

// twoBuilds changes to a folder with story as app.tar and sequel as next.tar.
func twoBuilds(t *testing.T) {
	t.Helper()
	inFolder(t, "docker-25", story)
	f, err := testkit.Parse(sequel)
	if err != nil {
		t.Fatal(err)
	}
	write(t, "next.tar", testkit.ShapeNamed("oci-tar").Archive(f))
}

func TestDiffGoldens(t *testing.T) {
	twoBuilds(t)
	for name, args := range map[string]string{
		"diff":          "diff app.tar next.tar",
		"diff-most":     "diff app.tar next.tar -n 2",
		"diff-json":     "diff app.tar next.tar -f json",
		"diff-markdown": "diff app.tar next.tar -f markdown",
		"diff-layers":   "diff app.tar --from 1 --to 3",
		"diff-back":     "diff app.tar --from 4 --to 0",
		"diff-none":     "diff next.tar next.tar",
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, must(t, strings.Fields(args)...)) })
	}
}

func TestDiffExitCodes(t *testing.T) {
	twoBuilds(t)
	for _, c := range []struct {
		args string
		code int
		says string // on standard error; "" for nothing at all
	}{
		{"diff app.tar next.tar", 0, ""},
		{"diff app.tar next.tar --exit-code", 1, ""},
		{"diff app.tar app.tar --exit-code", 0, ""},
		{"diff app.tar next.tar --exit-code -o out.txt", 1, ""},
		{"diff app.tar --from 2 --exit-code", 1, ""},
		{"diff app.tar --from 4 --exit-code", 0, ""},
		{"diff app.tar --from 1 --to 1 --exit-code", 0, ""},

		{"diff", 2, "two images, or one with --from"},
		{"diff app.tar", 2, "nothing to compare with"},
		{"diff app.tar --to 1", 2, "nothing to compare with"},
		{"diff a b c", 2, "two images"},
		{"diff app.tar next.tar --from 1", 2, "there are two images"},
		{"diff app.tar --from 5", 2, "--from 5: the image's layers are 0 to 4"},
		{"diff app.tar --from 0 --to 9", 2, "--to 9: the image's layers are 0 to 4"},
		{"diff app.tar --from x", 2, "a layer is a number"},
		{"diff app.tar next.tar -f xml", 2, `unknown format "xml": use text`},
		{"diff app.tar next.tar -n -1", 2, "-n 0 for all"},
		{"diff app.tar next.tar --output=", 2, "no name"},
		{"diff - -", 2, "only one"},

		{"diff app.tar missing.tar", 3, "missing.tar"},
		{"diff missing.tar app.tar --exit-code", 3, "missing.tar"},
		{"diff app.tar next.tar --platform linux/s390x", 3, "try: another --platform"},
		{"diff app.tar next.tar -o no/such/folder/x --exit-code", 3, "cannot write the report to no/such/folder/x"},
	} {
		t.Run(c.args, func(t *testing.T) {
			r := peel(strings.Fields(c.args)...)
			if r.code != c.code || !strings.Contains(r.err, c.says) || c.says == "" && r.err != "" || c.code > 1 && r.out != "" {
				t.Errorf("got exit code %d, want %d; standard error: %s\nstandard output: %s", r.code, c.code, r.err, r.out)
			}
		})
	}
	var said strings.Builder
	if code := Main(strings.Fields("diff app.tar next.tar --exit-code"), strings.NewReader(""), closed(), &said); code != 1 || said.Len() > 0 {
		t.Errorf("with a reader that has gone: got exit code %d, %s", code, said.String())
	}
}

// TestDiffForms checks that neither an image's form nor its source makes a difference.
func TestDiffForms(t *testing.T) {
	twoBuilds(t)
	f, err := testkit.Parse(story)
	if err != nil {
		t.Fatal(err)
	}
	want := must(t, "diff", "app.tar", "next.tar", "-f", "json")
	_, want, _ = strings.Cut(want, `"layers": [`)
	for _, shape := range testkit.Sample(f.Shapes()) {
		path := shape.Write(t, f)
		out := must(t, "diff", "app.tar", path, "-n", "0")
		_, got, _ := strings.Cut(must(t, "diff", path, "next.tar", "-f", "json"), `"layers": [`)
		switch {
		case shape.Name == "oci-estargz": // it has other layers with the same files
			if !strings.Contains(out, "Layers: 5 changed\n") || strings.Contains(out, "differences") {
				t.Errorf("%s: %s", shape.Name, out)
			}
		case !strings.Contains(out, "no difference"):
			t.Errorf("%s: %s", shape.Name, out)
		case got != want:
			t.Errorf("%s: the difference isn't that of app.tar:\n%s", shape.Name, got)
		}
	}
	for _, args := range [][]string{{"diff", "-", "app.tar"}, {"diff", "app.tar", "-"}} {
		if r := peelIn(strings.NewReader(read(t, "app.tar")), append(args, "--exit-code")...); r.code != 0 {
			t.Errorf("%q: exit code %d, %s%s", args, r.code, r.out, r.err)
		}
	}
}

func TestDiffFile(t *testing.T) {
	twoBuilds(t)
	for _, form := range []string{"text", "json", "markdown"} {
		must(t, "diff", "app.tar", "next.tar", "-f", form, "-o", "out")
		if read(t, "out") != must(t, "diff", "app.tar", "next.tar", "-f", form) {
			t.Errorf("%s: the file differs from standard output", form)
		}
	}
}

func TestDiffHostileNames(t *testing.T) {
	inFolder(t, "docker-25", `
-- image h:1 linux/amd64 --
step "RUN \x1b[2J::error::x"
-- layer --
file "\x1b[31mred" 1
file "two\nlines" 2
symlink l -> "\x1b]0;title\x07"
-- layer --
file "\u202etxt.exe" 3
file "\xff\xfe" 4
file "a|b\\|c@you <img src=x>" 9
file "two\nlines" 2 mode=0600 xattr:user.\x1b=1
symlink l -> "::error::\x1b"
`)
	for name, args := range map[string]string{"hostile-diff": "", "hostile-diff-json": "-f json", "hostile-diff-markdown": "-f markdown"} {
		t.Run(name, func(t *testing.T) {
			out := must(t, strings.Fields("diff app.tar --from 0 "+args)...)
			if strings.ContainsAny(out, "\x1b\x07\u202e") || !utf8.ValidString(out) {
				t.Errorf("got control characters: %q", out)
			}
			for line := range strings.Lines(out) {
				if strings.HasPrefix(strings.TrimSpace(line), "::") {
					t.Errorf("a line looks like a workflow command: %s", line)
				}
			}
			golden(t, name, out)
		})
	}
}

// TestDiffMarkdownIsBounded checks that a comment has a bounded length for any image.
func TestDiffMarkdownIsBounded(t *testing.T) {
	var fixture strings.Builder
	fixture.WriteString("-- layer --\nfile a 1\n-- layer --\n")
	for i := range 3000 {
		fixture.WriteString("file " + strings.Repeat("`|*", 20) + strconv.Itoa(i) + " 10\n")
	}
	inFolder(t, "docker-25", fixture.String())
	out := must(t, "diff", "app.tar", "--from", "0", "-f", "markdown", "-n", "0")
	if len(out) > 60_000 || strings.Count(out, "<details>") != 2 || strings.Count(out, "</details>") != 2 || !strings.Contains(out, "too many for a comment") {
		t.Errorf("got %d bytes, ending in %q", len(out), out[max(len(out)-300, 0):])
	}
}

// TestDiffSchema compares every fixture with itself and with another one, and checks the output
// against the schema.
func TestDiffSchema(t *testing.T) {
	s := schema(t, "diff.schema.json")
	twoBuilds(t)
	next, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	next += "/next.tar"
	valid(t, s, must(t, "diff", "app.tar", next, "-f", "json", "-n", "1"))
	for _, f := range testkit.Sample(testkit.Fixtures(t, goldens+"/..")) {
		t.Run(f.Name, func(t *testing.T) {
			path := f.Shapes()[0].Write(t, f)
			for _, im := range f.Images {
				if im.Absent != "" || im.Platform != "linux/amd64" {
					continue
				}
				ref, _ := f.Ref(path, im)
				valid(t, s, must(t, "diff", "--platform", im.Platform, ref, next, "-f", "json"))
				valid(t, s, must(t, "diff", "--platform", im.Platform, next, ref, "-f", "json"))
				if out := must(t, "diff", "--platform", im.Platform, ref, ref, "--exit-code"); !strings.Contains(out, "no difference") {
					t.Errorf("it differs from itself:\n%s", out)
				}
				if len(im.Layers) > 1 {
					valid(t, s, must(t, "diff", "--platform", im.Platform, ref, "--from", "0", "-f", "json"))
				}
			}
		})
	}
}
