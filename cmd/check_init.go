package cmd

import (
	"bytes"
	"cmp"
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

// initRules writes a rules file that says what the defaults, a .dive-ci and the
// flags say, in the working directory or where --config wants it. A file that is
// there already stays.
func (a *app) initRules(ctx context.Context, flags *checkFlags, config *pflag.Flag) error {
	name := peelFile
	if config.Changed {
		if name = flags.config; name == "" || name == noConfig {
			return usage("peel check --init, without --config", "--init writes a file, and --config says there is to be none")
		}
	}
	r := newRuleset()
	dir, err := os.Getwd()
	if err != nil {
		return failed("", "looking for %s: %w", diveFile, err)
	}
	found, err := findNearest(searched(dir), diveFile)
	if err != nil {
		return failed("", "%w", err)
	}
	if found != "" {
		if err := r.readRules(found, false); err != nil {
			return usage("", "%w", err)
		}
	}
	if err := flags.apply(r); err != nil {
		return err
	}
	r.base = cmp.Or(a.base, r.base)
	if err := writeNew(name, r.file()); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return failed("", "%s is there already, and stays as it is", name)
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

// writeNew writes a file that must not be there yet, not even as a link to
// nowhere. One that could not be written whole is removed.
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

const fileHead = `# What an image of this repository must keep to; "peel check IMAGE" reads it
# here and in the directories below. A flag of the same name beats a line here;
# a rule that no line names keeps its default. "off" switches a rule off.
# Shares are 0.95 or 95%, sizes 20MB, 64MiB or 512 (bytes). More: docs/check.md
`

const globHelp = `# Globs: "*.pem" and ".git" at any depth, "/srv/*.key" from the root on, "**" for
# any number of directories, with all that lies below; "!/etc/ssl" excepts.
`

// file is a rules file that says what r says. What it leaves as it is stands
// there as a comment, with a value to show how it is written.
func (r *ruleset) file() []byte {
	var b bytes.Buffer
	b.WriteString(fileHead)
	for i := range settings {
		s := &settings[i]
		b.WriteByte('\n')
		for line := range strings.SplitSeq(fold(s.long, 76), "\n") {
			b.WriteString("# " + line + "\n")
		}
		if s.name == "forbid" {
			b.WriteString(globHelp)
		}
		given := r.given[s.name]
		if s.name == "base" && r.base != "" {
			given = []string{r.base}
		}
		switch text, isDefault := defaults[s.name]; {
		case len(given) == 0 && isDefault:
			b.WriteString(s.name + ": " + text + "\n")
		case len(given) == 0 && s.many():
			b.WriteString("#" + s.name + ":\n#  - " + yamlText(s.try) + "\n")
		case len(given) == 0:
			b.WriteString("#" + s.name + ": " + yamlText(s.try) + "\n")
		case s.many() && given[0] != off:
			b.WriteString(s.name + ":\n")
			for _, g := range given {
				b.WriteString("  - " + yamlText(g) + "\n")
			}
		default:
			b.WriteString(s.name + ": " + yamlText(given[0]) + "\n")
		}
	}
	b.WriteString("\n# The breach of a rule is an \"error\", which fails the check, or a \"warn\".\n")
	warned := false
	for i := range settings {
		s := &settings[i]
		if s.limit == nil {
			continue
		}
		if on, severity := s.limit(r); *on && *severity == analyze.Warning {
			if !warned {
				b.WriteString(severityKey + ":\n")
			}
			warned = true
			b.WriteString("  " + s.name + ": warn\n")
		}
	}
	if !warned {
		b.WriteString("#" + severityKey + ":\n#  max-layers: warn\n")
	}
	return b.Bytes()
}

// yamlText writes a value so that YAML takes it for the text that it is: as it
// is if it is plainly a word or a number, else quoted.
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

// fold breaks text into lines of at most so many bytes, at spaces.
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
