package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
)

// initRules writes a rules file with the defaults, a .dive-ci and the flags, in
// the working directory or at --config. It does not overwrite a file.
func (a *app) initRules(ctx context.Context, flags *checkFlags, config *pflag.Flag) error {
	name := peelFile
	if config.Changed {
		if name = flags.config; name == "" || name == noConfig {
			return usage("peel check --init, without --config", "--init writes a rules file, but --config none uses none")
		}
	}
	r := analyze.NewRules()
	dir, err := os.Getwd()
	if err != nil {
		return failed("", "looking for %s: %w", diveFile, err)
	}
	found, err := findNearest(searched(dir), diveFile)
	if err != nil {
		return failed("", "%w", err)
	}
	if found != "" {
		if err := readRules(r, found, false); err != nil {
			return usage("", "%w", err)
		}
	}
	said := newRuling(r)
	if err := flags.apply(said, func(string) bool { return false }); err != nil {
		return err
	}
	if err := flags.growing(said); err != nil {
		return err
	}
	if a.base != "" {
		if err := r.SetBase(a.base); err != nil {
			return usage("", "--base %s: %w", a.base, err)
		}
	}
	if err := writeNew(name, fileOf(r)); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return failed("", "%s already exists, and stays unchanged", name)
		}
		return failed("", "cannot write the rules: %w", err)
	}
	return a.print(ctx, func(w io.Writer) error {
		said := "wrote " + name
		if found != "" {
			said += ", with the limits of " + found
		}
		_, err := fmt.Fprintln(w, clean.Line(said))
		return err
	})
}

// writeNew writes a file that must not exist, even as a dangling link. It removes an incomplete
// file.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

const fileHead = `# The rules for images of this repository. "peel check IMAGE" reads this file
# here and in the directories below. A flag of the same name overrides a line; a
# rule without a line keeps its default; "off" turns a rule off.
# Write shares as 0.95 or 95%, sizes as 20MB, 64MiB or 512 (bytes). More:
# https://github.com/peelhq/peel/blob/main/docs/check.md
`

// fileTail shows the keys that aren't settings.
const fileTail = `
# The Dockerfile of the image, relative to this file: findings name its lines.
# Without the key, peel uses ./Dockerfile or ./Containerfile if the image was
# built from it. "none" uses no Dockerfile.
#dockerfile: build/Dockerfile

# The image that max-growth compares with, or a report of it, as in --baseline.
#baseline: registry.example/app:main

# Images with rules of their own, by name or glob. These override the rules above.
# "peel check" without an image checks the images that are listed by name.
#images:
#  - name: registry.example/app
#    max-size: 200MB
#    dockerfile: app/Dockerfile
#  - name: registry.example/jobs/*
#    max-size: 1GB

# Findings that you accept: one by the id that the check prints, or all of a rule
# at some paths. Each waiver needs a reason. After its last day, it fails the check.
#waive:
#  - rule: forbid
#    path: /srv/app/testdata
#    reason: test keys, valid nowhere
#    until: 2030-01-31

# Rules to extend: files of this repository, or URLs with their digests.
#extends:
#  - ../rules/base.yaml
`

// fileOf returns a rules file for r. Unchanged settings are comments with an example value.
func fileOf(r *analyze.Rules) []byte {
	var b bytes.Buffer
	b.WriteString(fileHead)
	explained := map[*analyze.Kind]bool{}
	for _, s := range analyze.Settings() {
		b.WriteByte('\n')
		for line := range strings.SplitSeq(fold(s.PlainText(), 76), "\n") {
			b.WriteString("# " + line + "\n")
		}
		if s.IsRule() && s.Severity == analyze.Warning {
			b.WriteString("# It only warns, unless severity says otherwise.\n")
		}
		if !explained[s.Kind] {
			explained[s.Kind] = true
			b.WriteString(s.Kind.Comment)
		}
		switch given := r.Given(s); {
		case len(given) == 0 && s.Default != "":
			b.WriteString(s.Name + ": " + s.Default + "\n")
		case len(given) == 0 && s.Kind.Many:
			b.WriteString("#" + s.Name + ":\n#  - " + yamlText(s.Example) + "\n")
		case len(given) == 0:
			b.WriteString("#" + s.Name + ": " + yamlText(s.Example) + "\n")
		case s.Kind.Many && given[0] != analyze.Off:
			b.WriteString(s.Name + ":\n")
			for _, g := range given {
				b.WriteString("  - " + yamlText(g) + "\n")
			}
		default:
			b.WriteString(s.Name + ": " + yamlText(given[0]) + "\n")
		}
	}
	b.WriteString("\n# How severe a rule is: \"error\" fails the check, \"warn\" only warns.\n")
	weighed := false
	for _, s := range analyze.Settings() {
		if s.IsRule() && r.On(s) && r.Severity(s) != s.Severity {
			if !weighed {
				b.WriteString(severityKey + ":\n")
			}
			weighed = true
			b.WriteString("  " + s.Name + ": " + severityWord(r.Severity(s)) + "\n")
		}
	}
	if !weighed {
		b.WriteString("#" + severityKey + ":\n#  secret: error\n#  max-layers: warn\n")
	}
	b.WriteString(fileTail)
	return b.Bytes()
}

// severityWord is a severity as a rules file has it.
func severityWord(s analyze.Severity) string {
	if s == analyze.Error {
		return "error"
	}
	return "warn"
}

// yamlText writes a value so that YAML reads it as text: unquoted if it is plainly a word or a
// number.
func yamlText(s string) string {
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && (c == '.' || c == '-' || c == '%') {
			continue
		}
		return strconv.Quote(s)
	}
	if strings.EqualFold(s, "null") {
		return strconv.Quote(s)
	}
	return s
}

// fold breaks text at spaces, into lines of at most this many bytes.
func fold(text string, most int) string {
	var b strings.Builder
	line := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == 0:
		case line+1+len(word) > most:
			b.WriteByte('\n')
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += len(word)
	}
	return b.String()
}
