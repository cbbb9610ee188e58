package cmd

import (
	"bufio"
	"context"
	"io"
)

// outputBuffer is the number of bytes to gather for one write.
const outputBuffer = 64 << 10

// print calls write with a buffered standard output, and makes sure that everything is written. If
// the context ends, it stops between two writes.
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

// flushed writes to w, and then flushes it. After a failed write, every later one fails too, so the
// first error is enough.
func flushed(w *bufio.Writer, write func(io.Writer) error) error {
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}
