package source

import (
	"fmt"
	"strings"

	"github.com/peelhq/peel/internal/lazy"
)

// list gives the reference of each candidate, ready to paste, and what distinguishes it from the
// others. all are the candidates that a number can choose from.
func (ch choice) list(cs, all []candidate) string {
	lines := map[string]int{}         // by name
	severalLines := map[string]bool{} // names that several images share
	for _, c := range all {
		for _, name := range c.names {
			if line, ok := lines[name]; ok && line != c.line {
				severalLines[name] = true
			}
			lines[name] = c.line
		}
	}
	number := ch.numbering(all)
	return listed(cs, func(c *candidate) string {
		for _, name := range c.names {
			if plainTag.MatchString(name) && !severalLines[name] {
				return quoted(ch.ref + ":" + name)
			}
		}
		return number(c)
	})
}

// listPlatforms is list for candidates that are one image for several platforms.
func (ch choice) listPlatforms(cs, all []candidate) string {
	number := ch.numbering(all)
	ref := ch.ref
	if ch.tag != "" {
		ref += ":" + ch.tag
	}
	had := map[platform]bool{}
	return listed(cs, func(c *candidate) string {
		if !c.platform.known() || had[c.platform] {
			return number(c)
		}
		had[c.platform] = true
		return quoted(ref) + " --platform " + quoted(c.platform.full())
	})
}

// numbering returns the suffix that selects a candidate without a unique name: its number among
// all, or its digest in a registry.
func (ch choice) numbering(all []candidate) func(*candidate) string {
	numbers := numbered(all)
	return func(c *candidate) string {
		if ch.repo != "" {
			return quoted("registry://" + ch.repo + "@" + c.digest)
		}
		return quoted(fmt.Sprintf("%s:@%d", ch.ref, numbers[c.digest]))
	}
}

// numbered returns the candidates' numbers by digest.
func numbered(all []candidate) map[string]int {
	numbers := map[string]int{}
	for i, c := range all {
		if _, ok := numbers[c.digest]; !ok {
			numbers[c.digest] = i
		}
	}
	return numbers
}

// maxListed is the maximum number of images that an error lists.
const maxListed = 50

// listed lists candidates, one a line. Each line begins with the reference to open.
func listed(cs []candidate, words func(*candidate) string) string {
	var b strings.Builder
	for i, c := range cs {
		if i == maxListed {
			fmt.Fprintf(&b, "\n  and %d more", len(cs)-i)
			break
		}
		open := words(&c)
		b.WriteString("\n  " + open)
		var facts []string
		if c.platform.known() && !strings.Contains(open, " --platform ") {
			facts = append(facts, c.platform.full())
		}
		if len(c.names) == 0 {
			facts = append(facts, c.digest)
		}
		switch {
		case c.missing():
			facts = append(facts, "not all of it is here")
		case c.broken != nil:
			facts = append(facts, c.broken.Error())
		}
		if len(facts) > 0 {
			b.WriteString("  (" + strings.Join(facts, ", ") + ")")
		}
	}
	return b.String()
}

// plainTag matches a tag or reference that needs no quoting.
var plainTag = lazy.New(`^[A-Za-z0-9_][A-Za-z0-9._/:@+-]{0,254}$`)

var plainWord = lazy.New(`^[A-Za-z0-9_./:@%+=,-]+$`)

// quoted quotes a word for a shell.
func quoted(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
