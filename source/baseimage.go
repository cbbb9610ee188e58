package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/source/engine"
	"github.com/peelhq/peel/source/registry"
)

// # Looking for the image that another is built on
//
// The caller names a candidate; the functions here tell the candidate's diffIDs,
// from the config alone. None of them reads a layer. Which names an image may have
// looked up is a question of trust: see knownRegistries.

// Bounds on what Relatives asks of one engine.
const (
	maxRelatives    = 256 // images that are looked at, the newest that are older than the image
	relativesAtOnce = 8
)

// A Relative is a tagged image of an engine whose layers are the lowest ones of
// another image, or all of them.
type Relative struct {
	Names   []string // its tags, as the engine lists them
	DiffIDs []string // lowest first; at least one
}

// Relatives returns the tagged images of this machine's engines whose layers are
// im's lowest, in no order. Images without a tag are left out: they are steps of
// builds, or what an older build has left. What cannot be asked within ctx is left
// out too.
func (im *Image) Relatives(ctx context.Context) []Relative {
	var mu sync.Mutex
	var out []Relative
	var group errgroup.Group
	for _, k := range kinds() {
		if k.relatives == nil {
			continue
		}
		group.Go(func() error {
			return crash.Do(func() error {
				found, err := k.relatives(ctx, im)
				if err != nil {
					im.logger().Debug("images that may be the base", "in", k.form(), "error", err)
				}
				mu.Lock()
				defer mu.Unlock()
				out = append(out, found...)
				return nil
			})
		})
	}
	if err := group.Wait(); err != nil {
		im.logger().Debug("images that may be the base", "error", err)
	}
	return out
}

// relatives is Image.Relatives for one kind of engine.
func (k *engineKind) relatives(ctx context.Context, im *Image) (_ []Relative, err error) {
	e, err := k.connect(ctx, im.logger())
	if err != nil {
		if k.relativesAlone == nil || ctx.Err() != nil {
			return nil, err
		}
		return k.relativesAlone(ctx, im, err)
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	listed, err := e.List(ctx)
	if err != nil && len(listed) == 0 {
		return nil, err
	}
	listed = slices.DeleteFunc(listed, func(l engine.Listed) bool { return len(tagsOf(l.Tags)) == 0 || !im.mayBeOlder(l) })
	slices.SortStableFunc(listed, func(a, b engine.Listed) int { return cmp.Compare(b.Created.Unix(), a.Created.Unix()) })
	listed = listed[:min(len(listed), maxRelatives)]
	found := make([]Relative, len(listed))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(relativesAtOnce)
	for i, l := range listed {
		group.Go(func() error {
			return crash.Do(func() error {
				info, err := e.Image(inner, l.ID, nil)
				if err == nil && im.hasLowest(info.DiffIDs) {
					found[i] = Relative{tagsOf(l.Tags), info.DiffIDs}
				}
				return inner.Err()
			})
		})
	}
	err = group.Wait()
	return slices.DeleteFunc(found, func(r Relative) bool { return len(r.DiffIDs) == 0 }), err
}

// tagsOf are those of an engine's names for an image that are tags.
func tagsOf(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return name == "" || strings.Contains(name, "<none>") || strings.Contains(name, "@")
	})
}

// mayBeOlder reports whether an image may have been there when im was built. Builders
// that want the same bytes each time tell no time, or one long ago.
func (im *Image) mayBeOlder(l engine.Listed) bool {
	return im.Created.Unix() <= 0 || l.Created.IsZero() || l.Created.Unix() <= im.Created.Unix()
}

// hasLowest reports whether im's lowest layers are those with these diffIDs, of
// which there must be one at least.
func (im *Image) hasLowest(ids []string) bool {
	if len(ids) == 0 || len(ids) > len(im.Layers) {
		return false
	}
	for i, id := range ids {
		if id == "" || im.Layers[i].DiffID != id {
			return false
		}
	}
	return true
}

// knownRegistries are those that an image may have asked for its base by what it
// says of itself, which its maker has chosen: they serve base images to the
// public, so that a request to them tells nobody anything. Any other host could be
// one that waits for such a request, or one inside of a private network.
var knownRegistries = []string{
	"docker.io", "ghcr.io", "quay.io", "gcr.io", "registry.k8s.io", "mcr.microsoft.com", "public.ecr.aws",
	"registry.access.redhat.com", "registry.redhat.io", "registry.fedoraproject.org", "registry.suse.com",
	"cgr.dev", "dhi.io", "nvcr.io", "registry.gitlab.com", "docker.elastic.co", "container-registry.oracle.com",
}

// RegistryDiffIDsOf returns the diffIDs of an image in a registry, lowest first, and
// its name written out. The registry is asked only if it is one of knownRegistries
// or the one that im comes from, or if trusted says that the reader has named it; and
// never if the image was opened offline, nor if quiet is true: then the cache alone
// is looked into.
func (im *Image) RegistryDiffIDsOf(ctx context.Context, name string, trusted, quiet bool) (ids []string, full string, err error) {
	if !registry.IsName(name) {
		return nil, "", absent("%q: not the name of an image", name)
	}
	o := im.baseOpener("registry://" + name)
	defer func() { err = errors.Join(err, o.cache.close()) }()
	o.Offline = o.Offline || quiet
	client := o.registries()
	if !trusted {
		names, err := client.Names(name)
		if err != nil {
			return nil, "", errors.Join(err, client.Close())
		}
		for _, full := range names {
			if host, _, _ := strings.Cut(full, "/"); !o.Offline && !slices.Contains(knownRegistries, host) && host != im.registryHost() {
				return nil, "", errors.Join(fmt.Errorf("%s: not asked for a name that the image gives", host), client.Close())
			}
		}
	}
	found, err := client.Resolve(ctx, name)
	if err != nil {
		return nil, "", errors.Join(fromRegistry(err), client.Close())
	}
	b := newRemote(o, client, found)
	base, err := o.imageOnly(ctx, b)
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("%s: %w", found.Name, err), b.close())
	}
	for _, l := range base.Layers {
		ids = append(ids, l.DiffID)
	}
	return ids, found.Name, b.close()
}

// TagDiffIDsOf returns the diffIDs of what an image's name stands for in its registry
// now, as RegistryDiffIDsOf. It asks the registry, whatever the cache knows of the tag:
// if im was opened offline, it fails.
func (im *Image) TagDiffIDsOf(ctx context.Context, name string, trusted bool) ([]string, error) {
	if im.opened.Offline {
		return nil, errors.New("no registry is asked offline")
	}
	ids, _, err := im.RegistryDiffIDsOf(ctx, name, trusted, false)
	return ids, err
}

// registryHost is the registry that im was read from; "" if it was not.
func (im *Image) registryHost() string {
	name, ok := strings.CutPrefix(im.Source, "registry://")
	if !ok {
		return ""
	}
	if first, _, more := strings.Cut(name, "/"); more && (first == "localhost" || strings.ContainsAny(first, ".:")) {
		return first
	}
	return "docker.io"
}

// baseOpener opens an image that im may be built on, as im was opened.
func (im *Image) baseOpener(ref string) *opener {
	opts := im.opened
	return &opener{Options: Options{
		Platform: im.basePlatform(), Log: im.logger(), Offline: opts.Offline, InsecureRegistries: opts.InsecureRegistries, Agent: opts.Agent,
	}, ref: ref, cache: openCache(opts.Cache, im.logger())}
}

// IsImageName reports whether a text could be the name of an image in a registry.
func IsImageName(name string) bool { return registry.IsName(name) }

// IsFile reports whether a text that may be the name of an image is the path of a file
// or folder here.
func IsFile(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
