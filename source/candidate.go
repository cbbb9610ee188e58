package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// A candidate is one image for one platform in an archive or folder, as far as
// the list describes it. look finds the rest; for images in a registry that
// takes a request.
type candidate struct {
	names    []string // as tagged; empty if untagged
	platform platform // zero if unknown
	digest   string   // of its manifest, or of its config if it has no manifest
	line     int      // line of the list; everything that one line leads to is one image
	doubt    bool     // its names may be wrong, or it may not be an image

	// look returns what the candidate turns out to be: itself, or several candidates if it is an
	// index. Nil if nothing is left to find out.
	look func(context.Context) ([]candidate, error)

	// open finds the image's config and layers. The error wraps fs.ErrNotExist
	// if the image's description is missing, and is an artifactError if the
	// candidate is not an image.
	open func(context.Context) (*Image, error)

	// What look has found:
	config   string // digest of the config
	artifact string // kind of artifact, if it is not an image: "a Helm chart"
	broken   error  // why it can't be opened
}

// missing reports whether the candidate is listed but not present.
func (c *candidate) missing() bool { return errors.Is(c.broken, fs.ErrNotExist) }

// lookAt inspects all candidates that are not known well enough yet.
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

// nothing reports that no candidate needs a look.
func nothing(*candidate) bool { return false }

// mergeDoubles merges candidates with the same digest and platform.
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

// images splits the candidates into those that are or may be images, and the kinds of the others.
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
