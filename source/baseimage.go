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

// # Finding base images
//
// The caller names a candidate; the functions here return the candidate's diffIDs from its config
// alone, without reading a layer. For which names an image may trigger a lookup, see
// knownRegistries.

// Limits on what Relatives asks of one engine.
const (
	maxRelatives    = 256 // images inspected: the newest ones that are older than the image
	relativesAtOnce = 8
)

// A Relative is a tagged image of an engine that consists of the lowest layers, or all layers, of
// another image.
type Relative struct {
	Names   []string // its tags, as the engine lists them
	DiffIDs []string // lowest first; at least one
}

// Relatives returns the tagged images of this machine's engines whose layers are im's lowest, in
// no particular order. It leaves out images without a tag (intermediate build steps and leftovers
// of older builds), and engines that do not answer within ctx.
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

// tagsOf returns those of an image's names that are tags.
func tagsOf(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return name == "" || strings.Contains(name, "<none>") || strings.Contains(name, "@")
	})
}

// mayBeOlder reports whether an image may have existed when im was built. Reproducible builds
// record no creation time, or a fixed one in the past.
func (im *Image) mayBeOlder(l engine.Listed) bool {
	return im.Created.Unix() <= 0 || l.Created.IsZero() || l.Created.Unix() <= im.Created.Unix()
}

// hasLowest reports whether im's lowest layers have these diffIDs. It is false for an empty list.
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

// knownRegistries are the public registries that may be asked for a base image that an image
// names in its own metadata. The author of the image controls that metadata, so any other host
// might be one that waits for such a request, or one inside a private network. A request to a
// public registry of base images reveals nothing.
var knownRegistries = []string{
	"docker.io", "ghcr.io", "quay.io", "gcr.io", "registry.k8s.io", "mcr.microsoft.com", "public.ecr.aws",
	"registry.access.redhat.com", "registry.redhat.io", "registry.fedoraproject.org", "registry.suse.com",
	"cgr.dev", "dhi.io", "nvcr.io", "registry.gitlab.com", "docker.elastic.co", "container-registry.oracle.com",
}

// RegistryDiffIDsOf returns the diffIDs of an image in a registry, lowest first, and its full
// name. It asks the registry only if it is one of knownRegistries or the registry of im, or if
// trusted reports that the user named it. If the image was opened offline, or if quiet is true,
// it uses the cache alone.
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
				return nil, "", errors.Join(fmt.Errorf("%s: not asked, because only the image names it", host), client.Close())
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

// TagDiffIDsOf is like RegistryDiffIDsOf for what the image's name refers to in its registry now.
// It always asks the registry, even if the cache has the tag. It fails if im was opened offline.
func (im *Image) TagDiffIDsOf(ctx context.Context, name string, trusted bool) ([]string, error) {
	if im.opened.Offline {
		return nil, errors.New("offline, peel asks no registry")
	}
	ids, _, err := im.RegistryDiffIDsOf(ctx, name, trusted, false)
	return ids, err
}

// registryHost returns the registry that im was read from, or "".
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

// baseOpener opens a possible base image with the options that im was opened with.
func (im *Image) baseOpener(ref string) *opener {
	opts := im.opened
	return &opener{Options: Options{
		Platform: im.basePlatform(), Log: im.logger(), Offline: opts.Offline, InsecureRegistries: opts.InsecureRegistries, Agent: opts.Agent,
	}, ref: ref, cache: openCache(opts.Cache, im.logger())}
}

// IsImageName reports whether a text may be the name of an image in a registry.
func IsImageName(name string) bool { return registry.IsName(name) }

// IsFile reports whether a text that may be an image name is the path of an existing file or
// folder.
func IsFile(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
