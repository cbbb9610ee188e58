package testkit

import (
	"flag"
	"os"
	"testing"
)

// Run runs a package's tests and returns the exit code. Call it in TestMain.
//
// It limits how long Go's fuzzer minimizes an input that reaches new code to ten tries, unless
// a flag sets another limit. By default, the fuzzer spends a minute removing every run of
// bytes, which takes tries in the square of the length and doesn't count as executions. With
// inputs of a few kilobytes it would do nothing else.
//
// It calls NotInPipeline and, with -short, Hurry.
func Run(m *testing.M) (code int) {
	if f := flag.Lookup("test.fuzzminimizetime"); f != nil {
		if err := f.Value.Set("10x"); err != nil {
			panic(err)
		}
	}
	NotInPipeline()
	Hurry()
	return m.Run()
}

// NotInPipeline hides that the tests may run in a pipeline, because the program says and does
// more there.
func NotInPipeline() {
	if err := os.Unsetenv("CI"); err != nil {
		panic(err)
	}
}
