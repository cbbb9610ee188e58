//go:build unix

package cmd

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestOutputOverWhatIsRead checks that peel never writes to a file that it reads, under any
// name.
func TestOutputOverWhatIsRead(t *testing.T) {
	inFolder(t, "docker-25", story)
	image := read(t, "app.tar")
	write(t, "other.tar", []byte(image))
	write(t, "base.json", []byte(must(t, "report", "app.tar", "-f", "json")))
	write(t, "sub/x", nil)
	write(t, "Dockerfile", []byte("FROM scratch\nCOPY a /\n"))
	for link, to := range map[string]string{"soft.tar": "app.tar", "dangling": "nowhere"} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link("app.tar", "hard.tar"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"report app.tar -o app.tar", exitUsage, "would replace app.tar"},
		{"report app.tar -o ./sub/../app.tar", exitUsage, "would replace"},
		{"report app.tar -o soft.tar", exitUsage, "would replace"},
		{"report app.tar -o hard.tar", exitUsage, "would replace"},
		{"report soft.tar -o app.tar", exitUsage, "would replace"},
		{"report docker-archive:app.tar:app:1 -o app.tar", exitUsage, "would replace"},
		{"report other.tar --base app.tar -o app.tar", exitUsage, "would replace"},
		{"check app.tar -f json -o app.tar", exitUsage, "would replace"},
		{"check app.tar --baseline base.json -f json -o base.json", exitUsage, "would replace base.json"},
		{"check app.tar --dockerfile Dockerfile -f json -o Dockerfile", exitUsage, "would replace Dockerfile"},
		{"diff app.tar hard.tar -o soft.tar", exitUsage, "would replace"},
		{"report app.tar -f text -o new -f json -o app.tar", exitUsage, "would replace"},
		{"report app.tar -f text -o new -f json -o sub/../new", exitUsage, "text and json would both"},
		{"report app.tar -f text -o - -f json -o /dev/stdout", exitUsage, "text and json would both"},
		{"report app.tar -o dangling", exitWork, "a symbolic link to nothing"},
		{"report app.tar -o sub", exitWork, "it is a folder"},
		{"report app.tar -o none/new", exitWork, "no folder none"},
	} {
		r := peel(strings.Fields(c.args)...)
		if r.code != c.code || !strings.Contains(r.err, c.says) || r.out != "" {
			t.Errorf("peel %s: got exit code %d, want %d; %s%s", c.args, r.code, c.code, r.err, r.out)
		}
		if read(t, "app.tar") != image {
			t.Fatalf("peel %s wrote to the image", c.args)
		}
	}
	for _, name := range []string{"new", "nowhere"} {
		if _, err := os.Lstat(name); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	// Standard input is a file too.
	in, err := os.Open("app.tar")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var said bytes.Buffer
	if code := Main([]string{"report", "-", "-o", "hard.tar"}, in, io.Discard, &said); code != exitUsage || !strings.Contains(said.String(), "the image on standard input") {
		t.Errorf("exit code %d, %s", code, &said)
	}
}

// TestPrintedIntoWhatIsRead checks that output isn't appended to a file that the command reads.
func TestPrintedIntoWhatIsRead(t *testing.T) {
	inFolder(t, "docker-25", story)
	image := read(t, "app.tar")
	for _, args := range []string{"cat app.tar /srv/app/config", "ls app.tar /", "log app.tar /srv", "report app.tar", "check app.tar", "diff app.tar app.tar"} {
		f, err := os.OpenFile("app.tar", os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		code := Main(strings.Fields(args), strings.NewReader(""), f, &said)
		if code != exitUsage || !strings.Contains(said.String(), "the output would go into app.tar, which peel is reading") {
			t.Errorf("peel %s: got exit code %d, %s", args, code, &said)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, "app.tar") != image {
		t.Error("the image was written to")
	}
}

// TestSummaryOverWhatIsRead checks that GitHub's step summary counts as an output too.
func TestSummaryOverWhatIsRead(t *testing.T) {
	inFolder(t, "docker-25", story)
	image := read(t, "app.tar")
	t.Setenv("GITHUB_STEP_SUMMARY", "app.tar")
	r := peel("check", "app.tar", "-f", "github")
	if r.code != exitUsage || read(t, "app.tar") != image {
		t.Errorf("exit code %d, %s", r.code, r.err)
	}
}

// TestOutputIntoLayout checks that no output becomes part of an image that is a folder, or
// replaces a part.
func TestOutputIntoLayout(t *testing.T) {
	inFolder(t, "oci-tar", `
-- layer --
file index.json 5
file oci-layout 5
file blobs/sha256/new 5
file other 5
`)
	mkdir(t, "layout", "elsewhere")
	unpackTar(t, "app.tar", "layout")
	blobs, err := os.ReadDir("layout/blobs/sha256")
	if err != nil || len(blobs) == 0 {
		t.Fatal(err)
	}
	blob := "layout/blobs/sha256/" + blobs[0].Name()
	symlinked(t, "layout", "soft")
	symlinked(t, blob, "softblob")
	if err := os.Link(blob, "hardblob"); err != nil {
		t.Fatal(err)
	}
	before := contents(t, "layout")
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"report layout -o layout/index.json", exitUsage, "the output to layout/index.json would be a file of the image in layout"},
		{"report layout -o soft/index.json", exitUsage, "would be a file of the image in layout"},
		{"report soft -o layout/blobs/sha256/new", exitUsage, "would be a file of the image in soft"},
		{"report oci:layout -o " + blob, exitUsage, "would be a file of the image in layout"},
		{"report layout -o softblob", exitUsage, "would be a file of the image in layout"},
		{"report layout -o hardblob", exitUsage, "would be a file of the image in layout"},
		{"check layout -f json -o softblob", exitUsage, "would be a file of the image in layout"},
		{"diff layout soft -o hardblob", exitUsage, "would be a file of the image in layout"},
		{"extract layout / -o layout", exitWork, "index.json: it is the image that is read, or a part of it\n"},
		{"extract layout / -o layout --force", exitWork, "blobs/sha256, with all below it: it is the image that is read, or a part of it\n"},
		{"extract layout / -o soft --force", exitWork, "oci-layout: it is the image that is read, or a part of it\n"},
		{"extract soft /other -o layout/blobs/sha256 --force", exitWork, "other: it is the image that is read, or a part of it\n"},
	} {
		r := peel(strings.Fields(c.args)...)
		if r.code != c.code || !strings.Contains(r.err, c.says) {
			t.Errorf("peel %s: got exit code %d, want %d with %q; %s", c.args, r.code, c.code, c.says, r.err)
		}
		_ = os.Remove("layout/other")
		if contents(t, "layout") != before {
			t.Fatalf("peel %s wrote into the image", c.args)
		}
	}
	// Other files may be written beside the image's files.
	must(t, "report", "layout", "-o", "layout/report.txt")
}

// TestExtractOverWhatIsRead checks that extracting doesn't replace the archive itself.
func TestExtractOverWhatIsRead(t *testing.T) {
	for _, c := range []struct{ name, ref string }{
		{"the archive", "app.tar"},
		{"under another name", "./x/../app.tar"},
		{"a link to it", "soft.tar"},
		{"a link that is in the way", "out/soft.tar"},
		{"another name of the file", "hard.tar"},
		{"with its kind and tag", "docker-archive:app.tar:fixture:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inFolder(t, "docker-25", "-- layer --\nfile app.tar 5\nfile out/soft.tar 5\nfile z 5\n")
			mkdir(t, "x", "out")
			image := read(t, "app.tar")
			symlinked(t, "app.tar", "soft.tar")
			symlinked(t, "../app.tar", "out/soft.tar")
			if err := os.Link("app.tar", "hard.tar"); err != nil {
				t.Fatal(err)
			}
			r := peel("extract", c.ref, "/", "-o", ".", "--force")
			if r.code != exitWork || !strings.Contains(r.err, "- app.tar: it is the image that is read") || read(t, "app.tar") != image || len(read(t, "z")) != 5 {
				t.Errorf("exit code %d, %s", r.code, r.err)
			}
			if info, err := os.Lstat("out/soft.tar"); c.ref == "out/soft.tar" && (err != nil || info.Mode().IsRegular()) {
				t.Error("the link was replaced")
			}
		})
	}
}

// unpackTar unpacks an archive of regular files and folders.
func unpackTar(t *testing.T, archive, dir string) {
	t.Helper()
	eachTarFile(t, archive, func(name string, content []byte) { write(t, filepath.Join(dir, name), content) })
}

// contents returns the contents of all files below a folder.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, line := range tree(t, dir) {
		b.WriteString(line + "\n")
		if _, name, _ := strings.Cut(line, " "); line[0] == '-' {
			b.WriteString(read(t, filepath.Join(dir, name)))
		}
	}
	return b.String()
}

func TestOutputToPipesAndDescriptors(t *testing.T) {
	inFolder(t, "docker-25", story)
	want := must(t, "report", "app.tar", "-f", "json")
	if err := syscall.Mkfifo("pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan string)
	go func() { b, _ := os.ReadFile("pipe"); got <- string(b) }()
	must(t, "report", "app.tar", "-f", "json", "-o", "pipe")
	if <-got != want {
		t.Error("the pipe got something else")
	}
	// A descriptor is written at its current position.
	c := program(t, "report", "app.tar", "-f", "json", "-o", "/dev/stdout")
	f, err := os.Create("out")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("before\n"); err != nil {
		t.Fatal(err)
	}
	c.Stdout = f
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("after\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if read(t, "out") != "before\n"+want+"after\n" {
		t.Errorf("it holds %.200s", read(t, "out"))
	}
}

// TestOutputToFullDisk checks that a full disk is an error, and leaves the old file.
func TestOutputToFullDisk(t *testing.T) {
	inFolder(t, "docker-25", story)
	write(t, "old", []byte("old"))
	c := program(t, "report", "app.tar", "-f", "html", "-o", "old", "--no-cache")
	limited := append([]string{"-c", `ulimit -f 8 && exec "$0" "$@"`}, c.Args...)
	c.Path, c.Args = "/bin/sh", append([]string{"sh"}, limited...)
	var said bytes.Buffer
	c.Stderr = &said
	_ = c.Run() // the exit code is checked below
	if code := c.ProcessState.ExitCode(); code != exitWork || !strings.Contains(said.String(), "cannot write the report to old: ") || read(t, "old") != "old" {
		t.Errorf("got exit code %d, %s; the file holds %.100q", code, &said, read(t, "old"))
	}
}
