package dockerfile

import (
	"fmt"
	"strings"
	"testing"
)

func TestBase(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"an image", "FROM python:3.12\nRUN x\n", "python:3.12"},
		{"the last stage's", "FROM golang AS build\nRUN x\nFROM debian:12\nCOPY --from=build /x /x\n", "debian:12"},
		{"through a stage", "FROM python:3.12 AS base\nRUN x\nFROM golang\nFROM Base AS final\nRUN y\n", "python:3.12"},
		{"through two", "FROM a AS b\nFROM b AS c\nFROM c\n", "a"},
		{"a stage of its own name", "FROM python AS python\n", "python"},
		{"a platform", "FROM --platform=$BUILDPLATFORM python:3.12\n", "python:3.12"},
		{"nothing", "FROM scratch\nCOPY x /\n", "scratch"},
		{"a default", "ARG V=3.12\nFROM python:${V}\n", "python:3.12"},
		{"a default in quotes", "ARG V=\"3.12\"\nFROM \"python:$V\"\n", "python:3.12"},
		{"a default of another", "ARG V=3.12\nARG IMAGE=python:$V\nFROM $IMAGE\n", "python:3.12"},
		{"several in a line", "ARG A=python B=3.12\nFROM $A:$B\n", "python:3.12"},
		{"the later default", "ARG V=1\nARG V=2\nFROM a:$V\n", "a:2"},
		{"a default where it is used", "FROM python:${V:-3.12}\n", "python:3.12"},
		{"an empty value", "ARG V=\nFROM python:${V:-3.12}${V-x}\n", "python:3.12"},
		{"a word where it is set", "ARG SLIM=1\nFROM python:3${SLIM:+-slim}${FAT:+-fat}\n", "python:3-slim"},
		{"no default", "ARG V\nFROM python:$V\n", ""},
		{"nothing declared", "FROM python:$V\n", ""},
		{"declared in a stage", "FROM a AS b\nARG V=1\nFROM python:$V\n", ""},
		{"a form that is not understood", "ARG V=3.12\nFROM python:${V%.12}\n", ""},
		{"an empty name", "ARG V=\nFROM $V\n", ""},
		{"the platform's architecture", "FROM a AS base-amd64\nFROM b AS base-arm64\nFROM base-$TARGETARCH\n", "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Parse("Dockerfile", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Base("linux/arm64/v8"); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestBaseOfVariablesThatDouble checks that variables that each contain the previous one twice
// don't use up memory.
func TestBaseOfVariablesThatDouble(t *testing.T) {
	var b strings.Builder
	b.WriteString("ARG V0=aaaaaaaaaaaaaaaa\n")
	for i := range 5000 {
		fmt.Fprintf(&b, "ARG V%d=$V%d$V%d\n", i+1, i, i)
	}
	b.WriteString("FROM $V5000\n")
	d, err := Parse("Dockerfile", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Base(""); got != "" {
		t.Errorf("got a name of %d bytes", len(got))
	}
}

// TestBaseLine checks the line of the FROM that brings the base image, with any stages in
// between.
func TestBaseLine(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"one stage", "# a comment\n\nFROM debian\nRUN x\n", 3},
		{"the last stage's", "FROM golang AS build\nRUN x\nFROM debian:12\n", 3},
		{"through a stage", "FROM python AS base\nRUN x\nFROM golang\nFROM Base AS final\nRUN y\n", 1},
		{"a stage of its own name", "ARG V=1\nFROM python AS python\n", 2},
		{"continued", "FROM \\\n  debian\nRUN x\n", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Parse("Dockerfile", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := d.BaseLine(); got != c.want {
				t.Errorf("line %d, want %d", got, c.want)
			}
		})
	}
}
