package cmd

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// A signal cancels the context of the running command. Most commands return at
// once. One that does not, because of a long computation or a blocked system
// call (a pipe without a reader, a hanging disk), gets endGrace. Then Main
// cleans up and returns without it; the end of the process stops it. Both times
// together are below a second.
const (
	endGrace = 500 * time.Millisecond
	sayGrace = 200 * time.Millisecond // for the last words: standard error may be a full pipe
)

// onSignals returns a context that ends when the user or the system asks the
// program to: on an interrupt, on a request to terminate, and when the terminal
// hangs up, unless the program was started to ignore that (nohup). Later signals
// change nothing: the program ends within a second of the first.
func onSignals(ctx context.Context, from *interrupts) (context.Context, context.CancelFunc) {
	signals := []os.Signal{syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(ctx, signals...)
	ctx, cancel := context.WithCancelCause(ctx)
	signal.Notify(from.taken, os.Interrupt)
	go func() {
		select {
		case <-ctx.Done():
		case s := <-from.taken:
			cancel(fmt.Errorf("%s signal received", s))
		}
	}()
	return ctx, func() {
		signal.Stop(from.taken)
		cancel(nil)
		stop()
	}
}

// interrupts are signals for the program. A terminal sends them to all its programs, so while
// another program uses the terminal, they are meant for that one.
type interrupts struct{ taken chan os.Signal }

func newInterrupts() *interrupts { return &interrupts{make(chan os.Signal, 1)} }

// leave assigns interrupts to another program until the returned function is called. An interrupt
// before that call never counts as one after it.
func (i *interrupts) leave() (takeBack func()) {
	if i == nil {
		return func() {}
	}
	left := make(chan os.Signal, 1)
	signal.Notify(left, os.Interrupt) // else an interrupt would end the program
	signal.Stop(i.taken)
	return func() {
		flush := make(chan os.Signal, 1)
		signal.Notify(flush, os.Interrupt)
		signal.Stop(flush) // Stop waits for signals that are on their way
		signal.Notify(i.taken, os.Interrupt)
		signal.Stop(left)
	}
}

// await returns the exit code of a command in its own goroutine, or the result
// of abandon if the context has ended and the command does not return in time.
// It does not wait once over is closed.
func await(ctx context.Context, ended <-chan int, over <-chan struct{}, abandon func() int) int {
	select {
	case code := <-ended:
		return code
	case <-ctx.Done():
	}
	select {
	case code := <-ended:
		return code
	case <-over:
	case <-time.After(endGrace):
	}
	return abandon()
}

// within runs f and waits for it, but no longer than most.
func within(most time.Duration, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(most):
	}
}
