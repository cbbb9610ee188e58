//go:build unix

package cmd

import (
	"bytes"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

// What is read is never written, whatever it is called.
func TestOutputOverWhatIsRead(t *testing.T) {
	inFolder(t, "docker-25", story)
	image := read(t, "app.tar")
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
		{"report app.tar -o app.tar", exitUsage, "would take the place of app.tar"},
		{"report app.tar -o ./sub/../app.tar", exitUsage, "would take the place of"},
		{"report app.tar -o soft.tar", exitUsage, "would take the place of"},
		{"report app.tar -o hard.tar", exitUsage, "would take the place of"},
		{"report soft.tar -o app.tar", exitUsage, "would take the place of"},
		{"report docker-archive:app.tar:app:1 -o app.tar", exitUsage, "would take the place of"},
		{"check app.tar -f json -o app.tar", exitUsage, "would take the place of"},
		{"check app.tar --baseline base.json -f json -o base.json", exitUsage, "would take the place of base.json"},
		{"check app.tar --dockerfile Dockerfile -f json -o Dockerfile", exitUsage, "would take the place of Dockerfile"},
		{"diff app.tar hard.tar -o soft.tar", exitUsage, "would take the place of"},
		{"report app.tar -f text -o new -f json -o app.tar", exitUsage, "would take the place of"},
		{"report app.tar -f text -o new -f json -o sub/../new", exitUsage, "both text and json"},
		{"report app.tar -f text -o - -f json -o /dev/stdout", exitUsage, "both text and json"},
		{"report app.tar -o dangling", exitWork, "a symbolic link to nothing"},
		{"report app.tar -o sub", exitWork, "it is a folder"},
		{"report app.tar -o none/new", exitWork, "there is no folder none"},
	} {
		r := peel(strings.Fields(c.args)...)
		if r.code != c.code || !strings.Contains(r.err, c.says) || r.out != "" {
			t.Errorf("peel %s: exit code %d, want %d; %s%s", c.args, r.code, c.code, r.err, r.out)
		}
		if read(t, "app.tar") != image {
			t.Fatalf("peel %s has written the image", c.args)
		}
	}
	for _, name := range []string{"new", "nowhere"} {
		if _, err := os.Lstat(name); err == nil {
			t.Errorf("%s has been written", name)
		}
	}
	// Standard input is a file as well.
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
	// A descriptor is written where it stands.
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

// A disk that is full is an error, and leaves the old file.
func TestOutputToFullDisk(t *testing.T) {
	inFolder(t, "docker-25", story)
	write(t, "old", []byte("old"))
	c := program(t, "report", "app.tar", "-f", "html", "-o", "old", "--no-cache")
	limited := append([]string{"-c", `ulimit -f 8 && exec "$0" "$@"`}, c.Args...)
	c.Path, c.Args = "/bin/sh", append([]string{"sh"}, limited...)
	var said bytes.Buffer
	c.Stderr = &said
	_ = c.Run() // the code says it
	if code := c.ProcessState.ExitCode(); code != exitWork || !strings.Contains(said.String(), "cannot write the report to old: ") || read(t, "old") != "old" {
		t.Errorf("exit code %d, %s; the file holds %.100q", code, &said, read(t, "old"))
	}
}
