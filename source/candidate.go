package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// A candidate is one image for one platform that an archive or folder lists, as
// far as the list tells. What the list leaves open is found out by look, which is
// a request where the images are in a registry.
type candidate struct {
	names    []string // as tagged; empty if untagged
	platform platform // zero if nothing says
	digest   string   // of its manifest, or of its config where there is no manifest
	line     int      // of the list: what one line leads to is one image
	doubt    bool     // its names may be others, or it may be no image at all

	// look returns what the candidate turns out to be: itself, or, if it is an
	// index, several. Nil: there is nothing more to find out.
	look func(context.Context) ([]candidate, error)

	// open finds the image's config and layers. The error wraps fs.ErrNotExist
	// if what describes the image is not there, and is an artifactError if the
	// candidate is no image.
	open func(context.Context) (*Image, error)

	// What look has found:
	config   string // digest of the config
	artifact string // what it is, if it is no image: "a Helm chart"
	broken   error  // why it cannot be opened
}

// missing reports whether the candidate is listed, but not here.
func (c *candidate) missing() bool { return errors.Is(c.broken, fs.ErrNotExist) }

// lookAt finds out all there is to know of the candidates, but for those that
// enough is known of.
func lookAt(ctx context.Context, all []candidate, enough func(*candidate) bool) ([]candidate, error) {
	var out []candidate
	for _, c := range all {
		if c.look == nil || enough(&c) {
			out = append(out, c)
			continue
		}
		found, err := c.look(ctx)
		if err != nil {
			return nil, err
		}
		if len(found) == 1 && found[0].look == nil {
			out = append(out, found[0])
			continue
		}
		if found, err = lookAt(ctx, found, enough); err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// nothing is known well enough without a look.
func nothing(*candidate) bool { return false }

// mergeDoubles makes one candidate of those with the same digest and platform.
func mergeDoubles(all []candidate) []candidate {
	type same struct {
		digest   string
		platform platform
	}
	out := make([]candidate, 0, len(all))
	at := map[same]int{}
	named := map[string]bool{} // the names that each digest has
	for _, c := range all {
		key := same{c.digest, c.platform}
		i, double := at[key]
		names := c.names
		if !double {
			i, at[key] = len(out), len(out)
			c.names = nil
			out = append(out, c)
		}
		for _, name := range names {
			if id := fmt.Sprint(i, " ", name); !named[id] {
				named[id] = true
				out[i].names = append(out[i].names, name)
			}
		}
	}
	return out
}

// images are the candidates that are images, or may be; and what the others are.
func images(all []candidate) (out []candidate, others []string) {
	for _, c := range all {
		if c.artifact == "" {
			out = append(out, c)
			continue
		}
		what := "it is " + c.artifact
		if len(c.names) > 0 {
			what = c.names[0] + " is " + c.artifact
		}
		if !slices.Contains(others, what) && len(others) < maxListed {
			others = append(others, what)
		}
	}
	return out, others
}
