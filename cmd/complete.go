package cmd

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// offered is the annotation of a flag with the words that the shell completes it with.
const offered = "peel_offered"

// offer has the shell complete a flag of c with these words only.
func offer(c *cobra.Command, name string, words ...string) {
	f := c.Flag(name)
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[offered] = words
}

// registerOffers tells cobra what to offer if the shell asks. Cobra never forgets a flag that it
// was told about, so a process that runs many commands, as the tests do, would keep all of each.
func registerOffers(c *cobra.Command, args []string) {
	if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, cobra.ShellCompRequestCmd) }) {
		return
	}
	register := func(f *pflag.Flag) {
		if words, ok := f.Annotations[offered]; ok {
			_ = c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // can't fail: the flag exists
		}
	}
	c.PersistentFlags().VisitAll(register)
	c.LocalNonPersistentFlags().VisitAll(register)
	for _, sub := range c.Commands() {
		registerOffers(sub, args)
	}
}
