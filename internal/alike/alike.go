// Package alike finds the word that a mistyped word was meant to be.
package alike

import (
	"cmp"
	"slices"
)

// maxWord bounds the words to compare, in bytes: comparing two words takes time in proportion
// to the product of their lengths.
const maxWord = 255

// Nearest returns the n words most similar to wanted, the most similar first.
func Nearest(words []string, wanted string, n int) []string {
	return nearest(words, wanted, n, 2*maxWord)
}

// Meant returns the word that wanted is probably a typo of: the nearest one, if at most a third
// of its letters differ, or "" if there is none.
func Meant(words []string, wanted string) string {
	if len(wanted) > maxWord {
		return ""
	}
	for _, w := range nearest(words, wanted, 1, max(1, len(wanted)/3)) {
		return w
	}
	return ""
}

// nearest is Nearest, limited to words within the distance most.
func nearest(words []string, wanted string, n, most int) []string {
	type ranked struct {
		word string
		cost int
	}
	var all []ranked
	for _, w := range words {
		if cost := distance(w[:min(len(w), maxWord)], wanted[:min(len(wanted), maxWord)]); cost <= most {
			all = append(all, ranked{w, cost})
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.cost, b.cost) })
	var out []string
	for _, r := range all[:min(n, len(all))] {
		out = append(out, r.word)
	}
	return out
}

// distance returns how many letters must be changed, or swapped with the next one, to turn one
// word into the other (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			cost := last[j]
			if a[i] != b[j] {
				cost++
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				cost = min(cost, before[j-1]+1)
			}
			row[j+1] = min(cost, last[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
