package source

import (
	"context"
	"errors"
	"log/slog"
	"slices"
)

// Platforms returns the platforms that an image exists for, in the form of Options.Platform and
// in listed order. It ignores opts.Platform. If the image comes only as a stream (from an engine
// whose files can't be read, for example), it reads the whole stream.
func Platforms(ctx context.Context, ref string, opts Options) ([]string, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	opts.Platform = ""
	var list []string
	im, err := open(ctx, ref, opts, &list)
	switch {
	case len(list) > 0: // despite any later error
		return list, nil
	case err != nil:
		return nil, err
	}
	// There was only one image.
	return []string{im.FullPlatform()}, im.Close()
}

// errListed says that the platforms of an image were listed instead of opening it.
var errListed = errors.New("the platforms are listed")

// listAll puts the platforms of the candidates of one image into ch.platforms. It skips missing
// ones unless all are missing.
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
		*ch.platforms = []string{""} // the only one, and its platform is unknown
	}
	return errListed
}
