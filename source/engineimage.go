package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// connect reaches an engine of one kind, if it answers.
type connect func(ctx context.Context, log *slog.Logger) (engine, error)

// engine reads an image from an engine, by the stream of its save.
func (o *opener) engine(ctx context.Context, reach connect, ref string) (_ *Image, err error) {
	e, err := reach(ctx, o.Log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	info, err := e.image(ctx, ref, o.Platform)
	if err != nil {
		return nil, err
	}
	what := e.name() + "://" + ref
	b, err := o.saved(ctx, e, ref, info)
	if err != nil {
		return nil, err // says already which engine and image
	}
	im, err := o.image(b, "", anyForm)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, errors.Join(err, b.close()))
	}
	im.Source = what
	if im.Name == "" {
		im.Name = ref
	}
	return im, nil
}
