//go:build unix

package main

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/peelhq/peel/bench/madeup"
)

// stopsWithin is how long a program may take to end after a signal.
const stopsWithin = time.Second

// tries is how often a command gets each signal. The machine may be busy, so the test fails
// only if all tries are slow.
const tries = 3

// scene is a command that is running when a signal arrives.
type scene struct {
	name string
	args []string
	env  []string

	// prepare connects the command and returns a function that waits until the command is busy
	// with the scene's subject. nil means some time after it opened the image. Without prepare,
	// standard input and output are the null device.
	prepare func(t *testing.T, c *exec.Cmd) (busy func())

	// endless means that the command would never end by itself.
	endless bool
}

// signals are the signals that ask a program to end, and the one that forces it to.
var signals = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL}

func TestSignals(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a while")
	}
	program := build(t)
	dir := t.TempDir()
	large, sparse := filepath.Join(dir, "large.tar"), filepath.Join(dir, "sparse.tar")
	writeLarge(t, large, 150_000)
	writeSparse(t, sparse)
	for _, s := range scenes(t, large, sparse) {
		t.Run(s.name, func(t *testing.T) {
			for _, sig := range signals {
				s.play(t, program, sig)
			}
		})
	}
}

// writeLarge writes an image that takes every command a while.
func writeLarge(t *testing.T, name string, entries int) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := made(entries).WriteDocker(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// made returns an image with this many entries, many of which are wasted.
func made(entries int) madeup.Image {
	return madeup.Image{Entries: entries, Layers: 8, Mean: 1024, Again: 40, Holes: true}
}

// writeSparse writes an image with one file, /s/hole, which is a hole of 100 GB.
func writeSparse(t *testing.T, name string) {
	t.Helper()
	// This is GNU tar's format, with the file's map in its header.
	header := make([]byte, 512)
	for at, text := range map[int]string{
		0: "s/hole", 100: "0000644", 108: "0000000", 116: "0000000", 124: "00000001000", 136: "00000000000", 148: "        ", 156: "S",
		257: "ustar  ", 386: "00000000000", 398: "00000001000",
	} {
		copy(header[at:], text)
	}
	const size = 100 << 30
	header[483] = 0x80 // marks a number in base 256
	binary.BigEndian.PutUint64(header[487:], size)
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	copy(header[148:], fmt.Sprintf("%06o\x00", sum))
	layer := slices.Concat(header, bytes.Repeat([]byte("x"), 512), make([]byte, 1024))
	writeDockerArchive(t, name, string(layer))
}

func writeMember(t *testing.T, w *tar.Writer, name, content string) {
	t.Helper()
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
}

// writeDockerArchive writes an image of one layer.
func writeDockerArchive(t *testing.T, name, layer string) {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	writeMember(t, w, "l/layer.tar", layer)
	writeMember(t, w, "config.json", `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:`+strings.Repeat("1", 64)+`"]}}`)
	writeMember(t, w, "manifest.json", `[{"Config":"config.json","RepoTags":["made:1"],"Layers":["l/layer.tar"]}]`)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func scenes(t *testing.T, large, sparse string) []scene {
	silent := fakeEngine(t, func(http.ResponseWriter, *http.Request) bool { return false })
	slow := fakeEngine(t, slowEngine)
	all := []scene{
		{name: "an archive that never ends", args: []string{"report", "-"}, prepare: halfArchive(large), endless: true},
		{name: "nothing on standard input", args: []string{"ls", "-"}, prepare: nothing, endless: true},
		{name: "an engine that never answers", args: []string{"ls", "docker://slow:1"}, env: silent.env, prepare: silent.asked, endless: true},
		{name: "a list of an engine that never answers", args: []string{"images"}, env: silent.env, prepare: silent.asked, endless: true},
		{name: "an engine that sends slowly", args: []string{"report", "docker://slow:1", "--via", "api"}, env: slow.env, prepare: slow.asked, endless: true},
		{name: "a list that nobody reads", args: []string{"ls", large, "-R"}, prepare: unread, endless: true},
		{name: "a report that nobody reads", args: []string{"report", large, "-f", "json"}, prepare: unread, endless: true},
		{name: "a file that nobody reads", args: []string{"cat", sparse, "/s/hole"}, prepare: unread, endless: true},
		{name: "a pipe that nobody opens", args: []string{"report", sparse, "-o", "pipe"}, prepare: fifo, endless: true},
		{name: "cat", args: []string{"cat", sparse, "/s/hole"}, endless: true},
		{name: "extract", args: []string{"extract", large, "/", "-o", "out"}},
		{name: "log", args: []string{"log", large, "/"}},
		{name: "diff", args: []string{"diff", large, large, "-o", "r"}},
		{name: "check, with globs", args: []string{"check", large, "--forbid", "/**/a*/**/b*/**", "-o", "r"}},
		{name: "check, with many rules", args: append([]string{"check", large, "-o", "r"}, manyGlobs(300)...)},
		{name: "report -f html, from the cache", args: []string{"report", large, "-f", "html", "-o", "r"}},
		{name: "a report that is read slowly", args: []string{"report", large, "-f", "json"}, prepare: readSlowly},
		{name: "config", args: []string{"config"}},
		{name: "cache info", args: []string{"cache", "info"}},
	}
	for _, form := range []string{"text", "json", "markdown", "html"} {
		all = append(all, scene{name: "report -f " + form, args: []string{"report", large, "--no-cache", "-f", form, "-o", "r"}})
	}
	for _, form := range []string{"sarif", "junit"} {
		all = append(all, scene{name: "check -f " + form, args: []string{"check", large, "-f", form, "-o", "r"}})
	}
	return all
}

// play runs the command several times and sends it a signal, at a random moment unless prepare
// finds a better one.
func (s *scene) play(t *testing.T, program string, sig syscall.Signal) {
	t.Helper()
	var took time.Duration
	for range tries {
		if took = s.once(t, program, sig); took <= stopsWithin {
			return
		}
	}
	t.Errorf("%v: took %v to end, %d times in a row", sig, took, tries)
}

func (s *scene) once(t *testing.T, program string, sig syscall.Signal) time.Duration {
	t.Helper()
	dir, tmp, cache := t.TempDir(), t.TempDir(), t.TempDir()
	c := exec.Command(program, append(s.args, "-v")...)
	c.Dir = dir
	c.Env = append(append(os.Environ(), s.env...), "TMPDIR="+tmp, "XDG_CACHE_HOME="+cache)
	const old = "what was there before\n"
	if err := os.WriteFile(filepath.Join(dir, "r"), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	said := &watched{news: make(chan struct{}, 1)}
	c.Stderr = said
	var busy func()
	if s.prepare != nil {
		busy = s.prepare(t, c)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = c.Wait() // its exit code is checked below
		close(ended)
	}()
	if busy != nil {
		busy()
	} else {
		select { // the first line of its log says that the image has been opened
		case <-said.news:
		case <-ended:
		}
		time.Sleep(rand.N(400 * time.Millisecond))
	}
	at := time.Now()
	_ = c.Process.Signal(sig) // it may have ended
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		_ = c.Process.Kill()
		t.Fatalf("%v: it doesn't end", sig)
	}
	took := time.Since(at)
	code, message := c.ProcessState.ExitCode(), said.withoutLog()
	finished := !s.endless && (code == 0 || code == 1)
	switch {
	case sig == syscall.SIGKILL:
	case finished:
	case code != 130 || message != "peel: interrupted\n":
		t.Errorf("%v: exit code %d, %q", sig, code, message)
	}
	if sig == syscall.SIGKILL && !unnamedFiles(dir) {
		return took
	}
	if got, err := os.ReadFile(filepath.Join(dir, "r")); err != nil || string(got) != old && !finished && sig != syscall.SIGKILL {
		t.Errorf("%v: the old report is gone (%v), or half of a new one is there: %d bytes, exit code %d", sig, err, len(got), code)
	}
	for _, where := range []string{dir, tmp, cache} {
		if left := leftBehind(t, where); len(left) > 0 {
			t.Errorf("%v: left behind in %s: %q", sig, where, left)
		}
	}
	return took
}

// leftBehind lists the temporary files in a folder.
func leftBehind(t *testing.T, dir string) []string {
	t.Helper()
	var left []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".tmp") || strings.HasSuffix(path, ".partial") || strings.HasPrefix(d.Name(), "peel-") {
			left = append(left, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// watched collects standard error and signals writes.
type watched struct {
	text bytes.Buffer
	news chan struct{}
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.text.Write(b)
	select {
	case w.news <- struct{}{}:
	default:
	}
	return n, err
}

// withoutLog returns the output without log lines. The program must have ended.
func (w *watched) withoutLog() string {
	var b strings.Builder
	for line := range strings.Lines(w.text.String()) {
		if !strings.HasPrefix(line, "time=") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// settle is how long a program gets to reach a system call in which it blocks, when that can't
// be observed.
const settle = 300 * time.Millisecond

// nothing connects a standard input that never has data.
func nothing(t *testing.T, c *exec.Cmd) func() {
	t.Helper()
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		time.Sleep(settle)
		t.Cleanup(func() { _ = in.Close() })
	}
}

// halfArchive connects a standard input with the beginning of an archive, and then nothing.
func halfArchive(name string) func(t *testing.T, c *exec.Cmd) func() {
	return func(t *testing.T, c *exec.Cmd) func() {
		t.Helper()
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			// Write more than a pipe holds, so that once this is written, peel is reading it.
			if _, err := io.CopyN(in, f, 1<<20); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = in.Close() })
		}
	}
}

// unread connects a standard output of which only the beginning is read.
func unread(t *testing.T, c *exec.Cmd) func() {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	c.Stdout = w
	return func() {
		_ = w.Close()
		if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(settle) // until the pipe is full
	}
}

// readSlowly connects a standard output that is read a little at a time.
func readSlowly(t *testing.T, c *exec.Cmd) func() {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	c.Stdout = w
	return func() {
		_ = w.Close()
		some := make([]byte, 4096)
		if _, err := io.ReadFull(r, some); err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				if _, err := r.Read(some); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
		time.Sleep(settle)
	}
}

// manyGlobs returns flags that forbid n patterns.
func manyGlobs(n int) []string {
	var flags []string
	for i := range n {
		flags = append(flags, "--forbid", fmt.Sprintf("/**/a%d*/**", i))
	}
	return flags
}

// fifo connects a named pipe that nobody reads.
func fifo(t *testing.T, c *exec.Cmd) func() {
	t.Helper()
	if err := syscall.Mkfifo(filepath.Join(c.Dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() { time.Sleep(2 * settle) }
}

// engine is a Docker engine on its own socket with one image, slow:1.
type engine struct {
	env      []string
	requests chan struct{} // receives a value when the relevant request has arrived
}

// fakeEngine starts an engine whose requests answer serves. Once answer returns false, the
// engine stays silent.
func fakeEngine(t *testing.T, answer func(w http.ResponseWriter, r *http.Request) bool) *engine {
	t.Helper()
	dir, err := os.MkdirTemp("", "peel-engine-") // sockets need short names
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{env: []string{"DOCKER_HOST=unix://" + socket, "CONTAINER_HOST=unix://" + socket}, requests: make(chan struct{}, 1)}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer(w, r) {
			return
		}
		select {
		case e.requests <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return e
}

// asked waits until the engine gets the request that it doesn't answer.
func (e *engine) asked(t *testing.T, _ *exec.Cmd) func() {
	select { // from an earlier run
	case <-e.requests:
	default:
	}
	return func() {
		t.Helper()
		select {
		case <-e.requests:
		case <-time.After(30 * time.Second):
			t.Error("the engine got no request")
		}
	}
}

// slowEngine answers every request except the one for the archive, of which it sends only the
// beginning.
func slowEngine(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case strings.HasSuffix(r.URL.Path, "/_ping"):
		w.Header().Set("Api-Version", "1.44")
	case strings.HasSuffix(r.URL.Path, "/json"):
		w.Header().Set("Content-Type", "application/json")
		id := "sha256:" + strings.Repeat("1", 64)
		_, _ = fmt.Fprintf(w, `{"Id":%q,"RepoTags":["slow:1"],"Os":"linux","Architecture":"amd64","RootFS":{"Type":"layers","Layers":[%q]}}`, id, id)
	case strings.HasSuffix(r.URL.Path, "/get"):
		w.Header().Set("Content-Type", "application/x-tar")
		_, _ = io.WriteString(w, strings.Repeat("\x00", 100))
		w.(http.Flusher).Flush()
		return false
	default:
		http.NotFound(w, r)
	}
	return true
}
