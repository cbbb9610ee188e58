// Package cmd is the command line: one file per command, flags to options,
// errors to exit codes. Only it prints; data goes to standard output, progress
// and messages to standard error.
package cmd

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"sync"

	"charm.land/fang/v2"
	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/internal/redact"
)

// app is one run of the program: its streams and the values of global flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	platform    string
	base        string
	noCache     bool
	via         choice
	engine      choice
	offline     bool
	insecure    []string
	verify      bool
	crossMounts bool

	top          *cobra.Command // peel itself, with the common flags
	verbose      bool
	maybeCommand string // peel's only argument, an image unless it is a mistyped command

	// Where a command searches for the base image: nowhere if it shows no figure that depends on
	// it.
	search        analyze.BaseSearch
	wantsPackages bool               // the command shows packages, or gives advice
	dockerfiles   []*dockerfile.File // that the image may have been built from
	named         string             // the Dockerfile of the image to show, as --dockerfile says
	built         []buildFile        // from which the image to show was just built

	failure    error      // why the command failed
	last       *sync.Once // for the last message and the exit code
	tty        *restorer
	files      *scratch // temporary copies of files
	interrupts *interrupts
	memory     *memoryWatch
}

// Main runs the program with its arguments (without the program's name) and
// returns its exit code: 0 success, 1 a rule failed, 2 wrong usage, 3 the image
// can't be loaded or the work can't be done, 130 interrupted. It returns within
// a second of a signal, if necessary without waiting for the command: end the
// process then.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	from := newInterrupts()
	ctx, stop := onSignals(context.Background(), from)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	log.SetOutput(io.Discard) // Go's own packages log server errors there
	tuneOnce()
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, last: &sync.Once{}, tty: &restorer{}, interrupts: from, files: &scratch{}}
	if err := enoughAddresses(); err != nil {
		return a.exit(ctx, err)
	}
	a.memory = watchMemory(ctx, cancel)
	ended := make(chan int, 1)
	go func() { ended <- a.exit(ctx, a.execute(ctx, args)) }()
	return await(ctx, ended, a.memory.over, func() int { return a.abandon(ctx) })
}

// execute runs the command in the arguments. A defect of the program is reported like any error.
func (a *app) execute(ctx context.Context, args []string) (err error) {
	defer crash.Catch(&err)
	root := a.root() //nolint:contextcheck // cobra hands each command its context
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	help := &helpWriter{w: a.stdout}
	if _, ok := terminal(a.stdout); !ok {
		root.SetOut(help)
	}
	root.SetErr(a.stderr)
	root.InitDefaultCompletionCmd(args...) // after SetOut, because it records where scripts go
	if c, _, err := root.Find([]string{"completion"}); err == nil && c != root {
		for _, sub := range append(c.Commands(), c) {
			a.takes(sub)
		}
		c.Args, c.RunE = onlyCommands, func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	root.InitDefaultHelpCmd()
	if c, _, err := root.Find([]string{"help"}); err == nil && c != root {
		c.Args = helpArgs
		a.takes(c)
	}
	registerOffers(root, args)
	if err := a.styleHelp(ctx, root); err != nil {
		return err
	}
	if ran, err := root.ExecuteContextC(ctx); err != nil {
		return misuse(ran, err)
	}
	if a.failure == nil && help.err != nil {
		return failed("", "cannot write the help: %w", help.err)
	}
	return a.failure
}

// styleHelp gives the commands fang's help. fang asks the terminal for its background
// before it styles help, and, when it runs a command, after each error as well: a terminal
// that doesn't answer then stalls the program. So fang runs a command that does nothing, and
// the others get only its help.
func (a *app) styleHelp(ctx context.Context, root *cobra.Command) error {
	version, commit := version()
	model := &cobra.Command{RunE: func(*cobra.Command, []string) error { return nil }}
	model.SetArgs([]string{})
	err := fang.Execute(ctx, model,
		fang.WithVersion(version),
		fang.WithCommit(commit),
		fang.WithoutManpage(), // see man.go
	)
	if err != nil {
		return err
	}
	help := model.HelpFunc()
	root.Version = model.Version
	root.SilenceUsage, root.SilenceErrors = true, true // errors are printed once, by exit
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		columns, onTerminal := a.helpWidth()
		if _, ok := terminal(a.stdin); !ok {
			defer hideTerminal()()
		}
		help(shownHelp(c, columns, onTerminal), args)
	})
	return nil
}

// hideTerminal hides the terminal on standard output from fang, which would otherwise ask it for
// its background, although no answer can come on standard input. The function that it returns
// undoes that. Help goes to the stream of the command, not to os.Stdout.
func hideTerminal() (show func()) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return func() {}
	}
	stdout := os.Stdout
	os.Stdout = null
	return func() {
		os.Stdout = stdout
		_ = null.Close() // nothing was written
	}
}

// logger returns where debug messages go: standard error with --verbose, else
// nowhere.
func (a *app) logger() *slog.Logger {
	if !a.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: cleanAttr}))
}

// cleanAttr makes a line of the log safe for a terminal and for the log of a pipeline, and removes
// secrets.
func cleanAttr(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(clean.Text(redact.Text(a.Value.String())))
	case slog.KindAny:
		if _, level := a.Value.Any().(slog.Level); !level {
			a.Value = slog.StringValue(clean.Text(redact.Text(fmt.Sprint(a.Value.Any()))))
		}
	}
	return a
}
