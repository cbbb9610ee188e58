// Package crash turns a panic into an error, on whatever goroutine it happens:
// there is no other place than the goroutine itself where a program can keep one
// from ending it.
package crash

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// A Defect is a panic that was caught: a defect of the program.
type Defect struct {
	Value any      // what panic was called with
	Where []string // the calls that led to it, the innermost first: "scan.go:41 source.scanTar"
}

func (d *Defect) Error() string { return fmt.Sprintf("this is a defect in peel: %v", d.Value) }

// Unwrap returns the error that panic was called with, nil if it was no error.
func (d *Defect) Unwrap() error {
	err, _ := d.Value.(error)
	return err
}

// Catch makes a panic the error that a function returns, in place of any other.
// Defer it, itself, in the function that a goroutine begins with:
//
//	group.Go(func() (err error) {
//		defer crash.Catch(&err)
//		...
//	})
func Catch(err *error) { //nolint:gocritic // a deferred function sets the result
	if value := recover(); value != nil {
		*err = &Defect{value, calls()}
	}
}

// Do calls f, and returns its error or its panic.
func Do(f func() error) (err error) {
	defer Catch(&err)
	return f()
}

// callsKept is how many calls a defect tells.
const callsKept = 10

// calls returns the calls that led to the panic which is being recovered from.
func calls() []string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	var out []string
	panicked := false
	for {
		f, more := frames.Next()
		switch {
		case strings.HasPrefix(f.Function, "runtime."):
			panicked = panicked || f.Function == "runtime.gopanic"
		case panicked && len(out) < callsKept:
			out = append(out, fmt.Sprintf("%s:%d %s", path.Base(f.File), f.Line, path.Base(f.Function)))
		}
		if !more {
			return out
		}
	}
}
