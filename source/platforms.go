package source

import (
	"context"
	"errors"
	"log/slog"
	"slices"
)

// Platforms returns the platforms that the image of a name is there for, as
// Options.Platform takes them, in the order in which they are listed. Of an image that
// only a stream gives, as that of an engine whose files cannot be read, the
// whole stream is read. opts.Platform does not count.
func Platforms(ctx context.Context, ref string, opts Options) ([]string, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	opts.Platform = ""
	var list []string
	im, err := open(ctx, ref, opts, &list)
	switch {
	case len(list) > 0: // whatever was tried after that
		return list, nil
	case err != nil:
		return nil, err
	}
	// There was nothing to choose from.
	return []string{im.FullPlatform()}, im.Close()
}

// errListed says that the platforms of an image were listed instead of opening it.
var errListed = errors.New("the platforms are listed")

// listAll puts the platforms of the candidates, which are one image, into ch.platforms:
// those that are not here are left out, unless none is.
func (ch choice) listAll(ctx context.Context, cs []candidate) error {
	cs, err := lookAt(ctx, cs, nothing)
	if err != nil {
		return err
	}
	cs, others := images(mergeDoubles(cs))
	if len(cs) == 0 {
		return noImage(others)
	}
	there := here(cs)
	there = slices.DeleteFunc(there, func(c candidate) bool { return c.missing() })
	if len(there) == 0 {
		there = cs
	}
	for _, c := range there {
		if name := c.platform.full(); c.platform.known() && !slices.Contains(*ch.platforms, name) {
			*ch.platforms = append(*ch.platforms, name)
		}
	}
	if len(*ch.platforms) == 0 {
		*ch.platforms = []string{""} // the only one there is, which does not say what it runs on
	}
	return errListed
}
