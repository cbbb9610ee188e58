package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/peelhq/peel/source/engine"
)

// An engineKind is one kind of engine: how to reach it, and what is known about its files. Its
// methods serve as a row of kinds.
type engineKind struct {
	name    string
	connect func(ctx context.Context, log *slog.Logger) (engine.Engine, error)

	// store opens an image from the files of a local engine. Its layers may not
	// be scanned yet. Nil if the files are not understood.
	store func(ctx context.Context, o *opener, e engine.Engine, ref string, info engine.Image) (*Image, error)

	// details adds to a list of images, from the files of a local engine, what the engine's API
	// does not report. Nil if nothing can be added.
	details func(ctx context.Context, l *lister, e engine.Engine, images []LocalImage)

	// openAlone and listAlone work without the engine, which did not respond because of reason.
	// Nil if images can't be read without the engine.
	openAlone func(ctx context.Context, o *opener, ref string, reason error) (*Image, error)
	listAlone func(ctx context.Context, l *lister, reason error) ([]LocalImage, error)

	// below opens the layers below a container whose image has been removed. Nil if the engine
	// does not keep them.
	below func(ctx context.Context, o *opener, is *engine.Container) (*Image, error)

	// diffIDsAlone and relativesAlone also work without the engine: see diffIDs and relatives.
	diffIDsAlone   func(ctx context.Context, ref string, reason error) ([]string, error)
	relativesAlone func(ctx context.Context, im *Image, reason error) ([]Relative, error)

	// containerAlone and containersAlone do the same for containers.
	containerAlone  func(ctx context.Context, o *opener, ref string, reason error) (foundContainer, error)
	containersAlone func(ctx context.Context, l *lister, reason error) ([]LocalImage, error)
}

// open opens the image that ref names.
func (k *engineKind) open(ctx context.Context, o *opener, ref string) (*Image, error) {
	e, err := k.connect(ctx, o.Log)
	switch {
	case err == nil:
		return k.from(ctx, o, e, ref)
	case k.openAlone == nil || ctx.Err() != nil:
		return nil, err
	}
	return k.openAlone(ctx, o, ref, err)
}

// list lists the images of the engine.
func (k *engineKind) list(l *lister, ctx context.Context) ([]LocalImage, error) { //nolint:revive // as kind.list is, for method expressions
	e, err := k.connect(ctx, l.Log)
	switch {
	case err == nil:
	case k.listAlone != nil && ctx.Err() == nil:
		return k.listAlone(ctx, l, err)
	case errors.Is(err, ErrNoEngine):
		return nil, fmt.Errorf("%s: %w", k.name, ErrNoEngine)
	default:
		return nil, err
	}
	images, err := l.engineImages(ctx, e)
	if err == nil && e.Local() && k.details != nil {
		k.details(ctx, l, e, images)
	}
	return images, errors.Join(err, e.Close())
}

// diffIDs returns the diffIDs of the image that ref names, lowest first.
func (k *engineKind) diffIDs(ctx context.Context, im *Image, ref string) (_ []string, err error) {
	e, err := k.connect(ctx, im.logger())
	if err != nil {
		if k.diffIDsAlone == nil || ctx.Err() != nil {
			return nil, err
		}
		return k.diffIDsAlone(ctx, ref, err)
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	info, err := e.Image(ctx, ref, nil)
	if err == nil && len(info.DiffIDs) == 0 {
		err = errors.New("the engine does not list its layers")
	}
	return info.DiffIDs, err
}

// from reads an image of an engine: from its store if possible, else by its API. It closes e.
func (k *engineKind) from(ctx context.Context, o *opener, e engine.Engine, ref string) (_ *Image, err error) {
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
		return k.byAPI(ctx, o, e, ref, info)
	}
	im, err := k.fromStore(ctx, o, e, ref, info)
	switch {
	case err == nil:
		o.Log.Debug("reading the engine's store", "engine", e.Name(), "image", ref)
		return im, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, errListed):
		return nil, err
	case o.Via == ViaStore:
		return nil, fmt.Errorf("%s://%s: reading the engine's store: %w", e.Name(), ref, err)
	}
	o.Log.Debug("the engine's store is not used", "engine", e.Name(), "image", ref, "reason", err)
	return k.byAPI(ctx, o, e, ref, info)
}

// fromStore reads an image from the engine's files.
func (k *engineKind) fromStore(ctx context.Context, o *opener, e engine.Engine, ref string, info engine.Image) (*Image, error) {
	if k.store == nil {
		return nil, errors.New("peel cannot read the files of such an engine")
	}
	if !e.Local() {
		return nil, errors.New("the engine does not answer at a socket of this machine")
	}
	return o.scanStore(ctx, k.name+"://"+ref, func() (*Image, error) { return k.store(ctx, o, e, ref, info) })
}

// byAPI reads an image from the stream of the engine's save.
func (k *engineKind) byAPI(ctx context.Context, o *opener, e engine.Engine, ref string, info engine.Image) (*Image, error) {
	what := e.Name() + "://" + ref
	b, err := o.saved(ctx, e, ref, info)
	if err != nil {
		if im, ok := o.withoutLayers(ctx, e, ref, info); ok {
			im.Source = what
			return im, nil
		}
		return nil, err // names the engine and the image already
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
		return k.open(ctx, o, info.ID)
	})
	return im, nil
}

// withoutLayers makes an image without layers from the config that the engine reports. Docker
// before version 25 can't save such an image.
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

// noFiles is the bundle of an image without files.
type noFiles struct{}

func (noFiles) file(_ context.Context, name string) (blob, error) {
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (noFiles) close() error { return nil }

// reopenByAPI returns a function that opens an image by ID through the engine's API, with its
// contents kept.
func (k *engineKind) reopenByAPI(o *opener, id string) *reopener {
	second := &opener{Options: Options{Platform: o.Platform, KeepContent: true, Via: ViaAPI, Log: o.Log}, ref: id}
	return newReopener("the engine's API", o.Log, func(ctx context.Context) (*Image, error) { return k.open(ctx, second, id) })
}

// wantedOf converts a wanted platform to an engine's request. It returns nil for "",
// which accepts any platform that the engine has.
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

// platformOf converts an engine's word for a platform.
func platformOf(p engine.Platform) platform {
	return platform{os: p.OS, arch: p.Architecture, variant: p.Variant, version: p.OSVersion}
}
