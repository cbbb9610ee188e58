package grep

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// maxNeeds is the maximum number of texts to search a block for instead of the expression.
const maxNeeds = 12

// needed returns texts such that each match of an expression contains at least one of them,
// since searching for texts is many times faster than matching. It returns nil if there are
// none. With fold, the texts are in lower case, and must be searched in a lower-case copy of
// the line.
func needed(re *syntax.Regexp) (needs [][]byte, fold bool) {
	var n needing
	all := n.of(re)
	slices.Sort(all)
	for _, s := range slices.Compact(all) {
		if n.fold {
			s = strings.ToLower(s) // it's ASCII, or case-sensitive: see folded
		}
		needs = append(needs, []byte(s))
	}
	if n.fold && slices.ContainsFunc(all, notASCII) {
		return nil, false // a case-sensitive text can't be found in lower case
	}
	return needs, n.fold
}

// needing computes the texts that an expression needs.
type needing struct {
	fold bool // part of it matches both cases
}

// of returns the texts of which one is needed.
func (n *needing) of(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return []string{string(re.Rune)}
		}
		if s := plainRun(re.Rune); s != "" {
			n.fold = true
			return []string{s}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return n.of(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return n.of(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if some := n.of(sub); shortest(some) > shortest(best) {
				best = some
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			some := n.of(sub)
			if some == nil || len(all)+len(some) > maxNeeds {
				return nil
			}
			all = append(all, some...)
		}
		return all
	}
	return nil
}

// shortest returns the length of the shortest text, or 0 if there is none.
func shortest(all []string) int {
	least := 0
	for i, s := range all {
		if i == 0 || len(s) < least {
			least = len(s)
		}
	}
	return least
}

// plainRun returns, in lower case, the longest run of a text whose other spellings differ only
// in the case of ASCII letters. Two letters have a third spelling: k (the Kelvin sign) and s
// (the long s).
func plainRun(text []rune) string {
	runs := strings.FieldsFunc(strings.ToLower(string(text)), func(r rune) bool { return r > 0x7f || r == 'k' || r == 's' })
	best := ""
	for _, run := range runs {
		if len(run) > len(best) {
			best = run
		}
	}
	return best
}

func notASCII(s string) bool { return strings.ContainsFunc(s, func(r rune) bool { return r > 0x7f }) }
