package cmd

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// A signal cancels the context of the command that is running. Most commands
// return at once. One that does not, because it computes something long or waits
// for a system call (a pipe that nobody reads, a disk that hangs), is given
// endGrace. Then Main removes what would be left behind and returns without it:
// the end of the process stops it. Both times together stay below a second.
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

// interrupts are those that are for the program. A terminal sends them to all
// programs on it: while another one has the terminal, they are for that one.
type interrupts struct{ taken chan os.Signal }

func newInterrupts() *interrupts { return &interrupts{make(chan os.Signal, 1)} }

// leave leaves interrupts to another program until the function that it returns is
// called. One that comes before that call is never taken as one that came after.
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
		signal.Stop(flush) // which waits for what is on its way
		signal.Notify(i.taken, os.Interrupt)
		signal.Stop(left)
	}
}

// await returns the exit code of a command that runs on a goroutine of its own,
// or, if its context has ended and it does not return in time, what abandon
// gives. When over is closed there is no time.
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

// within runs f and waits for it, but not longer than so long.
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
