package cmd

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/ui"
)

// outside runs other programs for the screen: the user's pager and editor, on temporary copies of
// files, and the user's own commands.
type outside struct {
	keys, out *os.File // the terminal
	files     *scratch
	from      *interrupts // interrupts meant for the program that has the terminal; may be nil
}

// scratch are the folders with temporary copies. It may be used by several
// goroutines. The zero scratch has none.
type scratch struct {
	mu    sync.Mutex
	dirs  map[string]struct{}
	ended bool
}

// dir makes a folder that only its owner can read.
func (s *scratch) dir() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return "", context.Canceled
	}
	dir, err := os.MkdirTemp("", "peel-")
	if err != nil {
		return "", err
	}
	if s.dirs == nil {
		s.dirs = map[string]struct{}{}
	}
	s.dirs[dir] = struct{}{}
	return dir, nil
}

// remove removes a folder.
func (s *scratch) remove(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.dirs, dir)
	_ = os.RemoveAll(dir) // temporary files: nothing else can be done
}

// end removes all folders. After it, dir makes no more.
func (s *scratch) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for dir := range s.dirs {
		_ = os.RemoveAll(dir)
	}
	clear(s.dirs)
}

// killGrace is how long a program that is no longer wanted has to end.
const killGrace = 200 * time.Millisecond

// command is a program that ends with a context.
func command(ctx context.Context, args []string) *exec.Cmd {
	c := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // the user's own words
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = killGrace
	return c
}

// run runs a program on the terminal until it ends.
func (o *outside) run(ctx context.Context, args []string, environ ...string) error {
	c := command(ctx, args)
	c.Stdin, c.Stdout, c.Stderr = o.keys, o.out, o.out
	c.Env = append(os.Environ(), environ...)
	defer o.from.leave()()
	return c.Run()
}

// onTerminal is run without changes to the environment.
func (o *outside) onTerminal(ctx context.Context, args []string) error { return o.run(ctx, args) }

// maxCaptured bounds how much of a program's output is kept, in bytes.
const maxCaptured = 1 << 20

// capture runs a program without the terminal, and returns its output.
func (o *outside) capture(ctx context.Context, args []string) ([]byte, error) {
	var out bounded
	c := command(ctx, args)
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.kept.Bytes(), err
}

// bounded stores the beginning of what is written to it.
type bounded struct{ kept bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	b.kept.Write(p[:min(len(p), maxCaptured-b.kept.Len())])
	return len(p), nil
}

// copy copies a file's content to a temporary file, for the user's pager or, with edit, for their
// editor. The editor's copy is read-only.
func (o *outside) copy(ctx context.Context, an *analyze.Analysis, v analyze.Version, edit bool, progress func(done, total int64)) (*ui.Copy, error) {
	dir, err := o.files.dir()
	if err != nil {
		return nil, fmt.Errorf("cannot make a temporary folder: %w", err)
	}
	file := filepath.Join(dir, tempName(an.Tree.Path(v.Node())))
	if err := copyTo(ctx, file, v, edit, progress); err != nil {
		o.files.remove(dir)
		return nil, fmt.Errorf("cannot copy it to a temporary file: %w", err)
	}
	args := pager()
	environ := []string{"LESSSECURE=1"} // keeps less from running a preprocessor on an image's file
	if edit {
		args, environ = editor(), nil
	}
	return &ui.Copy{
		Program: args[0],
		Run:     func(ctx context.Context) error { return o.run(ctx, append(args, file), environ...) },
		Remove:  func() { o.files.remove(dir) },
	}, nil
}

// copyTo writes a version's content to a new file.
func copyTo(ctx context.Context, file string, v analyze.Version, edit bool, progress func(done, total int64)) (err error) {
	r, err := v.Open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	perm := os.FileMode(0o600)
	if edit {
		perm = 0o400
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	_, err = io.Copy(&copyProgress{w: f, total: v.Size(), progress: progress}, &input{ctx: ctx, r: r})
	return err
}

// copyProgress reports how much is written.
type copyProgress struct {
	w           io.Writer
	done, total int64
	progress    func(done, total int64)
}

func (c *copyProgress) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.done += int64(n)
	c.progress(c.done, c.total)
	return n, err
}

// maxTempName is the maximum length of a temporary copy's name, in bytes.
const maxTempName = 100

// tempName returns the name of a file's copy: that of the file, so that programs recognize its
// language, but only in plain letters.
func tempName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("._-+", r)) {
			return r
		}
		return '_'
	}, path.Base(name))
	name = name[max(len(name)-maxTempName, 0):]
	if name == "" || strings.ContainsRune(".-", rune(name[0])) {
		name = "_" + name
	}
	return name
}

// pager is the user's pager, with its arguments.
func pager() []string {
	if words := strings.Fields(os.Getenv("PAGER")); len(words) > 0 {
		return words
	}
	for _, name := range []string{"less", "more"} {
		if _, err := exec.LookPath(name); err == nil {
			return []string{name}
		}
	}
	return []string{"more"}
}

// editor is the user's editor, with its arguments.
func editor() []string {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if words := strings.Fields(os.Getenv(name)); len(words) > 0 {
			return words
		}
	}
	return []string{"vi"}
}
