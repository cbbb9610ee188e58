package dockerfile

import (
	"strings"

	"github.com/peelhq/peel/internal/lazy"
)

// Scratch is the word in FROM for no base image.
const Scratch = "scratch"

// maxName is the maximum length of a name and of a variable's value, in bytes: a value that
// contains another one twice doubles each time.
const maxName = 4096

// Base returns the base image of the image's stage, through earlier stages: "python:3.12", or
// Scratch. Variables have the defaults from ARGs before the first FROM; platform, "linux/amd64",
// is used for the builder's own variables. It returns "" if a variable has no default. Source:
// the Dockerfile reference, "Understand how ARG and FROM interact".
func (d *File) Base(platform string) string {
	args := d.vars
	if args == nil {
		args = d.arguments(platform)
	}
	for at := d.last; ; {
		name, ok := replaced(unquoted(d.stages[at].from), args, d.escape)
		if !ok || name == "" {
			return ""
		}
		before := d.stageBefore(at, name)
		if before < 0 {
			return name
		}
		at = before
	}
}

// arguments are the variables available in FROM, by name.
func (d *File) arguments(platform string) map[string]string {
	args := map[string]string{}
	if os, rest, ok := strings.Cut(platform, "/"); ok {
		arch, variant, _ := strings.Cut(rest, "/")
		args["TARGETPLATFORM"], args["TARGETOS"], args["TARGETARCH"], args["TARGETVARIANT"] = platform, os, arch, variant
	}
	for _, line := range d.args {
		for _, word := range shellWords(line, d.escape) {
			name, value, given := strings.Cut(word, "=")
			if !given {
				continue // only the build can set a value
			}
			if value, ok := replaced(unquoted(value), args, d.escape); ok {
				args[name] = value
			} else {
				delete(args, name)
			}
		}
	}
	return args
}

// unquoted removes the quotes from a word.
func unquoted(word string) string {
	if n := len(word); n >= 2 && (word[0] == '"' || word[0] == '\'') && word[n-1] == word[0] {
		return word[1 : n-1]
	}
	return word
}

// argument matches a variable in a FROM: $NAME, ${NAME}, or with a word for a variable that is
// set (+) or unset (-).
var argument = lazy.New(`\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?)([-+])([^{}$]*))?\})`)

// replaced replaces variables in a text. It reports false if one has no value or an unsupported
// form.
func replaced(text string, args map[string]string, escape byte) (string, bool) {
	known := true
	out := argument.ReplaceAllStringFunc(text, func(found string) string {
		m := argument.FindStringSubmatch(found)
		value, set := args[m[1]+m[2]]
		if m[3] == ":" && value == "" {
			set = false
		}
		switch {
		case m[4] == "-" && !set, m[4] == "+" && set:
			return m[5]
		case m[4] == "+":
			return ""
		case !set:
			known = false
		}
		return value
	})
	if !known || len(out) > maxName || strings.ContainsAny(out, "$") || strings.IndexByte(out, escape) >= 0 {
		return "", false
	}
	return out, true
}
