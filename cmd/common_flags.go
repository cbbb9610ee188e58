package cmd

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/peelhq/peel/source"
)

// Every command inherits root's flags, which say how an image is opened. A command that opens none,
// or that has no use for some of them, refuses those: a flag that does nothing would only mislead.

// registryFlags are the common flags about registries and object stores.
var registryFlags = []string{"offline", "insecure-registry"}

// engineFlags are the common flags about engines.
var engineFlags = []string{"engine", "via"}

// lacks makes commands refuse common flags.
func (a *app) lacks(names []string, commands ...*cobra.Command) {
	for _, c := range commands {
		for _, name := range names {
			inherited := a.top.PersistentFlags().Lookup(name)
			c.Flags().AddFlag(&pflag.Flag{
				Name: name, Shorthand: inherited.Shorthand, Value: refusedFlag{c, name}, NoOptDefVal: inherited.NoOptDefVal, Hidden: true,
			})
		}
	}
}

// takes makes a command refuse all common flags but --verbose and these.
func (a *app) takes(c *cobra.Command, lists ...[]string) *cobra.Command {
	kept := slices.Concat(lists...)
	var others []string
	a.top.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "verbose" && !slices.Contains(kept, f.Name) {
			others = append(others, f.Name)
		}
	})
	a.lacks(others, c)
	return c
}

// refuses reports whether a command refuses a common flag.
func refuses(c *cobra.Command, name string) bool {
	f := c.Flags().Lookup(name)
	if f == nil {
		return false
	}
	_, ok := f.Value.(refusedFlag)
	return ok
}

// checkPlatform rejects a malformed --platform before an image is opened: not the image is at fault.
func (a *app) checkPlatform(c *cobra.Command) error {
	if a.platform == allPlatforms {
		if path := c.CommandPath(); path != "peel check" && path != "peel fleet plan" {
			return usage("--platform linux/arm64", "only peel check and peel fleet plan take --platform all")
		}
		return nil
	}
	err := source.CheckPlatform(a.platform)
	if err == nil {
		return nil
	}
	if f := c.Flags().Lookup("platform"); f != nil && len(f.Annotations[byEnvironment]) > 0 {
		return usage("", "%s in the environment: %w", variable("platform"), err)
	}
	return usage("", "--%w", err)
}

// given returns the common flags that were set, one word each, without those that a command of this
// name refuses.
func (a *app) given(command string) []string {
	var words []string
	c, _, err := a.top.Find([]string{command})
	a.top.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Changed || len(f.Annotations[byEnvironment]) > 0 || err == nil && refuses(c, f.Name) {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			switch {
			case f.Name == "verbose":
			case f.Value.Type() == "bool" && v == "true":
				words = append(words, "--"+f.Name)
			default:
				words = append(words, "--"+f.Name+"="+v)
			}
		}
	})
	return words
}

// refusedFlag is the value of a common flag that a command refuses. It implements pflag.Value.
type refusedFlag struct {
	c    *cobra.Command
	name string
}

func (r refusedFlag) Set(string) error { return &refusedError{r} }
func (refusedFlag) String() string     { return "" }
func (refusedFlag) Type() string       { return "refused" }

// refusedError says that a command was given a flag that it refuses.
type refusedError struct{ flag refusedFlag }

func (e *refusedError) Error() string {
	return fmt.Sprintf("%s doesn't use --%s", e.flag.c.CommandPath(), e.flag.name)
}
