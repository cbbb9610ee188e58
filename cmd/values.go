package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/peelhq/peel/internal/alike"
)

// choice is a flag that takes one of a few words; "" if it isn't given.
type choice struct {
	what  string // what a word is, for messages: "engine"
	words []string
	value string
}

var _ pflag.Value = (*choice)(nil)

func (c *choice) String() string { return c.value }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return unknownWord(c.what, s, c.words)
	}
	c.value = s
	return nil
}

func (c *choice) Type() string { return strings.Join(c.words, "|") }

// unknownWord returns the error for a word that isn't one of words.
func unknownWord(what, word string, words []string) error {
	meant := alike.Meant(words, word)
	if meant != "" {
		meant = fmt.Sprintf("did you mean %s? ", meant)
	}
	return fmt.Errorf("unknown %s %q: %suse %s", what, word, meant, strings.Join(words, ", "))
}
