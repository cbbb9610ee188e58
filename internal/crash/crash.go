// Package crash turns panics into errors. A program must recover from a panic on the goroutine
// where it happens; nowhere else can it keep the panic from ending the program.
package crash

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// A Defect is a recovered panic: a defect of the program.
type Defect struct {
	Value any      // argument of panic
	Where []string // the calls that led to it, innermost first: "scan.go:41 source.scanTar"
}

func (d *Defect) Error() string { return fmt.Sprintf("this is a defect in peel: %v", d.Value) }

// Unwrap returns the error that was passed to panic, or nil if it wasn't an error.
func (d *Defect) Unwrap() error {
	err, _ := d.Value.(error)
	return err
}

// Catch sets the error that a function returns to its panic, if there is one. Defer Catch
// itself in the first function of a goroutine:
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

// callsKept is the number of calls in a defect.
const callsKept = 10

// calls returns the calls that led to the panic being recovered.
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
