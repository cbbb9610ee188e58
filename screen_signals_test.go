//go:build unix

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/term"

	"github.com/peelhq/peel/cmd"
	"github.com/peelhq/peel/internal/testkit"
)

// screenStopsWithin is how long the program may take to end after a signal: a second, plus the
// delay of a busy machine. It's shorter than anything that the program waits for by itself,
// such as five seconds for a task after you quit.
const screenStopsWithin = 3 * time.Second

// TestSignalsRestoreTheTerminal checks that a signal ends the program within a second with exit
// code 130, whatever the screen is doing, and that the terminal is restored.
func TestSignalsRestoreTheTerminal(t *testing.T) {
	testkit.Long(t, "it opens a screen for each signal")
	program := build(t)
	var plain, packed string
	if !testing.Short() {
		plain, packed = hugeImage(t, false), hugeImage(t, true)
	}
	sample, err := filepath.Abs(filepath.Join("testdata", "sample.tar"))
	if err != nil {
		t.Fatal(err)
	}
	states := []struct {
		name string
		args []string
		do   func(t *testing.T, s *silentTerminal) // gets the screen into this state
	}{
		{"waiting for an engine", []string{"docker://app:1"}, func(t *testing.T, s *silentTerminal) {
			s.waitFor(t, "Reading")
		}},
		{"picking", nil, func(t *testing.T, s *silentTerminal) { s.waitFor(t, "asking docker") }},
		{"showing files", []string{sample}, func(t *testing.T, s *silentTerminal) { s.waitFor(t, "srv") }},
		{"asking for a search", []string{sample}, func(t *testing.T, s *silentTerminal) {
			s.waitFor(t, "srv")
			s.send(t, "/bin")
			s.waitFor(t, "search:")
		}},
		{"unpacking for the viewer", []string{packed}, func(t *testing.T, s *silentTerminal) {
			s.waitFor(t, "Files after")
			s.send(t, "gv")
			s.waitFor(t, "00000000")
			s.send(t, "G")
		}},
		{"finding in a file", []string{plain}, func(t *testing.T, s *silentTerminal) {
			s.waitFor(t, "Files after")
			s.send(t, "gv")
			s.waitFor(t, "00000000")
			s.send(t, "/nowhere")
			s.waitFor(t, "looking")
		}},
		{"comparing", []string{plain}, func(t *testing.T, s *silentTerminal) {
			s.waitFor(t, "Files after")
			s.send(t, "gd")
			s.waitFor(t, "esc stops")
		}},
		{"extracting", []string{plain}, func(t *testing.T, s *silentTerminal) {
			s.waitFor(t, "Files after")
			s.send(t, "gx")
			s.waitFor(t, "extract")
			s.send(t, "\r")
			s.waitFor(t, "writing")
		}},
		{"writing to a terminal that takes nothing", []string{sample}, func(t *testing.T, s *silentTerminal) {
			s.waitFor(t, "srv")
			s.pause(true)
			for i := range 30 { // frames with more bytes than fit without a reader
				s.send(t, [...]string{"2", "3", "1"}[i%3])
				time.Sleep(40 * time.Millisecond)
			}
		}},
	}
	for _, state := range states {
		for _, sig := range testkit.Sample([]syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT}) {
			t.Run(fmt.Sprintf("%s/%s", state.name, sig), func(t *testing.T) {
				if slices.Contains(state.args, "") {
					testkit.Long(t, "it reads gigabytes")
				}
				command := exec.Command(program, state.args...)
				command.Dir = t.TempDir()
				command.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8", "XDG_CACHE_HOME="+command.Dir,
					"DOCKER_HOST=unix://"+silentEngine(t), "CONTAINER_HOST=unix:///no/such.sock")
				s := startSilent(t, command)
				state.do(t, s)
				s.endsWith(t, command, sig)
			})
		}
	}
}

// endsWith sends a signal and checks how the program ends.
func (s *silentTerminal) endsWith(t *testing.T, command *exec.Cmd, sig os.Signal) {
	t.Helper()
	began := time.Now()
	if err := command.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	err := s.waitEnd(t)
	took := time.Since(began)
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 130 {
		t.Errorf("it ends with %v, want exit code 130", err)
	}
	if took > screenStopsWithin {
		t.Errorf("it takes %v", took)
	}
	s.pause(false)
	s.isRestored(t)
}

// screenModes are the modes that a screen sets on a terminal, and their values without a
// screen.
var screenModes = map[string]byte{
	"alternate screen": 'l', "bracketed paste": 'l', "mouse": 'l', "cursor": 'h',
}

var modeNumbers = map[string]string{"alternate screen": "1049", "bracketed paste": "2004", "mouse": "1002", "cursor": "25"}

// isRestored checks that the terminal is restored, and that after the screen was closed, only
// text was written.
func (s *silentTerminal) isRestored(t *testing.T) {
	t.Helper()
	if now, err := term.GetState(s.tty.Fd()); err != nil || *now != *s.before {
		t.Errorf("the terminal's state is %+v, before %+v (%v)", now, s.before, err)
	}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) { // output may still be on its way
		wrong := s.leftOn()
		if wrong == "" {
			return
		}
		if time.Since(began) > terminalPatience/10 {
			t.Errorf("not restored: %s", wrong)
			return
		}
	}
}

// leftOn returns the first mode that isn't reset, or "".
func (s *silentTerminal) leftOn() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for mode, off := range screenModes {
		all := regexp.MustCompile(`\x1b\[\?`+modeNumbers[mode]+`([hl])`).FindAllSubmatch(s.wrote.Bytes(), -1)
		if len(all) > 0 && all[len(all)-1][1][0] != off {
			return mode
		}
	}
	return ""
}

// silentEngine returns the socket of an engine that accepts every request and answers none.
func silentEngine(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "peel") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, c) }()
		}
	}()
	return l.Addr().String()
}

// hugeImage returns the folder of an unpacked docker save archive with two layers, each with
// one file, /huge: gigabytes of zeros, which take no disk space. They take long to read and, if
// packed, long to unpack.
func hugeImage(t *testing.T, packed bool) string {
	t.Helper()
	const piece = 64 << 20
	pieces := 512
	if packed { // opening it unpacks everything once
		pieces = 32
	}
	dir := t.TempDir()
	for i, name := range []string{"0.tar", "1.tar"} {
		size := int64(pieces) * piece
		if i == 0 {
			size = 512
		}
		if !packed && i == 0 { // so that both are compared
			size = int64(pieces-1) * piece
		}
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var head bytes.Buffer
		if err := tar.NewWriter(&head).WriteHeader(&tar.Header{Name: "huge", Typeflag: tar.TypeReg, Mode: 0o644, Size: size, Format: tar.FormatGNU}); err != nil {
			t.Fatal(err)
		}
		if packed {
			err = writePacked(f, head.Bytes(), size, piece)
		} else if _, err = f.Write(head.Bytes()); err == nil {
			err = f.Truncate(int64(head.Len()) + size + 1024) // with the two zero blocks
		}
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"manifest.json": `[{"Config":"config.json","RepoTags":["huge:1"],"Layers":["0.tar","1.tar"]}]`,
		"config.json": fmt.Sprintf(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}`,
			strings.Repeat("0", 64), strings.Repeat("1", 64)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// writePacked writes a gzip stream of a head and the given number of zeros, one member per
// piece.
func writePacked(f *os.File, head []byte, size, piece int64) error {
	member := func(b []byte) []byte {
		var out bytes.Buffer
		w, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed) // fails only for an invalid level
		_, _ = w.Write(b)                                 // to memory
		_ = w.Close()
		return out.Bytes()
	}
	if _, err := f.Write(member(head)); err != nil {
		return err
	}
	zeros := member(make([]byte, piece))
	for ; size >= piece; size -= piece {
		if _, err := f.Write(zeros); err != nil {
			return err
		}
	}
	_, err := f.Write(member(make([]byte, size+1024)))
	return err
}

// noisy is set in a test process that runs as peel, with a part that constantly writes to
// standard error.
const noisy = "PEEL_TEST_NOISY"

// runNoisy runs peel while something in the process writes to standard error: through Go's log,
// through os.Stderr, and to the descriptor.
func runNoisy(args []string) int {
	go func() {
		for ; ; time.Sleep(10 * time.Millisecond) {
			log.Print("noise of the log")
			_, _ = os.Stderr.WriteString("noise of the file\n")
			_, _ = syscall.Write(2, []byte("noise of the descriptor\n"))
		}
	}()
	return cmd.Main(args, os.Stdin, os.Stdout, os.Stderr)
}

// TestNoiseStaysOffTheScreen checks that what libraries write to standard error doesn't reach
// the screen, and is shown after it.
func TestNoiseStaysOffTheScreen(t *testing.T) {
	testkit.Waits(t)
	test, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(test, filepath.Join("testdata", "sample.tar"))
	command.Env = append(os.Environ(), noisy+"=1", "TERM=xterm-256color", "LC_ALL=C.UTF-8", "XDG_CACHE_HOME="+t.TempDir())
	s := startSilent(t, command)
	s.waitFor(t, "srv")
	for _, key := range []string{"2", "3", "1"} {
		s.send(t, key)
		time.Sleep(100 * time.Millisecond) // for the noise
	}
	s.send(t, "q")
	if err := s.waitEnd(t); err != nil {
		t.Error(err)
	}
	s.waitFor(t, "\x1b[?1049l")
	var all string
	for began := time.Now(); time.Since(began) < terminalPatience; time.Sleep(20 * time.Millisecond) { // the rest may still be on its way
		s.mu.Lock()
		all = s.wrote.String()
		s.mu.Unlock()
		if _, rest, _ := strings.Cut(all, "\x1b[?1049l"); strings.Contains(rest, "noise of the descriptor") {
			break
		}
	}
	on, off := strings.Index(all, "\x1b[?1049h"), strings.LastIndex(all, "\x1b[?1049l")
	if on < 0 || off < on {
		t.Fatalf("the screen was on at byte %d, and off at byte %d", on, off)
	}
	if i := strings.Index(all[on:off], "noise"); i >= 0 {
		t.Errorf("noise on the screen, after %q", all[max(on+i-40, on):on+i])
	}
	for _, kind := range []string{"noise of the file", "noise of the descriptor"} {
		if !strings.Contains(all[off:], kind) {
			t.Errorf("no %s afterwards", kind)
		}
	}
	if strings.Contains(all[off:], "noise of the log") {
		t.Error("Go's log writes to the terminal")
	}
}
