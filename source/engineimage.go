package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/peelhq/peel/source/engine"
)

// connect reaches an engine of one kind, if it answers.
type connect func(ctx context.Context, log *slog.Logger) (engine.Engine, error)

func openDocker(ctx context.Context, o *opener, name string) (*Image, error) {
	return o.engine(ctx, engine.Docker, name)
}

// engine reads an image from an engine, if that answers.
func (o *opener) engine(ctx context.Context, reach connect, ref string) (*Image, error) {
	e, err := reach(ctx, o.Log)
	if err != nil {
		return nil, err
	}
	return o.fromEngine(ctx, reach, e, ref)
}

// fromEngine reads an image of an engine: from its store if that can be read
// here, else by its API. It closes e, which reach has found.
func (o *opener) fromEngine(ctx context.Context, reach connect, e engine.Engine, ref string) (_ *Image, err error) {
	defer func() { err = errors.Join(err, e.Close()) }()
	want, err := wantedOf(o.Platform)
	if err != nil {
		return nil, err
	}
	info, err := e.Image(ctx, ref, want)
	if err != nil {
		return nil, err
	}
	if o.Via == ViaAPI {
		return o.fromAPI(ctx, reach, e, ref, info)
	}
	im, err := o.fromStore(ctx, e, ref, info)
	switch {
	case err == nil:
		o.Log.Debug("reading the engine's store", "engine", e.Name(), "image", ref)
		return im, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case o.Via == ViaStore:
		return nil, fmt.Errorf("%s://%s: reading the engine's store: %w", e.Name(), ref, err)
	}
	o.Log.Debug("the engine's store is not used", "engine", e.Name(), "image", ref, "reason", err)
	return o.fromAPI(ctx, reach, e, ref, info)
}

// fromAPI reads an image by the stream of an engine's save.
func (o *opener) fromAPI(ctx context.Context, reach connect, e engine.Engine, ref string, info engine.Image) (*Image, error) {
	what := e.Name() + "://" + ref
	b, err := o.saved(ctx, e, ref, info)
	if err != nil {
		if im, ok := o.withoutLayers(ctx, e, ref, info); ok {
			im.Source = what
			return im, nil
		}
		return nil, err // says already which engine and image
	}
	im, err := o.image(ctx, b, "", anyForm)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, errors.Join(err, b.close()))
	}
	im.Source = what
	if im.Name == "" {
		im.Name = ref
	}
	o.rereadable(im, func(ctx context.Context, o *opener) (*Image, error) {
		return o.engine(ctx, reach, info.ID)
	})
	return im, nil
}

// withoutLayers makes an image that has no layers of what the engine tells of it:
// Docker before version 25 does not save such an image.
func (o *opener) withoutLayers(ctx context.Context, e engine.Engine, ref string, info engine.Image) (*Image, bool) {
	if !info.NoLayers || ctx.Err() != nil {
		return nil, false
	}
	text, err := e.Config(ctx, ref)
	if err != nil {
		o.Log.Debug("the engine does not describe the image", "engine", e.Name(), "image", ref, "error", err)
		return nil, false
	}
	im, err := describeStored(info.ID, text, nil)
	if err != nil {
		return nil, false
	}
	if im.Name = info.ArchiveName(ref); im.Name == "" {
		im.Name = ref
	}
	im.origin = origin{bundle: noFiles{}, scan: o.scanOptions(), meter: o.meter, log: o.Log, cache: o.cache}
	return im, true
}

// noFiles is the bundle of an image of which there are no files.
type noFiles struct{}

func (noFiles) file(_ context.Context, name string) (blob, error) {
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (noFiles) close() error { return nil }

// reopenByAPI returns a function that opens an image, by its ID, by the API of the
// engine that reach finds, with its contents kept.
func (o *opener) reopenByAPI(reach connect, id string) func(context.Context) (*Image, error) {
	second := &opener{Options: Options{Platform: o.Platform, KeepContent: true, Via: ViaAPI, Log: o.Log}, ref: id}
	return func(ctx context.Context) (*Image, error) { return second.engine(ctx, reach, id) }
}

// wantedOf is a wanted platform as an engine is asked for it; nil for "", which
// is whatever the engine has.
func wantedOf(text string) (*engine.Wanted, error) {
	want, err := wantedPlatform(text)
	if err != nil || !want.known() {
		return nil, err
	}
	return &engine.Wanted{
		Platform: engine.Platform{OS: want.os, Architecture: want.arch, Variant: want.variant, OSVersion: want.version},
		Fits:     func(has engine.Platform) bool { return platformOf(has).fit(want) > 0 },
	}, nil
}

// platformOf is an engine's word for a platform as one of ours.
func platformOf(p engine.Platform) platform {
	return platform{os: p.OS, arch: p.Architecture, variant: p.Variant, version: p.OSVersion}
}
