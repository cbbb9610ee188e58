package cmd

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fixable is an image whose steps copy up, delete and leave behind files of other steps, and
// fixableFile is its Dockerfile.
const fixable = `
-- image app:1 linux/amd64 --
step "/bin/sh -c #(nop) ADD file:4bf7a in / "
step "RUN /bin/sh -c make model # buildkit"
step "RUN /bin/sh -c chmod 600 /srv/model.bin # buildkit"
step "COPY run.sh /usr/bin/run.sh # buildkit"
step "RUN /bin/sh -c chmod 755 /usr/bin/run.sh # buildkit"
step "RUN /bin/sh -c apt-get update && apt-get install -y git # buildkit"
-- layer --
dir usr/
dir usr/bin/
file usr/bin/sh 5000 mode=0755
-- layer --
dir srv/
file srv/model.bin 64000 mode=0644
-- layer --
dir srv/
file srv/model.bin 64000 mode=0600
-- layer --
dir usr/
dir usr/bin/
file usr/bin/run.sh 30000 mode=0644
-- layer --
dir usr/
dir usr/bin/
file usr/bin/run.sh 30000 mode=0755
-- layer --
file usr/bin/git 9000 mode=0755
file var/lib/apt/lists/deb.example_main 200000
file var/lib/apt/lists/lock 0
`

const fixableFile = `# syntax=docker/dockerfile:1
FROM debian

RUN make model
RUN chmod 600 /srv/model.bin

# how it is started
#
COPY run.sh /usr/bin/run.sh
RUN chmod 755 /usr/bin/run.sh

# what it needs
#
RUN apt-get update && apt-get install -y git
`

const fixedFile = `# syntax=docker/dockerfile:1
FROM debian

RUN make model \
    && chmod 600 /srv/model.bin

# how it is started
#
COPY --chmod=0755 run.sh /usr/bin/run.sh

# what it needs
#
RUN apt-get update && apt-get install -y git \
    && rm -rf /var/lib/apt/lists/*
`

// fixedIn applies the output of peel fix in a repository and returns the Dockerfile.
func fixedIn(t *testing.T, patch, file string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "git", "apply")
	c.Stdin = strings.NewReader(patch)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("git apply: %v\n%s\n%s", err, out, patch)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFixPatch checks that peel fix prints a patch that git accepts, for any name, place and
// line endings of the Dockerfile, and that --write gives the same result.
func TestFixPatch(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git isn't installed")
	}
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	open := func(s string) string { return strings.TrimSuffix(s, "\n") }
	same := func(s string) string { return s }
	for _, c := range []struct {
		name, file string
		flags      []string
		form       func(string) string
	}{
		{"found", "Dockerfile", nil, same},
		{"named", "build/app.dockerfile", []string{"--dockerfile", "build/app.dockerfile"}, same},
		{"blank in the name", "a b/Docker file", []string{"--dockerfile", "a b/Docker file"}, same},
		{"odd name", "ü\"/D", []string{"--dockerfile", "ü\"/D"}, same},
		{"CRLF", "Dockerfile", nil, crlf},
		{"no line feed at the end", "Dockerfile", nil, open},
		{"CRLF, no end", "Dockerfile", nil, func(s string) string { return strings.TrimSuffix(crlf(s), "\r\n") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			inFolder(t, "docker-25", fixable)
			if err := os.Mkdir(".git", 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, c.file, []byte(c.form(fixableFile)))
			args := append([]string{"fix", "app.tar", "--base", "1"}, c.flags...)
			text := must(t, args...)
			before, _, ok := strings.Cut(text, "\n--- ")
			if !ok || strings.HasPrefix(before, "--- ") {
				t.Fatalf("no patch, or something before it looks like one:\n%s", text)
			}
			if hunks := strings.Count(text, "\n@@ "); hunks != 3 {
				t.Errorf("got %d hunks, want one for each of three fixes:\n%s", hunks, text)
			}
			if err := os.Remove(".git"); err != nil { // git finds the folder by itself, or works without one
				t.Fatal(err)
			}
			if got, want := fixedIn(t, text, c.file), c.form(fixedFile); got != want {
				t.Errorf("applying the patch gives\n%q\nwant\n%q", got, want)
			}
			write(t, c.file, []byte(c.form(fixableFile)))
			if err := os.Chmod(c.file, 0o640); err != nil {
				t.Fatal(err)
			}
			must(t, append(args, "--write")...)
			info, err := os.Stat(c.file)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := os.ReadFile(c.file)
			if string(b) != c.form(fixedFile) || info.Mode().Perm() != 0o640 {
				t.Errorf("written, %v:\n%q", info.Mode(), b)
			}
		})
	}
}

// TestFixFigures checks that the figures are those of the chosen fixes.
func TestFixFigures(t *testing.T) {
	inFolder(t, "docker-25", fixable)
	write(t, "Dockerfile", []byte(fixableFile))
	for _, c := range []struct {
		name    string
		flags   []string
		stored  int64
		visible int64
		layers  int
		shared  int64
		patch   bool
	}{
		{"all", nil, 108000, 108000, 4, 0, true},
		{"one", []string{"--choose", "waste/metadata/RUN chmod 600 /srv/model.bin"}, 338000, 308000, 5, 0, true},
		{"squash alone", []string{"--squash", "3..4"}, 372000, 308000, 5, 0, false},
		{"squash with the base", []string{"--squash", "0..2"}, 338000, 308000, 4, 5000, false},
		{"drop", []string{"--drop", "/srv"}, 274000, 244000, 6, 0, false},
		{"drop and all", []string{"--drop", "/srv", "--choose", "all"}, 44000, 44000, 4, 0, true},
		{"dropping a path of the base", []string{"--drop", "/usr/bin/sh"}, 402000, 303000, 6, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got struct {
				After struct {
					Layers                                   int
					StoredBytes, VisibleBytes, UnsharedBytes int64
				}
				Patch *string
			}
			text := must(t, append([]string{"fix", "app.tar", "--base", "1", "-f", "json"}, c.flags...)...)
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
			a := got.After
			if a.StoredBytes != c.stored || a.VisibleBytes != c.visible || a.Layers != c.layers || a.UnsharedBytes != c.shared || (got.Patch != nil) != c.patch {
				t.Errorf("%+v, patch %v", a, got.Patch != nil)
			}
		})
	}
}

// TestFixRefuses checks that invalid requests are refused and nothing is written.
func TestFixRefuses(t *testing.T) {
	inFolder(t, "docker-25", fixable)
	write(t, "Dockerfile", []byte("FROM other\nRUN something else\n"))
	for _, c := range []struct {
		flags []string
		code  int
		says  string
	}{
		{[]string{"--choose", "waste/metadata/RUN chmod 600 /srv/model.bi"}, 2, `try: --choose "waste/metadata/RUN chmod 600 /srv/model.bin"`},
		{[]string{"--squash", "4..9"}, 2, "layers are 0 to 5"},
		{[]string{"--squash", "4"}, 2, "as in 2..5"},
		{[]string{"--drop", "/no/such"}, 2, "no such path"},
		{[]string{"--drop", "/"}, 2, "root"},
		{[]string{"--write"}, 3, "--write needs a Dockerfile"},
		{[]string{"--dockerfile", "missing"}, 2, "cannot read the Dockerfile"},
	} {
		r := peel(append([]string{"fix", "app.tar"}, c.flags...)...)
		if r.code != c.code || !strings.Contains(r.err, c.says) {
			t.Errorf("%q: %d, %s", c.flags, r.code, r.err)
		}
	}
	if out := must(t, "fix", "app.tar"); !strings.Contains(out, "does not fit") || strings.Contains(out, "\n--- ") {
		t.Errorf("another image's Dockerfile:\n%s", out)
	}
	if b, _ := os.ReadFile(filepath.FromSlash("Dockerfile")); string(b) != "FROM other\nRUN something else\n" {
		t.Errorf("the Dockerfile was changed: %s", b)
	}
}

// TestFixText checks the text for people. The goldens show a space at the end of a line, as in
// an empty context line of a patch, as "·".
func TestFixText(t *testing.T) {
	must := func(t *testing.T, args ...string) string {
		return strings.ReplaceAll(must(t, args...), " \n", "·\n")
	}
	inFolder(t, "docker-25", fixable)
	write(t, "Dockerfile", []byte(fixableFile))
	golden(t, "fix", must(t, "fix", "app.tar", "--base", "1"))
	golden(t, "fix-operations", must(t, "fix", "app.tar", "--base", "1", "--squash", "0..2", "--drop", "/usr/bin"))
	golden(t, "fix-none", must(t, "fix", "app.tar", "--dockerfile", "none"))
}

// TestFixHostile checks that no line before the patch can be mistaken for its start, and that
// no text from an image reaches a terminal unescaped.
func TestFixHostile(t *testing.T) {
	inFolder(t, "docker-25", strings.NewReplacer(
		"srv/model.bin", `"srv/\n--- a/x\n\x1b[2J"`,
		"chmod 600 /srv/model.bin", `chmod 600\n--- a/Dockerfile\n+++ b/x\x1b[31m`).Replace(strings.ReplaceAll(fixable, "srv/\"", "srv/")))
	out := must(t, "fix", "app.tar", "--base", "1", "--dockerfile", "none")
	if strings.Contains(out, "\n--- ") || strings.ContainsRune(out, '\x1b') {
		t.Errorf("the output contains the start of a patch or an escape: %q", out)
	}
}

// TestFixNamesSecrets checks that a fix names the files that hold secrets, with what to do, even
// if nothing else needs a change; without a secret it doesn't speak of them.
func TestFixNamesSecrets(t *testing.T) {
	inFolder(t, "docker-25", `
-- image app:1 linux/amd64 --
step "/bin/sh -c #(nop) ADD file:4bf7a in / "
step "COPY . /srv # buildkit"
step "RUN /bin/sh -c rm /srv/id_rsa # buildkit"
-- layer --
dir usr/
file usr/sh 5000 mode=0755
-- layer --
dir srv/
file srv/id_rsa 400 mode=0600
-- layer --
dir srv/
file srv/.wh.id_rsa 0
`)
	r := peel("fix", "app.tar", "--dockerfile", "none")
	out := unwrapped(r.out)
	for _, want := range []string{"Secrets in the image", "/srv/id_rsa is named like a secret", "still readable in layer 1", "↳ COPY . /srv", "→ List it in .dockerignore."} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	if t.Failed() {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	inFolder(t, "docker-25", fixable)
	if r := peel("fix", "app.tar", "--dockerfile", "none"); r.code != 0 || strings.Contains(r.out, "ecret") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

// TestFixSmall checks that the text promises with --choose all only the small fixes that it makes.
func TestFixSmall(t *testing.T) {
	inFolder(t, "docker-25", `
-- image app:1 linux/amd64 --
step "/bin/sh -c #(nop) ADD file:4bf7a in / "
step "RUN /bin/sh -c make a # buildkit"
step "RUN /bin/sh -c rm /a # buildkit"
step "WORKDIR /srv"
step "RUN /bin/sh -c make b # with a comment # buildkit"
step "RUN /bin/sh -c rm /b # buildkit"
-- layer --
file usr/sh 5000000 mode=0755
-- layer --
file a 2000
-- layer --
file .wh.a 0
-- layer --
dir srv/
-- layer --
file b 3000
-- layer --
file .wh.b 0
`)
	write(t, "Dockerfile", []byte("FROM debian\nRUN make a\nRUN rm /a\nWORKDIR /srv\nRUN make b # with a comment\nRUN rm /b\n"))
	const can, cannot = "--choose all makes", "peel can't make"
	for _, c := range []struct {
		name      string
		flags     []string
		says, not []string
	}{
		{"as it is", nil, []string{"2.00 kB", can + " it too, and -f json has its ID.", "3.00 kB", cannot + " it by itself, and -f json has the advice."}, nil},
		{"all", []string{"--choose", "all"}, []string{"A file deleted in a later step", "3.00 kB", cannot + " it by"}, []string{can}},
		{"without a Dockerfile", []string{"--dockerfile", "none"}, []string{"5.00 kB", "2 small fixes, each of which saves little", cannot + " them by itself, and -f json has the advice for each."}, []string{can}},
	} {
		out := must(t, append([]string{"fix", "app.tar", "--base", "1"}, c.flags...)...)
		text := strings.Join(strings.Fields(out), " ")
		for _, s := range c.says {
			if !strings.Contains(text, s) {
				t.Errorf("%s: no %q in\n%s", c.name, s, out)
			}
		}
		for _, s := range c.not {
			if strings.Contains(text, s) {
				t.Errorf("%s: %q in\n%s", c.name, s, out)
			}
		}
	}
}

// TestFixWarnsOfDockerfile checks that peel says why a Dockerfile that is named doesn't fit the image,
// and still uses it.
func TestFixWarnsOfDockerfile(t *testing.T) {
	inFolder(t, "docker-25", `
-- image app:1 linux/amd64 --
step "/bin/sh -c #(nop) ADD file:4bf7a in / "
step "RUN /bin/sh -c make # buildkit"
step "RUN /bin/sh -c chmod 755 /app # buildkit"
-- layer --
file usr/sh 5000 mode=0755
-- layer --
file app 3000000 mode=0644
-- layer --
file app 3000000 mode=0755
`)
	const file = "FROM debian\nRUN make\nRUN chmod 755 /app\n"
	for _, test := range []struct{ name, text, want string }{
		{"its own", file, ""},
		{"its own, with another stage after it", strings.Replace(file, "debian", "debian AS dev", 1) + "FROM alpine\nRUN apk add curl\n", ""},
		{"a step more", strings.Replace(file, "RUN chmod", "RUN make check\nRUN chmod", 1), "peel: Dockerfile may not be the Dockerfile of this image, so check the patch: it has a step on line 3 that the image's history doesn't have: RUN make check\n"},
		{"another one", "FROM debian\nCOPY . .\n", "a step on line 2 that the image's history doesn't have: COPY . .\n"},
	} {
		write(t, "Dockerfile", []byte(test.text))
		r := peel("fix", "app.tar", "--base", "1", "--dockerfile", "Dockerfile")
		if r.code != 0 || (test.want == "") != (r.err == "") || !strings.Contains(r.err, test.want) {
			t.Errorf("%s: exit code %d, standard error:\n%s\nwant %q", test.name, r.code, r.err, test.want)
		}
	}
}
