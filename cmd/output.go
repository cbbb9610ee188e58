package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// outputBuffer is how many bytes of data are gathered for one write.
const outputBuffer = 64 << 10

// print hands write a buffered standard output and sees that all of it is
// written. The context ends it between two writes.
func (a *app) print(ctx context.Context, write func(io.Writer) error) error {
	w := bufio.NewWriterSize(contextWriter{ctx, a.stdout}, outputBuffer)
	if err := flushed(w, write); err != nil {
		return failed("", "cannot write the output: %w", err)
	}
	return nil
}

// contextWriter fails once its context has ended.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c contextWriter) Write(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(b)
}

// writeFile makes name hold what write writes, and nothing else: a new file is
// written beside it and takes its place, so that at any time the old content or
// the new one is there, whole. A link is followed; what is no regular file (a
// device, a pipe) is written to directly.
func writeFile(name string, write func(io.Writer) error) (err error) {
	mode, old := os.FileMode(0), false
	if info, err := os.Stat(name); err == nil {
		if !info.Mode().IsRegular() {
			return writeDirectly(name, write)
		}
		if name, err = filepath.EvalSymlinks(name); err != nil {
			return err
		}
		mode, old = info.Mode().Perm(), true
	}
	f, err := newBeside(name)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if old {
		err = f.Chmod(mode)
	}
	w := bufio.NewWriterSize(f, outputBuffer)
	if err == nil {
		err = flushed(w, write)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// newBeside creates a file with a new name in name's directory, readable as the
// process' umask has it.
func newBeside(name string) (*os.File, error) {
	dir, base := filepath.Split(name)
	for i := 0; ; i++ {
		f, err := os.OpenFile(fmt.Sprintf("%s.%s.%d-%d.tmp", dir, base, os.Getpid(), i), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, os.ErrExist) {
			return f, err
		}
	}
}

func writeDirectly(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, outputBuffer)
	return errors.Join(flushed(w, write), f.Close())
}

// flushed writes to w and then out of it. A failed write fails every later one:
// the first error says it all.
func flushed(w *bufio.Writer, write func(io.Writer) error) error {
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}

// writeNewFile is writeFile for a name that nothing must have yet: what is there
// is an error, and is left alone.
func writeNewFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	w := bufio.NewWriterSize(f, outputBuffer)
	return errors.Join(flushed(w, write), f.Close())
}
