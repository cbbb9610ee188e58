package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// A choice selects one of several images.
type choice struct {
	ref      string // the reference without the tag, for lists of images
	tag      string // "" for none
	platform string // "" for the host's
	repo     string // repository of a registry, where images are named by digest; "" elsewhere

	// platforms receives the platforms that the image exists for, instead of opening it. Nil to
	// open it.
	platforms *[]string
}

// choose opens the requested image. If several match, the error lists them. It also opens an
// incomplete image.
func (ch choice) choose(ctx context.Context, all []candidate) (*Image, error) {
	wanted := platform{}
	if ch.platform != "" {
		var err error
		if wanted, err = parsePlatform(ch.platform); err != nil {
			return nil, err
		}
	}
	all = mergeDoubles(all)
	cs, err := ch.tagged(ctx, &all)
	if err != nil {
		return nil, err
	}
	if cs, err = ch.oneImage(ctx, cs, &all); err != nil {
		return nil, err
	}
	return ch.byPlatform(ctx, cs, all, wanted)
}

// tagged keeps the candidates that the tag names. It replaces all with the inspected candidates.
func (ch choice) tagged(ctx context.Context, all *[]candidate) ([]candidate, error) {
	if len(*all) == 0 {
		return nil, absent("it lists no image")
	}
	if ch.tag == "" {
		return *all, nil
	}
	number, byNumber := strings.CutPrefix(ch.tag, "@")
	if !byNumber {
		// Candidates without names may be meant too.
		if found := taggedAs(*all, ch.tag); len(found) > 0 && !slices.ContainsFunc(found, func(c candidate) bool { return c.doubt && c.look != nil }) {
			return found, nil
		}
	}
	looked, err := lookAt(ctx, *all, nothing)
	if err != nil {
		return nil, err
	}
	looked = mergeDoubles(looked)
	if !byNumber {
		if found := taggedAs(looked, ch.tag); len(found) > 0 {
			*all, _ = images(looked)
			return found, nil
		}
	}
	var others []string
	*all, others = images(looked)
	if len(*all) == 0 {
		return nil, noImage(others)
	}
	if n, err := strconv.Atoi(number); err == nil && byNumber {
		if n < 0 || n >= len(*all) {
			return nil, absent("it has no image %s; there are %d:%s", ch.tag, len(*all), ch.list(*all, *all))
		}
		return (*all)[n : n+1], nil
	}
	return nil, absent("it has no image %q; there are:%s", ch.tag, ch.list(*all, *all))
}

// taggedAs returns the candidates that a tag names: by full reference, by tag alone, or by
// digest.
func taggedAs(all []candidate, tag string) []candidate {
	full := fullName(tag)
	for _, same := range []func(name string) bool{
		func(name string) bool { return name == tag || fullName(name) == full },
		func(name string) bool { return name[strings.LastIndexByte(name, ':')+1:] == tag },
	} {
		var found []candidate
		for _, c := range all {
			if c.digest == tag || c.config == tag || slices.ContainsFunc(c.names, same) {
				found = append(found, c)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// noImage is the error if nothing that matches is an image: "app:1 is a Helm chart".
func noImage(others []string) error {
	if len(others) == 1 {
		return fmt.Errorf("not an image: %s", others[0])
	}
	return fmt.Errorf("it lists no images, only:\n  %s", strings.Join(others, "\n  "))
}

// oneImage makes sure that the candidates are one image, for several platforms
// or in several formats: they come from one line of the list, or they have the
// same names and either differ in platform or are the same image. It replaces
// all as tagged does.
func (ch choice) oneImage(ctx context.Context, cs []candidate, all *[]candidate) ([]candidate, error) {
	if sameLine(cs) {
		return cs, nil
	}
	cs, err := lookAt(ctx, cs, nothing)
	if err != nil {
		return nil, err
	}
	cs, others := images(mergeDoubles(cs))
	if len(cs) == 0 {
		return nil, noImage(others)
	}
	if ch.tag == "" {
		*all = cs
	}
	if several(here(cs)) {
		return nil, fmt.Errorf("it holds several images; open one of them:%s", ch.list(here(cs), *all))
	}
	return cs, nil
}

// here drops candidates that have no name and are not present (an orphaned signature, for
// example).
func here(cs []candidate) []candidate {
	return slices.DeleteFunc(slices.Clone(cs), func(c candidate) bool { return c.missing() && len(c.names) == 0 })
}

func sameLine(cs []candidate) bool {
	return !slices.ContainsFunc(cs, func(c candidate) bool { return c.line != cs[0].line })
}

// several reports whether the inspected candidates are several images.
func several(cs []candidate) bool {
	if len(cs) == 0 || sameLine(cs) {
		return false
	}
	configs := map[platform]string{}
	lines := map[platform]int{}
	for _, c := range cs {
		if !slices.Equal(c.names, cs[0].names) {
			return true
		}
		if c.broken != nil {
			continue
		}
		p := c.platform.normal()
		config, ok := configs[p]
		if ok && lines[p] != c.line && config != c.config {
			return true
		}
		configs[p], lines[p] = c.config, c.line
	}
	return false
}

// byPlatform opens the candidate that best fits the wanted platform (by default the host's), the
// first of equals. If that one is missing or incomplete, it opens another that fits. If no
// platform was requested and only one candidate is present, it opens that one.
func (ch choice) byPlatform(ctx context.Context, cs, all []candidate, wanted platform) (*Image, error) {
	if ch.platforms != nil {
		return nil, ch.listAll(ctx, cs)
	}
	asked := wanted != platform{}
	if !asked {
		if len(cs) == 1 {
			return ch.open(ctx, cs[0])
		}
		wanted = hostPlatform()
	}
	cs, err := lookAt(ctx, cs, func(c *candidate) bool { return !c.doubt && c.platform.tells(wanted) })
	if err != nil {
		return nil, err
	}
	cs, others := images(mergeDoubles(cs))
	if len(cs) == 0 {
		return nil, noImage(others)
	}
	if ch.tag == "" {
		all = cs
	}
	var fitting, rest []candidate
	for _, c := range cs {
		if c.platform.fit(wanted) > 0 {
			fitting = append(fitting, c)
		} else {
			rest = append(rest, c)
		}
	}
	slices.SortStableFunc(fitting, func(a, b candidate) int { return b.platform.fit(wanted) - a.platform.fit(wanted) })
	im, reason, err := ch.firstWhole(ctx, fitting)
	switch {
	case err != nil || im.whole():
		return im, err
	case im != nil && asked:
		return im, nil
	case asked && reason != nil:
		return nil, fmt.Errorf("%s is listed, but not all of it is here: %w", wanted.full(), reason)
	case asked:
		return nil, absent("it does not exist for %s, only for:%s", wanted.full(), ch.listPlatforms(cs, all))
	}
	return ch.onlyOne(ctx, im, reason, rest, cs, all)
}

// firstWhole opens the first candidate that is present with all its layers, else the first one
// that is present at all. reason is why a candidate is missing.
func (ch choice) firstWhole(ctx context.Context, cs []candidate) (im *Image, reason, err error) {
	for _, c := range cs {
		opened, err := ch.open(ctx, c)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if reason == nil {
				reason = err
			}
		case err != nil:
			return nil, nil, err
		case opened.whole():
			return opened, nil, nil
		case im == nil:
			im = opened
		}
	}
	return im, reason, nil
}

// onlyOne opens the only image that is present if none is present for the host's platform.
// Otherwise it returns im, which may be incomplete.
func (ch choice) onlyOne(ctx context.Context, im *Image, reason error, rest, cs, all []candidate) (*Image, error) {
	var whole, partial *Image
	wholes, partials := 0, 0
	for _, c := range rest {
		opened, err := ch.open(ctx, c)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if reason == nil {
				reason = err
			}
		case err != nil:
			return nil, err
		case opened.whole():
			whole, wholes = opened, wholes+1
		default:
			partial, partials = opened, partials+1
		}
		if wholes > 1 {
			break
		}
	}
	switch {
	case wholes == 1:
		return whole, nil
	case wholes == 0 && im != nil:
		return im, nil
	case wholes == 0 && partials == 1:
		return partial, nil
	case wholes+partials == 0:
		return nil, fmt.Errorf("none of the images it lists is here:%s\n  %w", ch.listPlatforms(cs, all), reason)
	}
	return nil, fmt.Errorf("it does not exist for %s; choose a platform:%s", hostPlatform().full(), ch.listPlatforms(cs, all))
}

// open opens a candidate, or the images that it leads to if it turns out to be an index.
func (ch choice) open(ctx context.Context, c candidate) (*Image, error) {
	im, err := c.open(ctx)
	if !errors.Is(err, errIndexInDisguise) {
		return im, err
	}
	inside, err := c.look(ctx)
	if err != nil {
		return nil, err
	}
	return choice{ref: ch.ref, platform: ch.platform, platforms: ch.platforms}.choose(ctx, inside)
}
