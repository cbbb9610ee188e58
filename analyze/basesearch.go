package analyze

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/source"
)

// Time limits on the search for the base while the layers are read: in total, and in the engines
// of this machine.
const (
	baseTime   = 8 * time.Second
	engineTime = 2 * time.Second
)

// A baseSearch looks for an image's base while its layers are read. Only the sums depend on the
// result.
type baseSearch struct {
	guess Base // the base according to the image
	end   context.CancelFunc
	done  chan struct{} // closed when found is set
	found Base
}

// searchBase starts the search for the base. It ends by itself or when end is called.
func searchBase(ctx context.Context, im *source.Image, opts Options) (*baseSearch, error) {
	guess, final, err := baseAtOnce(im, opts)
	if err != nil {
		return nil, err
	}
	s := &baseSearch{guess: guess, found: guess, done: make(chan struct{}), end: func() {}}
	if final {
		close(s.done)
		return s, nil
	}
	limit := baseTime
	if opts.Base != "" {
		limit = time.Hour // the user waits for the result
	}
	ctx, s.end = context.WithTimeout(context.WithoutCancel(ctx), limit)
	go func() {
		defer close(s.done)
		defer s.end()
		err := crash.Do(func() error {
			s.found = lookForBase(ctx, im, opts, guess)
			return nil
		})
		if err != nil {
			s.found = guess
			s.found.Missing = err.Error()
		}
	}()
	return s, nil
}

// wait waits for the result of the search. If ctx ends first, it returns the base according to
// the image.
func (s *baseSearch) wait(ctx context.Context) Base {
	select {
	case <-s.done:
		return s.found
	case <-ctx.Done():
		s.end()
		return s.guess
	}
}

// ready returns the result of wait if it is available.
func (s *baseSearch) ready() (Base, bool) {
	select {
	case <-s.done:
		return s.found, true
	default:
		return s.guess, false
	}
}

// A baseName is a possible name of the base.
type baseName struct {
	by      BaseBy
	name    string
	trusted bool // the user named it, not the image
}

// lookForBase searches all places that opts allows at the same time, and returns the first result
// in the order of BaseBy.
func lookForBase(ctx context.Context, im *source.Image, opts Options, guess Base) Base {
	if opts.Base != "" {
		return askedBase(ctx, im, opts.Base, guess)
	}
	if guess.Sure { // FROM scratch
		return guess
	}
	var names []baseName
	for _, name := range annotatedNames(im) {
		names = append(names, baseName{BaseAnnotations, name, false})
	}
	for _, d := range opts.Dockerfiles {
		d, _ = dockerfile.For(im, d)
		name := d.Base(im.Platform)
		if name != dockerfile.Scratch && source.IsImageName(name) {
			names = append(names, baseName{BaseDockerfile, name, true})
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	here, cancel := context.WithTimeout(ctx, engineTime)
	defer cancel()
	places := make([]chan Base, 0, len(names)+1)
	look := func(find func() Base) {
		place := make(chan Base, 1)
		places = append(places, place)
		go func() {
			var b Base
			if err := crash.Do(func() error { b = find(); return nil }); err != nil {
				b = Base{}
			}
			place <- b
		}()
	}
	for _, n := range names {
		look(func() Base { return n.find(ctx, here, im, opts.Search) })
	}
	if guess.By != BaseDockerfile {
		look(func() Base { return relativeBase(here, im) })
	}
	for _, place := range places {
		select {
		case b := <-place:
			if b.By != BaseDefault {
				return b
			}
		case <-ctx.Done():
			return guess
		}
	}
	return guess
}

// find looks for the image of that name: in engines, within here; in the cache; and in the
// registry, if where allows it. It returns a Base with BaseDefault if the image is not found or
// is not the base.
func (n baseName) find(ctx, here context.Context, im *source.Image, where BaseSearch) Base {
	fits := func(ids []string, err error) bool { return err == nil && len(ids) > 0 && common(im, ids) == len(ids) }
	ids, err := im.LocalDiffIDsOf(here, n.name)
	for _, quiet := range []bool{true, false} {
		if fits(ids, err) {
			break
		}
		if quiet || where == SearchRegistries {
			ids, _, err = im.RegistryDiffIDsOf(ctx, n.name, n.trusted, quiet)
		}
	}
	if !fits(ids, err) || n.by == BaseAnnotations && (len(ids) == len(im.Layers) || repositoryOf(n.name) == repositoryOf(im.Name)) {
		return Base{} // an image that names itself would have no layers of its own
	}
	return Base{Layers: len(ids), Name: n.name, By: n.by, Sure: true}
}

// relativeBase selects the image of this machine that is the base: of those that consist of the
// lowest layers, the one with the most layers, because that is the image in FROM and not a base
// of that image. It skips images without a tag (intermediate build steps) and images in the same
// repository (older builds).
func relativeBase(ctx context.Context, im *source.Image) Base {
	all := im.Relatives(ctx)
	own := map[string]bool{repositoryOf(im.Name): true}
	for _, r := range all {
		if len(r.DiffIDs) == len(im.Layers) {
			for _, name := range r.Names { // other tags of the image itself
				own[repositoryOf(name)] = true
			}
		}
	}
	var best Base
	for _, r := range all {
		if len(r.DiffIDs) >= len(im.Layers) {
			continue
		}
		for _, name := range r.Names {
			if own[repositoryOf(name)] {
				continue
			}
			b := Base{Layers: len(r.DiffIDs), Name: name, By: BaseImage}
			if cmp.Or(cmp.Compare(b.Layers, best.Layers), cmp.Compare(len(b.Name), len(best.Name)), strings.Compare(best.Name, b.Name)) > 0 {
				best = b
			}
		}
	}
	return best
}

// repositoryOf returns a name without registry, tag and digest: one build may be tagged for
// several registries.
func repositoryOf(name string) string {
	name, _, _ = strings.Cut(name, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name = name[:colon]
	}
	parts := strings.Split(name, "/")
	if len(parts) > 1 && (strings.ContainsAny(parts[0], ".:") || parts[0] == "localhost") {
		parts = parts[1:]
	}
	if len(parts) > 1 && parts[0] == "library" {
		parts = parts[1:]
	}
	return strings.Join(parts, "/")
}
