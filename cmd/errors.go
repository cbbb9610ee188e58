package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/peelhq/peel/internal/alike"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/internal/draft"
	"github.com/peelhq/peel/internal/redact"
	"github.com/peelhq/peel/ui"
)

// The exit codes.
const (
	exitFine        = 0
	exitRule        = 1   // a rule of the check failed, or images differ and --exit-code asks for that
	exitUsage       = 2   // wrong usage or bad configuration
	exitWork        = 3   // the image cannot be loaded, or the work cannot be done
	exitInterrupted = 130 // as a shell reports an interrupt
)

// home is where peel is developed.
const home = "https://github.com/peelhq/peel"

// exitMeanings says what the exit codes mean, for help and manual.
var exitMeanings = []struct {
	code  int
	means string
}{
	{exitFine, "fine"},
	{exitRule, "a rule failed; with diff --exit-code, the images differ; with grep, nothing was found"},
	{exitUsage, "wrong usage or bad configuration"},
	{exitWork, "the image cannot be loaded, or the work cannot be done"},
	{exitLasting, "with fleet index and fleet analyze, trying again will not help"},
	{exitInterrupted, "interrupted"},
}

// exitCodes is the exit codes as a paragraph of help.
func exitCodes() string {
	var b strings.Builder
	b.WriteString("\n\nExit codes:\n\n")
	for _, e := range exitMeanings {
		fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.means)
	}
	return strings.TrimRight(b.String(), "\n")
}

// errRule says that a rule failed. It is not printed, because the report says which.
var errRule = errors.New("a rule failed")

// errDiffer says that images differ, for --exit-code. Like errRule, it is not printed.
var errDiffer = errors.New("the images differ")

// A failure is an error with its exit code and, if possible, advice.
type failure struct {
	code int
	err  error
	try  string // what to try, "" if nothing helps
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage returns an error for an invalid command line.
func usage(try, format string, args ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, args...), try}
}

// failed returns an error for work that could not be done. An error with an exit code keeps it.
func failed(try, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if known := (*failure)(nil); errors.As(err, &known) {
		return err
	}
	return &failure{exitWork, err, try}
}

// misuse gives an error of the command-line library an exit code: wrong usage, except for help or
// a completion script that can't be written. c is the command that was run.
func misuse(c *cobra.Command, err error) error {
	if known := (*failure)(nil); errors.As(err, &known) {
		return err
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) || closedPipe(err) {
		return failed("", "writing the output: %w", err)
	}
	if refused := (*refusedError)(nil); errors.As(err, &refused) {
		return usage(c.CommandPath()+" --help", "%w", refused)
	}
	if unknown := (*pflag.NotExistError)(nil); errors.As(err, &unknown) {
		name := unknown.GetSpecifiedName()
		if f := c.Flags().Lookup("format"); name == "json" && f != nil {
			return usage(c.CommandPath()+" IMAGE -f json", "%w", err)
		}
		if name == "V" {
			return usage("peel --version", "%w", err)
		}
		if try := insteadOfDive[name]; try != "" {
			return usage(try, "%w; that is a flag of dive", err)
		}
		if meant := meantFlag(c, name); meant != "" {
			return usage(c.CommandPath()+" --help", "%w; did you mean --%s?", err, meant)
		}
	}
	return usage(c.CommandPath()+" --help", "%w", err)
}

// withoutCall returns the error about a file without the name of the system call that failed.
func withoutCall(err error) error {
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		return fmt.Errorf("%s: %w", failed.Path, failed.Err)
	}
	return err
}

// insteadOfDive is what to use instead of dive's flags.
var insteadOfDive = map[string]string{
	"ci":                       "peel check IMAGE",
	"ci-config":                "peel check IMAGE --config FILE",
	"json":                     "peel report IMAGE -f json -o FILE",
	"source":                   "peel docker://IMAGE, peel podman://IMAGE or peel FILE",
	"lowestEfficiency":         "peel check IMAGE --min-efficiency 0.95",
	"highestWastedBytes":       "peel check IMAGE --max-wasted 20MB",
	"highestUserWastedPercent": "peel check IMAGE --max-user-wasted 0.1",
}

// meantFlag returns the flag of a command that a name is probably a misspelling of, or "".
func meantFlag(c *cobra.Command, name string) string {
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return alike.Meant(names, name)
}

// closedPipe reports whether err means that the reader of the output has gone, as with head: stop
// without a message.
func closedPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}

// exit prints an error, if there is one to print, and returns the exit code. Later calls print
// nothing.
func (a *app) exit(ctx context.Context, err error) (code int) {
	a.last.Do(func() { code = a.conclude(ctx, err) })
	return code
}

// abandon is exit for a command that does not return although its context has ended: it cleans up
// first.
func (a *app) abandon(ctx context.Context) int {
	cause := context.Cause(ctx)
	within(sayGrace, func() {
		a.tty.restore()
		draft.DiscardAll()
		a.files.end()
		a.exit(ctx, ctx.Err())
	})
	if errors.Is(cause, errMemory) {
		return exitWork
	}
	return exitInterrupted
}

func (a *app) conclude(ctx context.Context, err error) int {
	var f *failure
	var build *errBuild
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &build):
		return build.code
	case errors.Is(err, errRule), errors.Is(err, errDiffer), errors.Is(err, errNothing):
		return exitRule
	case errors.Is(err, errMemory):
		errors.As(err, &f)
	case errors.Is(context.Cause(ctx), errMemory):
		err = a.memory.stopped(context.Cause(ctx))
	case ctx.Err() != nil, errors.Is(err, ui.ErrInterrupted):
		fmt.Fprintln(a.stderr, "peel: interrupted")
		return exitInterrupted
	case closedPipe(err):
		return exitFine
	default:
		errors.As(err, &f)
	}
	code, try := exitWork, ""
	if f != nil {
		code, try = f.code, f.try
	}
	if defect := (*crash.Defect)(nil); errors.As(err, &defect) {
		err = fmt.Errorf("%w\n%s", err, strings.Join(defect.Where, "\n"))
		try = "again with the latest release, and report these lines to " + home + "/issues"
	}
	if errors.Is(err, errMemory) {
		try = "on a machine, or in a container, with more memory"
	}
	a.complain(err, try)
	return code
}

// complain prints an error and what to try.
func (a *app) complain(err error, try string) {
	first, rest := lines(err)
	fmt.Fprintln(a.stderr, "peel: "+first)
	for _, line := range rest {
		fmt.Fprintln(a.stderr, "  - "+line)
	}
	if try != "" {
		fmt.Fprintln(a.stderr, "try: "+clean.Line(redact.Text(try)))
	}
}

// lines returns an error's text fit for a terminal, without secrets. An error may have several
// lines (one for each attempt); only the first starts a line of the output, because some log
// viewers interpret line starts as commands.
func lines(err error) (first string, rest []string) {
	for line := range strings.Lines(redact.Text(err.Error())) {
		line = strings.TrimSpace(clean.Text(strings.TrimSuffix(line, "\n")))
		switch {
		case line == "":
		case first == "":
			first = line
		default:
			rest = append(rest, strings.TrimPrefix(line, "- "))
		}
	}
	return first, rest
}
