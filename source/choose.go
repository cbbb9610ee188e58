package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A candidate is one image for one platform that an archive or folder lists.
type candidate struct {
	names    []string // as tagged; empty if untagged
	platform platform // zero if nothing says
	digest   string   // of its manifest, or of its config where there is no manifest
	missing  error    // why it cannot be opened, if not all of it is there
	open     func(context.Context) (*Image, error)
}

func (c candidate) String() string {
	var parts []string
	if len(c.names) > 0 {
		parts = append(parts, strings.Join(c.names, " "))
	} else {
		parts = append(parts, c.digest)
	}
	if c.platform.known() {
		parts = append(parts, "("+c.platform.String()+")")
	}
	if c.missing != nil {
		parts = append(parts, "[not all of it is here]")
	}
	return strings.Join(parts, " ")
}

func list(cs []candidate) string {
	lines := make([]string, len(cs))
	for i, c := range cs {
		lines[i] = "\n  " + c.String()
	}
	return strings.Join(lines, "")
}

// choose picks the one candidate that a tag ("" for none) and a platform ("" for
// the host's) ask for. Where that leaves a choice, the error lists it.
func choose(all []candidate, tag, wanted string) (candidate, error) {
	all = mergeDoubles(all)
	if len(all) == 0 {
		return candidate{}, absent("it lists no image")
	}
	if tag != "" {
		tagged, err := byTag(all, tag)
		if err != nil {
			return candidate{}, err
		}
		all = tagged
	}
	if several(all) {
		return candidate{}, fmt.Errorf("it holds several images; say which, as in docker-archive:FILE:NAME:%s", list(all))
	}
	return byPlatform(all, wanted)
}

// mergeDoubles makes one candidate of those with the same digest.
func mergeDoubles(all []candidate) []candidate {
	var out []candidate
	at := map[string]int{}
	for _, c := range all {
		if i, ok := at[c.digest]; ok {
			for _, name := range c.names {
				if !slices.Contains(out[i].names, name) {
					out[i].names = append(slices.Clip(out[i].names), name)
				}
			}
			continue
		}
		at[c.digest] = len(out)
		out = append(out, c)
	}
	return out
}

// several reports whether the candidates are more than the platforms of one
// image: those share their names and differ in platform. What has no name and is
// not all there (a signature that was left behind, say) is no choice.
func several(cs []candidate) bool {
	seen := map[string]bool{}
	var names []string
	first := true
	for _, c := range cs {
		if c.missing != nil && len(c.names) == 0 {
			continue
		}
		if first {
			names, first = c.names, false
		}
		if !slices.Equal(c.names, names) {
			return true
		}
		if c.missing == nil {
			p := c.platform.normal().String()
			if seen[p] {
				return true
			}
			seen[p] = true
		}
	}
	return false
}

// byTag keeps the candidates that a tag names: by their whole reference, by the
// tag alone, by digest, or as "@N", the N-th in the list, 0-based.
func byTag(all []candidate, tag string) ([]candidate, error) {
	if n, err := strconv.Atoi(strings.TrimPrefix(tag, "@")); err == nil && strings.HasPrefix(tag, "@") {
		if n < 0 || n >= len(all) {
			return nil, absent("it has no image %s; there are %d:%s", tag, len(all), list(all))
		}
		return all[n : n+1], nil
	}
	for _, same := range []func(name, tag string) bool{sameReference, sameTag} {
		var found []candidate
		for _, c := range all {
			if c.digest == tag || slices.ContainsFunc(c.names, func(name string) bool { return same(name, tag) }) {
				found = append(found, c)
			}
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, absent("it has no image %q; there are:%s", tag, list(all))
}

func sameReference(name, tag string) bool {
	return name == tag || fullName(name) == fullName(tag)
}

func sameTag(name, tag string) bool {
	return name[strings.LastIndexByte(name, ':')+1:] == tag
}

// byPlatform picks by platform among those that are all there; if none is, the
// error says what is missing.
func byPlatform(cs []candidate, wanted string) (candidate, error) {
	want := hostPlatform()
	if wanted != "" {
		var err error
		if want, err = parsePlatform(wanted); err != nil {
			return candidate{}, err
		}
	}
	var best *candidate
	var present []candidate
	var missing error
	for i, c := range cs {
		fits := c.platform.fit(want)
		if c.missing != nil {
			if fits > 0 || len(cs) == 1 {
				missing = c.missing
			}
			continue
		}
		present = append(present, c)
		if fits > 0 && (best == nil || fits > best.platform.fit(want)) {
			best = &cs[i]
		}
	}
	switch {
	case best != nil:
		return *best, nil
	case wanted != "" && missing != nil:
		return candidate{}, fmt.Errorf("%s is listed, but not all of it is here: %w", want, missing)
	case wanted != "":
		return candidate{}, absent("it is not there for %s; there is:%s", want, list(cs))
	case len(present) == 1:
		return present[0], nil
	case len(present) == 0 && missing != nil:
		return candidate{}, missing
	case len(present) == 0:
		return candidate{}, errors.Join(fmt.Errorf("none of what it lists is all there:%s", list(cs)), cs[0].missing)
	}
	return candidate{}, fmt.Errorf("it is not there for %s; choose with --platform:%s", want, list(present))
}
