package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/source/engine"
)

// containerdAll are the images in all namespaces of all places.
type containerdAll struct {
	images     []*containerdFound
	namespaces []string // sorted, without duplicates
	places     []*containerdPlace
}

// maxContainerdNamespaces is the maximum number of namespaces searched in one containerd. Real
// ones have a few.
const maxContainerdNamespaces = 1000

// containerdNamed lists all images. Images or namespaces that are removed meanwhile are left out.
func containerdNamed(ctx context.Context, places []*containerdPlace) (*containerdAll, error) {
	all := &containerdAll{places: places}
	for _, p := range places {
		names, err := p.names.Namespaces(ctx)
		if err != nil {
			return nil, err
		}
		if len(names) > maxContainerdNamespaces {
			return nil, fmt.Errorf("containerd (%s): more than %d namespaces", p.what, maxContainerdNamespaces)
		}
		slices.Sort(names)
		for _, n := range names {
			images, err := p.names.Images(ctx, n)
			switch {
			case errors.Is(err, ErrNotFound):
				continue
			case err != nil:
				return nil, err
			}
			slices.SortFunc(images, func(a, b engine.ContainerdImage) int { return strings.Compare(a.Name, b.Name) })
			for _, im := range images {
				all.images = append(all.images, &containerdFound{im, p})
			}
			all.namespaces = append(all.namespaces, n)
		}
	}
	slices.Sort(all.namespaces)
	all.namespaces = slices.Compact(all.namespaces)
	return all, nil
}

// find returns the places that have the image that rest, "[NAMESPACE/]NAME", names; it is the
// same image in all of them. The first word is a namespace if a namespace of that name has such
// an image. Otherwise find searches all namespaces.
func (a *containerdAll) find(rest string) ([]*containerdFound, error) {
	namespace, name, ok := strings.Cut(rest, "/")
	if ok && slices.Contains(a.namespaces, namespace) {
		if found := a.best(namespace, name); len(found) > 0 {
			return one(found, rest)
		}
	}
	found := a.best("", rest)
	if len(found) == 0 {
		return nil, a.notFound(rest)
	}
	return one(found, rest)
}

// best returns the images of a namespace ("" for all) that match a name best: by the stored name,
// else the name completed as Docker does, else the digest, else the first digits of the digest.
func (a *containerdAll) best(namespace, name string) []*containerdFound {
	var out []*containerdFound
	rank := noFit
	full := containerdName(name)
	for _, f := range a.images {
		if namespace != "" && f.Namespace != namespace {
			continue
		}
		switch r := f.fits(name, full); {
		case r < rank:
			out, rank = []*containerdFound{f}, r
		case r == rank && r < noFit:
			out = append(out, f)
		}
	}
	return out
}

// How well a name matches an image.
const (
	fitsAsStored = iota
	fitsCompleted
	fitsDigest
	fitsDigits
	noFit
)

// leastDigits is the minimum number of digits that name an image by its digest.
const leastDigits = 4

// fits returns how well a name matches; full is the name as Docker completes it.
func (f *containerdFound) fits(name, full string) int {
	digits := strings.TrimPrefix(name, "sha256:")
	repo, of, byDigest := strings.Cut(full, "@")
	stored, _, _ := strings.Cut(f.Name, "@")
	switch {
	case f.Name == name:
		return fitsAsStored
	case f.Name == full:
		return fitsCompleted
	case f.Digest == name, byDigest && of == f.Digest && repository(stored) == repo, "sha256:"+digits == f.Name, "sha256:"+digits == f.Digest:
		return fitsDigest
	case len(digits) >= leastDigits && isHex(digits) && (strings.HasPrefix(f.Name, "sha256:"+digits) || strings.HasPrefix(f.Digest, "sha256:"+digits)):
		return fitsDigits
	}
	return noFit
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// repository returns a stored name without its tag.
func repository(name string) string {
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[:i]
	}
	return name
}

// containerdName completes a name as Docker and nerdctl do: "app" is
// "docker.io/library/app:latest".
func containerdName(name string) string {
	full := fullName(name)
	if rest, ok := strings.CutPrefix(full, "index.docker.io/"); ok {
		return "docker.io/" + rest
	}
	return full
}

// one returns the result if it is a single image. If several namespaces have different images,
// the namespace from the environment wins.
func one(found []*containerdFound, name string) ([]*containerdFound, error) {
	if sameDigest(found) {
		return found, nil
	}
	if meant := engine.ContainerdNamespace(); meant != "" {
		in := slices.DeleteFunc(slices.Clone(found), func(f *containerdFound) bool { return f.Namespace != meant })
		if len(in) > 0 && sameDigest(in) {
			return in, nil
		}
	}
	several := false
	for _, f := range found {
		several = several || f.place != found[0].place
	}
	var lines []string
	for _, f := range found[:min(len(found), maxListed)] {
		line := clean.Line(f.ref())
		if several && f.place.api != nil {
			line = "CONTAINERD_ADDRESS=" + clean.Line(f.place.what) + " with " + line
		} else if several {
			line = clean.Line(f.place.what) + ": " + line
		}
		lines = append(lines, fmt.Sprintf("\n  %s  %s", line, clean.Line(shortDigits(f.Digest))))
	}
	if more := len(found) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("\n  and %d more", more))
	}
	return nil, fmt.Errorf("containerd://%s: several images fit; open one of them:%s", name, strings.Join(lines, ""))
}

func sameDigest(found []*containerdFound) bool {
	return !slices.ContainsFunc(found, func(f *containerdFound) bool { return f.Digest != found[0].Digest })
}

// shortDigits returns the first digits of a digest.
func shortDigits(digest string) string {
	algorithm, digits, _ := strings.Cut(digest, ":")
	return algorithm + ":" + digits[:min(len(digits), 12)]
}

// notFound is the error if no namespace has an image. It says where peel looked, and lists
// similar names.
func (a *containerdAll) notFound(name string) error {
	var at []string
	for _, p := range a.places {
		at = append(at, p.what)
	}
	where := "no namespaces found"
	if len(a.namespaces) > 0 {
		where = "looked in " + enumerated(a.namespaces[:min(len(a.namespaces), maxListed)], "and")
	}
	var like []string
	base := lastWord(name)
	for _, f := range a.images {
		if lastWord(f.Name) == base && digestHex(f.Name) == "" && len(like) < 5 {
			like = append(like, f.ref())
		}
	}
	if first, _, ok := strings.Cut(name, "/"); ok && !strings.ContainsAny(first, ".:") && !slices.Contains(a.namespaces, first) {
		where += "; no namespace " + first
	}
	hint := "; run peel images for a list"
	if len(like) > 0 {
		hint = "; did you mean " + strings.Join(like, ", ") + "?"
	}
	return &notFoundError{errors.New(clean.Line(fmt.Sprintf("containerd (%s): %s: no such image (%s)%s", strings.Join(at, ", "), name, where, hint)))}
}

// lastWord returns the last component of a name without tag and digest: "app" for
// "ghcr.io/me/app:1".
func lastWord(name string) string {
	name, _, _ = strings.Cut(name, "@")
	name = repository(name)
	return name[strings.LastIndexByte(name, '/')+1:]
}

// listed returns the images for a list. It drops names by digest if the image has another name in
// the same namespace, and lists each name by digest once.
func (a *containerdAll) listed() []*containerdFound {
	type target struct {
		place             *containerdPlace
		namespace, digest string
	}
	byTag := func(f *containerdFound) bool { return digestHex(f.Name) == "" && !strings.Contains(f.Name, "@") }
	tagged := map[target]bool{}
	for _, f := range a.images {
		if byTag(f) {
			tagged[target{f.place, f.Namespace, f.Digest}] = true
		}
	}
	var out []*containerdFound
	for _, f := range a.images {
		t := target{f.place, f.Namespace, f.Digest}
		if !byTag(f) {
			if tagged[t] {
				continue
			}
			tagged[t] = true
		}
		out = append(out, f)
	}
	return out
}
