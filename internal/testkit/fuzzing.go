package testkit

import (
	"flag"
	"testing"
)

// Run runs the tests of a package, for its TestMain, and returns the exit code.
//
// It bounds how long Go's fuzzer minimizes an input that reaches new code: ten
// tries, unless the command line says otherwise. By itself the fuzzer tries for a
// minute to leave out every run of bytes, the square of the length in tries, and
// counts none of them as executions. With inputs of a few kilobytes it does nothing
// else.
func Run(m *testing.M) (code int) {
	if f := flag.Lookup("test.fuzzminimizetime"); f != nil {
		if err := f.Value.Set("10x"); err != nil {
			panic(err)
		}
	}
	return m.Run() // reads the command line
}
