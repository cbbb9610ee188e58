package dockerfile

import (
	"strings"

	"github.com/peelhq/peel/internal/lazy"
)

// Scratch is what FROM has for no base image at all.
const Scratch = "scratch"

// maxName bounds a name, and the value of a variable, in bytes: one that holds others
// twice doubles with each.
const maxName = 4096

// Base returns the image that the last stage is built on, through the earlier stages
// that it names: "python:3.12", or Scratch. Variables have the defaults that ARG
// gives them before the first FROM; platform is the image's, "linux/amd64", for those
// that a builder sets by itself. "" if it cannot be told: a variable has no default.
// Source: the Dockerfile reference, "Understand how ARG and FROM interact".
func (d *File) Base(platform string) string {
	args := d.arguments(platform)
	for at := len(d.stages) - 1; ; {
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

// arguments are the variables that a FROM can name, by name.
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
				continue // it has a value only if the build gives it one
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

// unquoted takes the quotes off a word.
func unquoted(word string) string {
	if n := len(word); n >= 2 && (word[0] == '"' || word[0] == '\'') && word[n-1] == word[0] {
		return word[1 : n-1]
	}
	return word
}

// argument is a variable in a FROM: $NAME, ${NAME}, or one with a word for the case
// that it is set (+) or not (-).
var argument = lazy.New(`\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?)([-+])([^{}$]*))?\})`)

// replaced puts the values of variables into a text. It reports false where one has no
// value, or is written in a form that is not understood.
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
