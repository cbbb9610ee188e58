package cmd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A buildCall holds the builder's arguments that peel understands.
type buildCall struct {
	idFile     string // file to which the builder writes the image's ID; "" if no flag names one
	dockerfile string // on this machine; "" if unknown, or not a local file
}

// buildSwitches are the flags without a value of "docker build", "podman build" and "buildah
// build": the word after any other flag without "=" is its value. Source: their references,
// docker build of the classic builder and of Buildx.
var buildSwitches = []string{
	"--all-platforms", "--check", "--compat-volumes", "--compress", "--created-annotation", "--debug", "-D", "--disable-compression", "--disable-content-trust", "--force-rm",
	"--help", "-h", "--http-proxy", "--identity-label", "--inherit-annotations", "--inherit-labels", "--layers", "--load", "--no-cache", "--no-hostname", "--no-hosts",
	"--omit-history", "--pull", "--pull-always", "--pull-never", "--push", "--quiet", "-q", "--rewrite-timestamp", "--rm", "--save-stages", "--skip-unused-stages",
	"--squash", "--squash-all", "--stdin", "--stage-labels", "--stream", "--tls-verify",
}

// readBuildCall parses a builder's arguments.
func readBuildCall(args []string) buildCall {
	var call buildCall
	file, context := "", "."
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			if i+1 < len(args) {
				context = args[i+1]
			}
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			context = arg
			continue
		}
		name, value, joined := strings.Cut(arg, "=")
		if !strings.HasPrefix(arg, "--") && len(arg) > 2 { // -fFILE, -f=FILE, -qf FILE
			name, value, joined = shortFlag(arg)
		}
		if !joined && !slices.Contains(buildSwitches, name) && i+1 < len(args) {
			i++
			value = args[i]
		}
		switch name {
		case "--iidfile":
			call.idFile = value
		case "-f", "--file":
			file = value
		}
	}
	call.dockerfile = localDockerfile(file, context)
	return call
}

// shortFlag parses combined one-letter flags: the first that takes a value gets the rest, or the
// next word if nothing is left.
func shortFlag(arg string) (name, value string, joined bool) {
	for i := 1; i < len(arg); i++ {
		name = "-" + arg[i:i+1]
		if !slices.Contains(buildSwitches, name) {
			rest := arg[i+1:]
			return name, strings.TrimPrefix(rest, "="), rest != ""
		}
	}
	return name, "", true
}

// localDockerfile returns the Dockerfile that a build with this file and context uses; "" if it
// comes from standard input or a URL.
func localDockerfile(file, context string) string {
	elsewhere := func(name string) bool {
		return name == "-" || strings.Contains(name, "://") || strings.HasPrefix(name, "git@") || strings.HasPrefix(name, "github.com/")
	}
	if file != "" {
		if elsewhere(file) {
			return ""
		}
		// The classic builder takes it from the working directory, podman from the context
		// if it is not there.
		return existing(file, filepath.Join(context, file))
	}
	if elsewhere(context) {
		return ""
	}
	return existing(filepath.Join(context, "Containerfile"), filepath.Join(context, "Dockerfile"))
}

// existing returns the first of the names that is a file; "" if none is.
func existing(names ...string) string {
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			return name
		}
	}
	return ""
}
