package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source/layer"
	"github.com/peelhq/peel/source/registry"
)

// maxDescribed is the maximum number of tags of a repository that are inspected, which takes
// requests: those with the highest versions.
const maxDescribed = 100

// Repository returns the tags of a repository in a registry as a place. ref is
// "registry://HOST/REPO", optionally with a trailing "/".
func Repository(ref string, opts Options) Place {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	repo := strings.TrimSuffix(strings.TrimPrefix(ref, "registry://"), "/")
	return Place{Name: "registry", list: func(ctx context.Context) ([]LocalImage, error) { return listRepository(ctx, repo, opts) }}
}

// IsRepository reports whether a reference names a repository as a place, not one image:
// "registry://HOST/REPO/".
func IsRepository(ref string) bool {
	return strings.HasPrefix(ref, "registry://") && strings.HasSuffix(ref, "/")
}

// listRepository lists a repository's tags with digest, size and age. It may return some tags
// along with an error that says what was left out.
func listRepository(ctx context.Context, repo string, opts Options) ([]LocalImage, error) {
	o := &opener{Options: opts, cache: openCache(opts.Cache, opts.Log)}
	client := o.registries()
	tags, more, err := client.Tags(ctx, repo)
	if err != nil {
		return nil, errors.Join(fromRegistry(err), client.Close(), o.cache.close())
	}
	slices.SortFunc(tags, func(a, b string) int { return cmp.Or(human.CompareVersions(b, a), strings.Compare(a, b)) })
	images := make([]LocalImage, len(tags))
	failed := make([]error, len(tags))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(remoteLayers)
	for i, tag := range tags {
		images[i] = LocalImage{Ref: "registry://" + repo + ":" + tag, Name: shortName(repo) + ":" + tag, Size: -1, Layers: -1}
		if i >= maxDescribed {
			continue
		}
		group.Go(func() error {
			failed[i] = o.describe(inner, client, &images[i])
			if errors.Is(failed[i], registry.ErrRateLimited) {
				return failed[i] // the others would fail too
			}
			return nil
		})
	}
	limited := group.Wait()
	if ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), client.Close(), o.cache.close())
	}
	return images, errors.Join(leftOut(repo, images, failed, more, limited), client.Close(), o.cache.close())
}

// leftOut says what is missing from the list of tags; nil if it is complete.
func leftOut(repo string, images []LocalImage, failed []error, more bool, limited error) error {
	var text []string
	if more {
		text = append(text, fmt.Sprintf("only the first %d tags are listed", len(images)))
	}
	if len(images) > maxDescribed {
		text = append(text, fmt.Sprintf("only %d of %d tags were looked into, those of the highest versions", maxDescribed, len(images)))
	}
	if limited != nil {
		text = append(text, limited.Error())
	} else {
		for i, err := range failed {
			if err != nil {
				text = append(text, fmt.Sprintf("%s: %v", images[i].Name, err))
			}
		}
	}
	if len(text) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s", repo, strings.Join(text[:min(len(text), maxTroubles)], "; "))
}

// maxTroubles is the maximum number of failures in a message.
const maxTroubles = 5

// describe adds details of a tag: the digest, and for the image of the wanted platform its stored
// size, its layers and its age. An artifact that is not an image gets only a digest.
func (o *opener) describe(ctx context.Context, client *registry.Client, im *LocalImage) error {
	found, err := client.Resolve(ctx, strings.TrimPrefix(im.Ref, "registry://"))
	if err != nil {
		return err
	}
	im.ID = found.Digest.String()
	one := &opener{Options: o.Options, ref: im.Ref, cache: o.cache, budget: layer.NewBudget(maxIndex)}
	b := newRemote(one, client, found)
	defer func() { _ = b.shelf.Close() }()
	opened, err := one.imageOnly(ctx, b)
	if err != nil {
		if own := (*registry.Error)(nil); errors.As(err, &own) {
			return err
		}
		o.Log.Debug("a tag that is not described", "image", im.Ref, "error", err)
		return nil
	}
	im.opened(opened)
	im.Size = 0
	for _, l := range opened.Layers {
		im.Size += l.size
	}
	return nil
}
