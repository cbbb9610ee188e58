package cmd

import (
	"bufio"
	"context"
	"io"
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

// flushed writes to w and then out of it. A failed write fails every later one:
// the first error says it all.
func flushed(w *bufio.Writer, write func(io.Writer) error) error {
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}
