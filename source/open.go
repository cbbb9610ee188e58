package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
)

// Open finds the image that ref names and reads what describes it. The layers of
// a seekable archive or a folder are left to Image.Scan; an image that comes as
// a stream (an engine's save, standard input, a compressed archive) is read to
// its end, and scanned on the way.
//
// An image of an engine is read to its end too, be it from the engine's store or
// by its API; Options.Via says which.
//
// ref is one of
//
//	docker://NAME  podman://NAME            an engine
//	docker-archive:FILE[:TAG]               docker save, podman save, skopeo, kaniko, bazel
//	oci-archive:FILE[:TAG]  oci:DIR[:TAG]   an OCI image layout, as a tar or a folder
//	-                                       standard input
//	FILE[:TAG]  DIR[:TAG]                   any of these, told by content
//	NAME                                    the engines that answer
//
// TAG is a reference, its tag alone, a digest, or "@N" for the N-th image.
//
// An error says what was tried and why each failed; it wraps ErrNotFound if
// there is no such image.
func Open(ctx context.Context, ref string, opts Options) (*Image, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Platform != "" {
		if _, err := parsePlatform(opts.Platform); err != nil {
			return nil, err
		}
	}
	switch opts.Via {
	case ViaAny, ViaAPI, ViaStore:
	default:
		return nil, fmt.Errorf("%q is no way to read an engine's image: there are %q and %q", opts.Via, ViaAPI, ViaStore)
	}
	what := ref
	if ref == "-" {
		what = "standard input"
	}
	o := opener{Options: opts, ref: ref, meter: newMeter(what, opts.Progress), cache: openCache(opts.Cache, opts.Log)}
	im, err := o.open(ctx)
	if err != nil {
		err = errors.Join(err, o.cache.close())
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return im, nil
}

// opener is one call of Open.
type opener struct {
	Options
	ref   string
	meter *meter
	cache *cache // the image's, once it is open
}

// form is what an archive or folder is said to be.
type form uint8

const (
	anyForm form = iota
	dockerForm
	ociForm
)

func (o *opener) open(ctx context.Context) (*Image, error) {
	if o.ref == "" {
		return nil, absent("an empty name")
	}
	if o.ref == "-" {
		return o.stdin(ctx)
	}
	if name, ok := strings.CutPrefix(o.ref, "docker://"); ok && name != "" {
		return o.engine(ctx, dockerEngine, name)
	}
	if name, ok := strings.CutPrefix(o.ref, "podman://"); ok && name != "" {
		return o.podman(ctx, name)
	}
	im, err := o.files(ctx)
	if err == nil || !errors.Is(err, errNoFile) {
		return im, err
	}
	return o.engines(ctx, err)
}

// errNoFile says that a name is not that of a file, and need not be meant as one.
var errNoFile = errors.New("no such file")

// files opens the image of a file or folder.
func (o *opener) files(ctx context.Context) (*Image, error) {
	for prefix, as := range map[string]form{"docker-archive:": dockerForm, "oci-archive:": ociForm, "oci:": ociForm} {
		if rest, ok := strings.CutPrefix(o.ref, prefix); ok && rest != "" {
			return o.path(ctx, rest, as)
		}
	}
	if scheme, _, ok := strings.Cut(o.ref, "://"); ok {
		return nil, absent("%q: images are not read from %s://; there are docker://NAME, podman://NAME, docker-archive:FILE, oci-archive:FILE, oci:DIR, -, FILE, DIR and NAME", o.ref, scheme)
	}
	file, tag, err := splitTag(o.ref)
	switch {
	case err == nil:
		return o.file(ctx, file, tag, anyForm)
	case looksLikePath(o.ref):
		return nil, asNotFound(err)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s", errNoFile, o.ref)
	}
	return nil, fmt.Errorf("%w: %w", errNoFile, err)
}

// engines asks every engine for the image; where none has it, the error tells
// what each said. noFile is why the name is not that of a file.
func (o *opener) engines(ctx context.Context, noFile error) (*Image, error) {
	tried := []error{noFile}
	docker := func(ctx context.Context, ref string) (*Image, error) { return o.engine(ctx, dockerEngine, ref) }
	for _, engine := range []func(context.Context, string) (*Image, error){docker, o.podman} {
		im, err := engine(ctx, o.ref)
		if err == nil {
			return im, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		o.Log.Debug("engine does not give the image", "image", o.ref, "error", err)
		tried = append(tried, err)
	}
	lines := make([]string, len(tried))
	for i, err := range tried {
		lines[i] = "\n  " + strings.ReplaceAll(err.Error(), "\n", "\n  ")
	}
	return nil, absent("%q is neither a file nor an image of an engine here; tried:%s", o.ref, strings.Join(lines, ""))
}

// notFoundError is an error whose text says enough, that is an ErrNotFound.
type notFoundError struct{ error }

func (e *notFoundError) Unwrap() []error { return []error{ErrNotFound, e.error} }

// absent is an error that is an ErrNotFound and does not say so twice.
func absent(format string, args ...any) error { return &notFoundError{fmt.Errorf(format, args...)} }

func asNotFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &notFoundError{err}
	}
	return err
}

// looksLikePath reports whether a name can only be meant as a path.
func looksLikePath(s string) bool {
	return strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../") ||
		strings.HasSuffix(s, ".tar") || strings.ContainsRune(s, os.PathSeparator) && os.PathSeparator != '/'
}

// splitTag takes FILE:TAG apart: the longest beginning that exists is the file.
func splitTag(s string) (file, tag string, err error) {
	_, err = os.Stat(s)
	if err == nil {
		return s, "", nil
	}
	for i := len(s) - 1; i > 0; i-- {
		if s[i] != ':' {
			continue
		}
		if _, e := os.Stat(s[:i]); e == nil {
			return s[:i], s[i+1:], nil
		}
	}
	return "", "", err
}

func (o *opener) path(ctx context.Context, s string, as form) (*Image, error) {
	file, tag, err := splitTag(s)
	if err != nil {
		return nil, asNotFound(err)
	}
	return o.file(ctx, file, tag, as)
}

// file opens an archive or a folder, told by content.
func (o *opener) file(ctx context.Context, name, tag string, as form) (*Image, error) {
	b, err := o.bundle(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	im, err := o.image(ctx, b, tag, as)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.Join(err, b.close()))
	}
	_, isFolder := b.(*folder)
	im.Source = sourceForm(ctx, b, isFolder, as) + name
	o.rereadable(im, func(ctx context.Context, o *opener) (*Image, error) { return o.file(ctx, name, tag, as) })
	return im, nil
}

func sourceForm(ctx context.Context, b bundle, isFolder bool, as form) string {
	if isFolder {
		if _, err := b.file(ctx, ociIndexName); err == nil {
			return "oci:"
		}
		return "docker-dir:"
	}
	if _, err := b.file(ctx, dockerManifestName); err == nil && as != ociForm {
		return "docker-archive:"
	}
	return "oci-archive:"
}

func (o *opener) bundle(ctx context.Context, name string) (bundle, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openFolder(name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe, say
		o.KeepContent = o.KeepContent || o.ContentOnDemand // it passes once
		return o.stream(ctx, f, 0, f.Close)
	}
	head := make([]byte, min(sniffLen, info.Size()))
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, errors.Join(noEOF(err), f.Close())
	}
	if c, _ := sniff(head); c == plain && len(head) > 0 {
		a, err := openArchive(ctx, f, info.Size())
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return a, nil
	}
	return o.packedFile(ctx, f, head, info.Size())
}

// stream reads a bundle that passes once, possibly compressed as a whole, of the
// given size in bytes (0 if that is not known); done is called at its end.
func (o *opener) stream(ctx context.Context, r io.Reader, size int64, done func() error) (_ *stream, err error) {
	defer func() { err = errors.Join(err, done()) }()
	if o.meter != nil {
		o.meter.expect(size, 0)
	}
	return unpackStream(ctx, meteredReader{ctx, r, o.meter}, o.KeepContent, o.meter)
}

// image picks the wanted image of a bundle.
func (o *opener) image(ctx context.Context, b bundle, tag string, as form) (*Image, error) {
	candidates, err := listCandidates(ctx, b, as)
	if err != nil {
		return nil, err
	}
	c, err := choose(candidates, tag, o.Platform)
	if err != nil {
		return nil, err
	}
	im, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	im.origin = origin{bundle: b, shelf: newShelf(im.Layers), meter: o.meter, log: o.Log, cache: o.cache}
	for _, l := range im.Layers {
		if l.Err == nil && l.blob.seen != nil {
			if err := l.take(l.blob.seen); err != nil {
				return nil, err
			}
		}
	}
	o.cache.keepStream(b)
	return im, nil
}

// listCandidates lists the images of a bundle: by index.json, which tells more,
// and by manifest.json if there is no index or nothing of it can be opened.
func listCandidates(ctx context.Context, b bundle, as form) ([]candidate, error) {
	var oci, docker []candidate
	var ociErr, dockerErr error
	if as != dockerForm {
		if oci, ociErr = ociCandidates(ctx, b); ociErr == nil && anyPresent(oci) {
			return oci, nil
		}
	}
	if as != ociForm {
		if docker, dockerErr = dockerCandidates(ctx, b); dockerErr == nil && (anyPresent(docker) || len(oci) == 0) {
			return docker, nil
		}
	}
	noIndex, noManifest := errors.Is(ociErr, fs.ErrNotExist), errors.Is(dockerErr, fs.ErrNotExist)
	switch {
	case len(oci) > 0:
		return oci, nil
	case as == dockerForm && noManifest:
		return nil, errors.New("not a docker archive: it has no manifest.json")
	case as == ociForm && noIndex:
		return nil, errors.New("not an OCI layout: it has no index.json")
	case noIndex && noManifest:
		return nil, errors.New("not an image: it has neither a manifest.json (docker archive) nor an index.json (OCI layout)")
	case ociErr != nil && !noIndex:
		return nil, ociErr
	case dockerErr != nil && !noManifest:
		return nil, dockerErr
	}
	return oci, nil
}

func anyPresent(cs []candidate) bool {
	for _, c := range cs {
		if c.missing == nil {
			return true
		}
	}
	return false
}
