package cmd

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestExitCodes(t *testing.T) {
	inFolder(t, "docker-25", story)
	write(t, "garbage.tar", []byte("this is no image"))
	whole := read(t, "app.tar")
	write(t, "short.tar", []byte(whole[:len(whole)/2]))
	for _, c := range []struct {
		args string
		code int
		says string // on standard error; "" for nothing at all
	}{
		{"app.tar", 0, ""},
		{"--version", 0, ""},
		{"version", 0, ""},
		{"--help", 0, ""},
		{"help", 0, ""},
		{"help check", 0, ""},
		{"help fleet plan", 0, ""},
		{"ls --help", 0, ""},
		{"completion bash", 0, ""},
		{"report app.tar", 0, ""},
		{"report app.tar -f json -o -", 0, ""},
		{"report app.tar --via store", 0, ""},
		{"ls app.tar", 0, ""},
		{"ls app.tar / --at 0", 0, ""},
		{"ls app.tar --layer 4 -R -l", 0, ""},
		{"log app.tar srv/app/model.bin", 0, ""},
		{"cat app.tar /srv/app/sym", 0, ""},
		{"check app.tar --min-efficiency off --max-user-wasted 100%", 0, ""},

		{"check app.tar", 1, ""},
		{"check app.tar --min-efficiency=0 --max-user-wasted=off --max-wasted=1kB", 1, ""},

		{"", 2, "no image: name one, as in peel IMAGE (the list to pick from needs a terminal)\ntry: peel images,"},
		{"images app.tar", 2, "is not a repository in a registry"},
		{"app.tar other.tar", 2, "one image at a time"},
		{"chekc app.tar", 2, "unknown command \"chekc\"\ntry: peel check app.tar"},
		{"--wat app.tar", 2, "unknown flag: --wat"},
		{"check app.tar --max-wastd 1MB", 2, "unknown flag: --max-wastd; did you mean --max-wasted?\ntry: peel check --help"},
		{"report app.tar --via magic", 2, `unknown way "magic": use api, store`},
		{"ls", 2, "needs an image"},
		{"ls app.tar /srv/ap/config", 3, "try: /srv/app/config"},
		{"cat app.tar /rsv/app/config", 3, "try: /srv/app/config"},
		{"cat app.tar /srv/app/nothing-like-it", 3, "try: peel ls IMAGE /srv/app"},
		{"report ap.tar", 3, "try: app.tar"},
		{"app.tar /srv/app/config", 2, "try: peel ls app.tar /srv/app/config\n"},
		{"ls app.tar /srv/app/con*", 3, "try: peel ls IMAGE -R --filter '/srv/app/con*', which"},
		{"check app.tar --json", 2, "unknown flag: --json\ntry: peel check IMAGE -f json\n"},
		{"-V", 2, "try: peel --version\n"},
		{"chekc --offline", 3, "try: peel check IMAGE..., if you mean the command\n"},
		{"report", 2, "peel report needs one image, but got none\ntry: peel report --help\n"},
		{"cat app.tar", 2, "but got 1 argument\n"},
		{"ls app.tar --sort siez", 2, `unknown order "siez": did you mean size? use name, size, time, layer`},
		{"ls app.tar --filter size:x", 2, "not a size"},
		{"ls app.tar --bytes", 2, "try: -l --bytes"},
		{"ls app.tar / /usr", 2, "at most one path"},
		{"log app.tar", 2, "needs an image and a path"},
		{"cat app.tar", 2, "needs an image and a path"},
		{"extract app.tar /usr", 2, "no output directory"},
		{"extract app.tar /usr -o -", 2, "try: peel cat IMAGE PATH"},
		{"version app.tar", 2, "peel version takes no arguments"},
		{"help chekc", 2, "no help for \"chekc\": peel has no such command\ntry: peel check --help"},
		{"help fleet nosuch", 2, "try: peel fleet --help"},
		{"help ls app.tar", 2, "try: peel ls --help"},
		{"completion nosh", 2, "unknown command \"nosh\" of peel completion"},
		{"fleet nosuch", 2, "unknown command"},
		{"--ci app.tar", 2, "unknown flag: --ci; that is a flag of dive\ntry: peel check IMAGE\n"},
		{"check app.tar --lowestEfficiency 0.9", 2, "try: peel check IMAGE --min-efficiency 0.95\n"},
		{"extract app.tar", 2, "needs an image and paths"},
		{"ls app.tar --at 1 --layer 1", 2, "use either --at"},
		{"ls app.tar --json -l", 2, "use either -l"},
		{"report app.tar --base 6", 2, "--base 6: the image has 5 layers"},
		{"report app.tar --base=-1", 2, "--base -1"},
		{"ls app.tar --at 5", 2, "the image's layers are 0 to 4"},
		{"cat app.tar /x --layer 7", 2, "the image's layers are 0 to 4"},
		{"extract app.tar /usr -o out --at 5", 2, "the image's layers are 0 to 4"},
		{"ls app.tar --at -1", 2, "a layer is a number"},
		{"ls app.tar --at one", 2, "a layer is a number"},
		{"report app.tar --platform foo", 2, `--platform "foo": write os/architecture`},
		{"check app.tar --platform linux/", 2, `--platform "linux/": a part of it is empty`},
		{"ls app.tar --platform all", 2, "only peel check and peel fleet plan take --platform all"},
		{"report app.tar -f xml", 2, `unknown format "xml": use text`},
		{"report app.tar --output=", 2, "no name"},
		{"check app.tar --min-efficiency 95", 2, "give a share"},
		{"check app.tar --min-efficiency NaN", 2, "give a share"},
		{"check app.tar --max-user-wasted=-1%", 2, "give a share"},
		{"check app.tar --max-wasted lots", 2, "give a size"},
		{"check app.tar --max-wasted=-5", 2, "give a size"},

		{"ls missing.tar", 3, "missing.tar"},
		{"ls garbage.tar", 3, "garbage.tar"},
		{"report short.tar", 3, "short.tar"},
		{"check short.tar", 3, "short.tar"},
		{"app.tar --platform linux/s390x", 3, "try: another --platform"},
		{"ls -", 3, ""},
		{"ls app.tar /nowhere", 3, "no /nowhere in the image after layer 4\ntry: peel ls IMAGE /\n"},
		{"ls app.tar /lib/no/where --at 2", 3, "try: peel ls IMAGE /usr/lib\n"},
		{"ls app.tar /srv/app/model.bin", 3, "no /srv/app/model.bin in the image after layer 4\ntry: peel log IMAGE /srv/app/model.bin,"},
		{"ls app.tar /usr --layer 2", 3, "layer 2 holds nothing at /usr"},
		{"log app.tar /nowhere", 3, "no layer mentions /nowhere"},
		{"cat app.tar /srv", 3, "/srv is a directory"},
		{"cat app.tar /", 3, "is a directory"},
		{"cat app.tar /srv/app/model.bin --layer 4", 3, "layer 4 removes /srv/app/model.bin"},
		{"cat app.tar /srv/app/sym --layer 1", 3, "is a symlink to main.py"},
		{"extract app.tar /nowhere -o out", 3, "/nowhere"},
		{"extract app.tar /usr/share/doc --layer 4 -o out", 3, "layer 4 removes"},
		{"report app.tar -o no/such/folder/r.json", 3, "cannot write the report to no/such/folder/r.json"},
	} {
		t.Run(c.args, func(t *testing.T) {
			r := peel(strings.Fields(c.args)...)
			if r.code != c.code {
				t.Errorf("got exit code %d, want %d; standard error:\n%s", r.code, c.code, r.err)
			}
			if c.says == "" && c.code < 2 && r.err != "" {
				t.Errorf("standard error isn't empty:\n%s", r.err)
			}
			if !strings.Contains(r.err, c.says) {
				t.Errorf("standard error doesn't contain %q:\n%s", c.says, r.err)
			}
			if c.code > 1 && r.out != "" {
				t.Errorf("standard output isn't empty:\n%s", r.out)
			}
			if n := strings.Count(r.err, "peel: "); c.code > 1 && n != 1 {
				t.Errorf("got %d errors:\n%s", n, r.err)
			}
		})
	}
}

func TestErrorsAreClean(t *testing.T) {
	inFolder(t, "docker-25", story)
	for _, args := range [][]string{
		{"ls", "app.tar", "/\x1b[31mred\n::error::x"},
		{"ls", "\x1b]0;title\x07.tar"},
		{"report", "app.tar", "-f", "\u202etxt"},
		{"--\x1bflag"},
	} {
		if r := peel(args...); strings.ContainsAny(r.err, "\x1b\x07\u202e") || strings.Contains(r.err, "\n::") {
			t.Errorf("peel %q prints control characters: %q", args, r.err)
		}
	}
}

func TestErrorLines(t *testing.T) {
	first, rest := lines(errors.Join(errors.New("tried all:\n  - a: no\n::stop::x"), errors.New("\nb\x1b: no")))
	if want := "tried all:"; first != want {
		t.Errorf("got first line %q, want %q", first, want)
	}
	if got, want := strings.Join(rest, "|"), `a: no|::stop::x|b\x1b: no`; got != want {
		t.Errorf("got other lines %q, want %q", got, want)
	}
}

// closed is a pipe whose reader has gone.
func closed() io.Writer {
	r, w := io.Pipe()
	r.Close()
	return w
}

// full is a device with no space left.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestOutputThatFails(t *testing.T) {
	inFolder(t, "docker-25", story)
	for _, c := range []struct {
		args string
		out  io.Writer
		code int
		says string
	}{
		{"ls app.tar -R", closed(), 0, ""},
		{"report app.tar -f json", closed(), 0, ""},
		{"cat app.tar /usr/lib/libc.so", closed(), 0, ""},
		{"check app.tar", closed(), 1, ""},
		{"check app.tar --min-efficiency off --max-user-wasted off", closed(), 0, ""},
		{"ls app.tar -R", full{}, 3, "cannot write the output"},
		{"cat app.tar /usr/lib/libc.so", full{}, 3, "cannot write the output"},
		{"check app.tar", full{}, 1, "a rule failed, and cannot write the output"},
		{"check app.tar --min-efficiency off --max-user-wasted off", full{}, 3, "cannot write the output"},
		{"--help", closed(), 0, ""},
		{"help ls", full{}, 3, "cannot write the help"},
		{"index app.tar -o -", full{}, 3, "peel: cannot write the output: no space left on device\n"},
	} {
		var err strings.Builder
		code := Main(strings.Fields(c.args), strings.NewReader(""), c.out, &err)
		if code != c.code || !strings.Contains(err.String(), c.says) || c.says == "" && err.Len() > 0 {
			t.Errorf("peel %s to %T: got exit code %d, want %d; standard error: %q", c.args, c.out, code, c.code, err.String())
		}
	}
}

func TestClosedPipe(t *testing.T) {
	inFolder(t, "docker-25", story)
	c := program(t, "ls", "app.tar", "-R")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	var said strings.Builder
	c.Stdout, c.Stderr = w, &said
	_ = c.Run() // the system may end it with a signal, which is quiet too
	w.Close()
	if said.Len() > 0 {
		t.Errorf("standard error isn't empty: %q", said.String())
	}
}

func TestInterrupt(t *testing.T) {
	inFolder(t, "docker-25", "-- layer --\nfile big 2000000\n")
	half := read(t, "app.tar")[:1000000]
	for command, signal := range map[string]os.Signal{"ls": os.Interrupt, "check": syscall.SIGTERM} {
		c := program(t, command, "-")
		var said strings.Builder
		c.Stderr = &said
		stdin, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		// Write more than a pipe holds, so that once this is written, peel is reading it. The
		// rest never comes.
		if _, err := stdin.Write([]byte(half)); err != nil {
			t.Fatal(err)
		}
		if err := c.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- c.Wait() }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("peel doesn't stop")
		}
		if code := c.ProcessState.ExitCode(); code != exitInterrupted || said.String() != "peel: interrupted\n" {
			t.Errorf("%v: got exit code %d, standard error %q", signal, code, said.String())
		}
	}
}

// broken panics when used, like a defect in the program.
type broken struct{}

func (broken) Read([]byte) (int, error)  { panic("a defect") }
func (broken) Write([]byte) (int, error) { panic("a defect") }

// TestDefects checks that a panic on any goroutine becomes an error that says where it
// happened.
func TestDefects(t *testing.T) {
	inFolder(t, "docker-25", story)
	for _, c := range []struct {
		args string
		in   io.Reader
		out  io.Writer
	}{
		{"report -", broken{}, io.Discard},
		{"report app.tar", strings.NewReader(""), broken{}},
		{"ls --help", strings.NewReader(""), broken{}},
	} {
		var err strings.Builder
		code := Main(strings.Fields(c.args), c.in, c.out, &err)
		said := err.String()
		if code != exitWork || !strings.Contains(said, "this is a defect in peel: a defect\n  - exit_test.go:") || !strings.Contains(said, "\ntry: again with the latest release") {
			t.Errorf("peel %s: got exit code %d, standard error:\n%s", c.args, code, said)
		}
	}
}

// TestVersion checks that the command prints what the flag does, and that an image of that name
// still opens.
func TestVersion(t *testing.T) {
	inFolder(t, "docker-25", story)
	if err := os.Rename("app.tar", "version"); err != nil {
		t.Fatal(err)
	}
	flag, command := must(t, "--version"), must(t, "version")
	if flag != command || !strings.HasPrefix(flag, "peel version ") {
		t.Errorf("peel --version prints %q, peel version %q", flag, command)
	}
	for _, ref := range []string{"./version", "docker-archive:version"} {
		if out := must(t, ref); !strings.Contains(out, "5 layers") {
			t.Errorf("peel %s doesn't open the image:\n%s", ref, out)
		}
	}
}

// TestImageInPipe checks that a command without an image names - if a program or a file is on
// standard input.
func TestImageInPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for args, want := range map[string]string{"": "try: peel -, to read", "report": "try: peel report -, to read", "fix": "try: peel fix -, to read"} {
		var said strings.Builder
		if code := Main(strings.Fields(args), r, io.Discard, &said); code != 2 || !strings.Contains(said.String(), want) {
			t.Errorf("peel %s: got exit code %d, %s", args, code, said.String())
		}
	}
}
