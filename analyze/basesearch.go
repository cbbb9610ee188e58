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

// How long the base is looked for, while the layers are read: in all, and in the
// engines of this machine.
const (
	baseTime   = 8 * time.Second
	engineTime = 2 * time.Second
)

// A baseSearch looks for an image's base while its layers are being read. Nothing but
// the sums depends on it.
type baseSearch struct {
	guess Base // what the image itself tells
	end   context.CancelFunc
	done  chan struct{} // closed once found is there
	found Base
}

// searchBase begins to look for the base. The search ends by itself, or with end; ctx
// is not waited for.
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
		limit = time.Hour // that is waited for
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

// wait waits until the base is found, or known not to be. If ctx ends before, it is
// what the image itself tells.
func (s *baseSearch) wait(ctx context.Context) Base {
	select {
	case <-s.done:
		return s.found
	case <-ctx.Done():
		s.end()
		return s.guess
	}
}

// ready returns what wait would, if that is known already.
func (s *baseSearch) ready() (Base, bool) {
	select {
	case <-s.done:
		return s.found, true
	default:
		return s.guess, false
	}
}

// A baseName is a name that the base may have.
type baseName struct {
	by      BaseBy
	name    string
	trusted bool // the reader has given it, not the image
}

// lookForBase looks for the base in all places that opts allows, at once, and returns
// what the first of them in the order of BaseBy has found.
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

// find looks for the image of that name: in engines, within here; in the cache; and in
// the registry, if where allows it. A Base of BaseDefault says that it is not there, or
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
		return Base{} // an image that names itself would have nothing of its own
	}
	return Base{Layers: len(ids), Name: n.name, By: n.by, Sure: true}
}

// relativeBase takes an image of this machine for the base whose layers are the
// lowest: the one with most layers, for an image is built on what stands in its FROM,
// and not on what that was built on. Left out are images without a tag, which are steps
// of builds, and those of the image's own repository, which are older builds of it.
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

// repositoryOf is a name without its registry, tag and digest: the same build may be
// tagged for several registries.
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
