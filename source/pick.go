package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/peelhq/peel/source/layer"
)

// image opens the wanted image of a bundle.
func (o *opener) image(ctx context.Context, b bundle, tag string, as form) (*Image, error) {
	im, err := o.chooser(b, tag).from(ctx, b, as)
	if err != nil {
		return nil, err
	}
	im.origin = origin{bundle: b, scan: o.scanOptions(), meter: o.meter, log: o.Log, cache: o.cache, opened: o.Options}
	for _, l := range im.Layers {
		if passed, ok := l.reader.(*layer.Passed); ok && l.Err == nil {
			if err := l.take(passed.Scan(ctx, im.scan)); err != nil {
				return nil, err
			}
		}
	}
	return im, nil
}

// imageOnly is the wanted image of a registry for which only a description is available.
func (o *opener) imageOnly(ctx context.Context, b *remote) (*Image, error) {
	return o.chooser(b, "").from(ctx, b, ociForm)
}

// chooser returns the function that selects the wanted image of a bundle.
func (o *opener) chooser(b bundle, tag string) choice {
	ch := choice{ref: strings.TrimSuffix(o.ref, ":"+tag), tag: tag, platform: o.Platform, platforms: o.platforms}
	if r, ok := b.(*remote); ok {
		ch.repo = r.found.Repository.Name()
	}
	return ch
}

// from opens the selected image: by index.json, which says more, or by
// manifest.json if no index exists or the index leads to an incomplete image.
func (ch choice) from(ctx context.Context, b bundle, as form) (*Image, error) {
	var partial *Image
	var ociErr, dockerErr error
	if as != dockerForm {
		im, err := ch.chooseFrom(ctx, b, ociCandidates)
		if im.whole() || err == nil && as == ociForm || err != nil && !fallsBack(err) {
			return im, err
		}
		partial, ociErr = im, err
	}
	if as != ociForm {
		im, err := ch.chooseFrom(ctx, b, dockerCandidates)
		switch {
		case err == nil && (im.whole() || partial == nil):
			return im, nil
		case partial != nil:
			return partial, nil
		}
		dockerErr = err
	}
	err := unlisted(as, ociErr, dockerErr)
	if errors.Is(err, errNoList) || errors.Is(err, errNoManifest) || errors.Is(err, errNoIndex) {
		if is := resembles(ctx, b, ch.ref); is != "" {
			err = fmt.Errorf("%w; %s", err, is)
		}
	}
	return nil, err
}

// These say that a bundle has no list of images, or not the one of the requested form.
var (
	errNoList     = errors.New("not an image: it has neither a manifest.json (docker archive) nor an index.json (OCI layout)")
	errNoManifest = errors.New("not a docker archive: it has no manifest.json")
	errNoIndex    = errors.New("not an OCI layout: it has no index.json")
)

// rootFiles are typical files of root filesystems.
var rootFiles = []string{"bin", "etc", "usr", "bin/sh", "etc/passwd", "etc/os-release", "usr/bin/env", "usr/lib/os-release", "Windows/System32"}

// resembles says what a bundle without images looks like and what to do, or "". ref is the
// requested reference.
func resembles(ctx context.Context, b bundle, ref string) string {
	there := func(name string) bool {
		_, err := b.file(ctx, name)
		return err == nil || errors.Is(err, errNotRegular)
	}
	if there("manifest.json") || there("index.json") {
		return "" // an image of another form
	}
	if there("repositories") {
		return "it looks like an archive of Docker before 1.10: load it into an engine, and save it again"
	}
	_, isFolder := b.(*folder)
	local := true // dir: and rootfs: can read it
	if k, rest := kindOf(ref); k != nil && rest != "" {
		ref, local = rest, strings.HasPrefix(k.takes, "FILE") || strings.HasPrefix(k.takes, "DIR")
	}
	found := 0
	for _, name := range rootFiles {
		if there(name) {
			found++
		}
	}
	if found >= 2 && isFolder {
		return "it looks like a root filesystem: dir:" + ref + " opens it as one layer"
	}
	if found >= 2 && local {
		return "it looks like a root filesystem, as docker export writes it: rootfs:" + ref + " opens it as one layer, and docker save writes an image"
	}
	if m, ok := b.(interface{ layoutBelow() string }); ok {
		if dir := m.layoutBelow(); dir != "" {
			return fmt.Sprintf("its folder %q looks like an OCI layout: its files must be at the top level", dir)
		}
	}
	if isFolder {
		return "dir:" + ref + " opens a folder of any files as one layer"
	}
	if !local {
		return ""
	}
	return "rootfs:" + ref + " opens a tar of any files as one layer"
}

// fallsBack reports whether manifest.json may work where the index failed with this error: the
// index can't be read, or its images are missing.
func fallsBack(err error) bool {
	var chosen *choiceError
	return !errors.As(err, &chosen) || errors.Is(err, fs.ErrNotExist)
}

// choiceError is an error in choosing from a list, as opposed to an error in the list.
type choiceError struct{ error }

func (e *choiceError) Unwrap() error { return e.error }

func (ch choice) chooseFrom(ctx context.Context, b bundle, candidates func(context.Context, bundle) ([]candidate, error)) (*Image, error) {
	all, err := candidates(ctx, b)
	if err != nil {
		return nil, err
	}
	im, err := ch.choose(ctx, all)
	if err != nil {
		return nil, &choiceError{err}
	}
	return im, nil
}

// unlisted is the error if neither list leads to an image.
func unlisted(as form, ociErr, dockerErr error) error {
	var chosen *choiceError
	noIndex := errors.Is(ociErr, fs.ErrNotExist) && !errors.As(ociErr, &chosen)
	noManifest := errors.Is(dockerErr, fs.ErrNotExist) && !errors.As(dockerErr, &chosen)
	switch {
	case as == dockerForm && noManifest:
		return errNoManifest
	case as == ociForm && noIndex:
		return errNoIndex
	case noIndex && noManifest:
		return errNoList
	case ociErr != nil && !noIndex:
		return ociErr
	}
	return dockerErr
}

// candidatesOf lists and inspects the images of a bundle: from index.json, or from manifest.json
// if no index exists or no image in it can be opened.
func candidatesOf(ctx context.Context, b bundle) ([]candidate, error) {
	var first []candidate
	var errs []error
	for _, candidates := range []func(context.Context, bundle) ([]candidate, error){ociCandidates, dockerCandidates} {
		all, err := candidates(ctx, b)
		if err == nil {
			all, err = lookAt(ctx, all, nothing)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all, _ = images(mergeDoubles(all))
		for _, c := range all {
			if c.broken == nil {
				return all, nil
			}
		}
		if first == nil {
			first = all
		}
	}
	if first == nil {
		return nil, unlisted(anyForm, errs[0], errs[len(errs)-1])
	}
	return first, nil
}
