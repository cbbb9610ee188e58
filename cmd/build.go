package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// A builder is a program that builds images.
type builder struct {
	name   string
	scheme string // of the images that it builds
}

// builders are the known builders, in the order in which they are searched for.
var builders = []builder{{"docker", "docker://"}, {"podman", "podman://"}, {"buildah", "podman://"}}

func builderNames() []string {
	var names []string
	for _, b := range builders {
		names = append(names, b.name)
	}
	return names
}

// A building is one call of "peel build".
type building struct {
	builder choice
	check   bool
	config  string
}

func (a *app) buildCommand() *cobra.Command {
	b := building{builder: choice{what: "builder", words: builderNames()}}
	c := &cobra.Command{
		Use:   "build [--check] [--config FILE] [--engine NAME] ARGS...",
		Short: "Build an image with docker, podman or buildah, and open it",
		Long: `Run "docker build ARGS" and open the image it builds. peel uses the first of docker, podman and buildah that is installed, or the one that --engine names. Findings name the lines of your Dockerfile. With --check, or if CI is set in the environment, peel checks the image instead, as peel check does.

Write peel's flags first. The first argument that is not one of them, or that follows "--", and everything after it go to the builder. The builder keeps its own input and output. peel adds --iidfile, unless you do, to learn the image's ID. The rules of the check come from .peel.yaml and the environment (docs/check.md).

If the build fails, peel exits with the builder's exit code.`,
		Example: `
peel build -t app:1 .
peel build --engine podman -f deploy/Containerfile .
peel build --check -t app:1 .
`,
		DisableFlagParsing: true, // the builder's flags are not peel's
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	f := c.Flags()
	f.Var(&b.builder, "engine", "builder to use (default: the first one that is installed)")
	f.BoolVar(&b.check, "check", false, "check the image, as peel check does (default where CI is set)")
	f.StringVar(&b.config, "config", "", `the rules file of the check, or "none"`)
	c.RunE = func(c *cobra.Command, args []string) error {
		own, rest := ownFlags(args)
		if err := f.Parse(own); err != nil {
			return err
		}
		if help, _ := f.GetBool("help"); help {
			return c.Help()
		}
		a.failure = a.build(c.Context(), &b, rest)
		return nil
	}
	return c
}

// ownFlags splits off peel's flags before the builder's arguments.
func ownFlags(args []string) (own, rest []string) {
	for i := 0; i < len(args); i++ {
		name, _, joined := strings.Cut(args[i], "=")
		switch name {
		case "--":
			return args[:i], args[i+1:]
		case "--check", "--help", "-h":
		case "--engine", "--config":
			if !joined {
				i++
			}
		default:
			return args[:i], args[i:]
		}
	}
	return args, nil
}

// errBuild is the exit code of a failed build. It is not printed, because the builder has
// reported the reason.
type errBuild struct{ code int }

func (e *errBuild) Error() string { return fmt.Sprintf("the build failed with exit code %d", e.code) }

// build builds an image, and opens or checks it.
func (a *app) build(ctx context.Context, b *building, args []string) error {
	with, program, err := b.find()
	if err != nil {
		return err
	}
	call := readBuildCall(args)
	if call.idFile == "" {
		dir, err := os.MkdirTemp("", "peel-build-")
		if err != nil {
			return failed("", "cannot make a folder for the image's ID: %w", err)
		}
		defer func() {
			if err := os.RemoveAll(dir); err != nil {
				a.logger().Debug("removing the folder of the ID", "error", err)
			}
		}()
		call.idFile = filepath.Join(dir, "iid")
		args = append([]string{"--iidfile", call.idFile}, args...)
	} else if err := os.Remove(call.idFile); err != nil && !errors.Is(err, os.ErrNotExist) { // of an earlier build
		return failed("", "cannot replace the image's ID of an earlier build: %w", err)
	}
	if err := a.runBuilder(ctx, program, args); err != nil {
		return err
	}
	id, err := builtImage(call.idFile)
	if err != nil {
		return failed(`--load with docker buildx, one --platform, and no --output; or, of an image that was pushed, peel registry://NAME`, "the build left no image in %s: %w", with.name, err)
	}
	ref := with.scheme + id
	if call.dockerfile != "" {
		d, err := readDockerfile(call.dockerfile)
		if err != nil { // the builder has read it, so it is not essential
			a.say("findings name no lines: %v", err)
			call.dockerfile = ""
		} else {
			a.built = []buildFile{{d, true}}
		}
	}
	if b.check || inPipeline() {
		return a.checkBuilt(ctx, b, ref, call.dockerfile)
	}
	return a.explore(ctx, ref)
}

// find returns the builder to use, and the path of its program.
func (b *building) find() (with builder, program string, err error) {
	for _, with := range builders {
		if b.builder.value != "" && b.builder.value != with.name {
			continue
		}
		if program, err := exec.LookPath(with.name); err == nil {
			return with, program, nil
		}
	}
	if b.builder.value != "" {
		return with, "", failed("", "cannot build: %s is not installed, or not on PATH", b.builder.value)
	}
	return with, "", failed("", "cannot build: none of %s is installed, or on PATH", strings.Join(builderNames(), ", "))
}

// runBuilder runs a builder until it ends, with peel's own streams. A signal that ends peel also
// goes to the builder, which handles it: a killed build would leave much behind.
func (a *app) runBuilder(ctx context.Context, program string, args []string) error {
	c := exec.CommandContext(ctx, program, append([]string{"build"}, args...)...) //nolint:gosec // that is what is asked for
	c.Stdin, c.Stdout, c.Stderr = a.stdin, a.stdout, a.stderr
	c.Cancel = func() error {
		if err := c.Process.Signal(os.Interrupt); err != nil { // Windows knows no such signal
			return c.Process.Kill()
		}
		return nil
	}
	a.logger().Debug("building", "program", program) // arguments hold secrets
	err := c.Run()
	exit := (*exec.ExitError)(nil)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return failed("", "cannot run %s: %w", program, err)
	}
	code := exit.ExitCode()
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && code < 0 && status.Signaled() {
		code = 128 + int(status.Signal()) // as in a shell
	}
	return &errBuild{cmp.Or(max(code, 0), exitWork)}
}

// builtImage parses the ID written by a builder: "sha256:" and digits, or only digits.
func builtImage(idFile string) (string, error) {
	text, err := os.ReadFile(idFile)
	if errors.Is(err, os.ErrNotExist) {
		return "", errors.New("it wrote no ID")
	}
	if err != nil {
		return "", err
	}
	digits := strings.TrimPrefix(strings.TrimSpace(string(text[:min(len(text), 1000)])), "sha256:")
	if len(digits) != 64 || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", fmt.Errorf("what it wrote is not an image's ID: %s", strconv.Quote(string(text[:min(len(text), 100)])))
	}
	return "sha256:" + digits, nil
}

// inPipeline reports whether the environment looks like a pipeline's.
func inPipeline() bool {
	return !slices.Contains([]string{"", "0", "false", "no", "off"}, strings.ToLower(os.Getenv("CI")))
}

// checkBuilt checks an image as "peel check" does.
func (a *app) checkBuilt(ctx context.Context, b *building, ref, file string) error {
	args := []string{ref}
	if file != "" {
		args = append(args, "--dockerfile", file)
	}
	if b.config != "" {
		args = append(args, "--config", b.config)
	}
	c := a.checkCommand() //nolint:contextcheck // cobra hands it its context
	c.SetArgs(args)
	c.SilenceErrors, c.SilenceUsage = true, true
	c.PreRunE = func(c *cobra.Command, _ []string) error { return fromEnvironment(c) }
	if err := c.ExecuteContext(ctx); err != nil {
		return misuse(c, err)
	}
	return a.failure
}
