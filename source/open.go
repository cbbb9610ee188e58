package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/peelhq/peel/source/layer"
)

// Open finds the image that ref names and reads its description. It leaves the layers of a folder
// or a seekable archive to Image.Scan. An image that comes as a stream (an engine's save,
// standard input, a compressed archive) is read to its end and scanned on the way.
//
// An image of an engine is also read to its end, whether from the engine's store or by its API;
// see Options.Via.
//
// ref has one of the forms that Help lists. TAG, which may follow a file or a folder, is a
// reference, a tag alone, a digest, or "@N" for the N-th image.
//
// The error lists what was tried and why it failed; it wraps ErrNotFound if the image does not
// exist.
func Open(ctx context.Context, ref string, opts Options) (*Image, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	return open(ctx, ref, opts, nil)
}

// check fills in defaults and validates the options.
func (opts *Options) check() error {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Platform != "" {
		if _, err := parsePlatform(opts.Platform); err != nil {
			return err
		}
	}
	switch opts.Via {
	case ViaAny, ViaAPI, ViaStore:
	default:
		return fmt.Errorf("unknown way %q to read an engine's image: use %q or %q", opts.Via, ViaAPI, ViaStore)
	}
	if opts.Engine != "" && !slices.Contains(Engines(), opts.Engine) {
		return fmt.Errorf("unknown engine %q: use %s", opts.Engine, enumerated(Engines(), "or"))
	}
	return nil
}

// openFrom opens an image that a program already holds.
func openFrom(ctx context.Context, name string, opts Options, by func(context.Context, *opener) (*Image, error)) (*Image, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	return openBy(ctx, name, opts, nil, by)
}

// open is Open with validated options. It may list the platforms of an image instead: see
// choice.platforms.
func open(ctx context.Context, ref string, opts Options, list *[]string) (*Image, error) {
	return openBy(ctx, ref, opts, list, func(ctx context.Context, o *opener) (*Image, error) { return o.open(ctx) })
}

func openBy(ctx context.Context, ref string, opts Options, list *[]string, by func(context.Context, *opener) (*Image, error)) (*Image, error) {
	what := ref
	if ReadsStdin(ref) {
		what = "standard input"
	}
	o := opener{
		Options: opts, ref: ref, platforms: list, meter: newMeter(what, opts.Progress),
		cache: openCache(opts.Cache, opts.Log), budget: layer.NewBudget(cmp.Or(opts.EntryMemory, maxIndex)),
	}
	if o.meter != nil && opts.Arriving {
		o.meter.arrivals = &arrivals{}
	}
	im, err := by(ctx, &o)
	if err != nil {
		err = errors.Join(err, o.cache.close())
		if counted := (*Unfinished)(nil); ctx.Err() != nil && !errors.As(err, &counted) {
			return nil, ctx.Err()
		}
		return nil, err
	}
	im.opened = o.Options
	return im, nil
}

// ReadsStdin reports whether ref stands for standard input.
func ReadsStdin(ref string) bool { return ref == "-" || ref == "rootfs:-" }

// opener holds the state of one call of Open.
type opener struct {
	Options
	ref       string
	platforms *[]string // see choice.platforms
	meter     *meter
	cache     *cache // set once the image is open
	budget    *layer.Budget
}

// maxIndex is the maximum memory for the entries of an image, in bytes.
const maxIndex = 384 << 20

// LimitMemory says that the system limits the program's memory to this many bytes. It lowers the
// limits on single allocations accordingly. Call it at the start of the program.
func LimitMemory(bytes int64) { layer.LimitWindows(bytes / int64(2*runtime.GOMAXPROCS(0))) }

// scanOptions returns the options for scanning layers that are the same for all layers of the
// image.
func (o *opener) scanOptions() layer.ScanOptions {
	s := layer.ScanOptions{Verify: o.Verify, Budget: o.budget, Collect: o.Collect, Wide: o.WideSums, Log: o.Log}
	if o.meter != nil {
		s.Progress = o.meter.add
	}
	if o.cache != nil {
		s.Cache = o.cache
	}
	return s
}

// form is the stated format of an archive or folder.
type form uint8

const (
	anyForm form = iota
	dockerForm
	ociForm
)

// notFoundError is an ErrNotFound with a text of its own.
type notFoundError struct{ error }

func (e *notFoundError) Unwrap() []error { return []error{ErrNotFound, e.error} }

// absent makes an error an ErrNotFound without repeating it in the text.
func absent(format string, args ...any) error { return &notFoundError{fmt.Errorf(format, args...)} }

func asNotFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
			return &notFoundError{fmt.Errorf("%s: %w", failed.Path, failed.Err)}
		}
		return &notFoundError{err}
	}
	return err
}

// looksLikePath reports whether a name can only be a path.
func looksLikePath(s string) bool {
	return strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../") ||
		strings.HasSuffix(s, ".tar") || strings.ContainsRune(s, os.PathSeparator) && os.PathSeparator != '/'
}

// splitTag splits FILE:TAG: FILE is the longest prefix that exists.
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

// file opens an archive or a folder. It recognizes the format by content.
func (o *opener) file(ctx context.Context, name, tag string, as form) (*Image, error) {
	b, isFolder, err := o.bundle(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	im, err := o.image(ctx, b, tag, as)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.Join(err, b.close()))
	}
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

// bundle opens a file or a folder as a bundle.
func (o *opener) bundle(ctx context.Context, name string) (_ bundle, isFolder bool, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, false, err
	}
	if info.IsDir() {
		b, err := openFolder(name)
		return b, true, err
	}
	b, err := o.fileBundle(ctx, name, info)
	return b, false, err
}

func (o *opener) fileBundle(ctx context.Context, name string, info fs.FileInfo) (bundle, error) {
	f, err := os.Open(name)
	if err != nil {
		if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
			err = failed.Err // the caller adds the name
		}
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe, for example
		o.KeepContent = o.KeepContent || o.ContentOnDemand // it can be read only once
		st, err := o.stream(ctx, f, 0, f.Close)
		return st, cutOff(err)
	}
	head := make([]byte, min(whatLen, info.Size()))
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, errors.Join(shorter(err), f.Close())
	}
	form, err := sniffWhole(head)
	if err != nil {
		if strings.HasSuffix(name, ".br") { // brotli has no magic bytes
			err = errors.New("not an image: by its name it is packed with brotli; unpack it with brotli -d first")
		}
		return nil, errors.Join(err, f.Close())
	}
	if !form.plain() {
		st, err := o.packedFile(ctx, f, head, info.Size())
		return st, cutOff(err)
	}
	a, err := openArchive(ctx, f, info.Size())
	if err != nil {
		return nil, errors.Join(cutOff(err), mangled(f), f.Close())
	}
	return a, nil
}

// stream reads a bundle that can be read only once and may be compressed as a whole. size is in
// bytes, 0 if unknown. done is called at the end.
func (o *opener) stream(ctx context.Context, r io.Reader, size int64, done func() error) (_ *stream, err error) {
	defer func() { err = errors.Join(err, done()) }()
	if o.meter != nil {
		o.meter.expect(size, 0)
	}
	return unpackStream(ctx, layer.Watched(ctx, r, o.meter.add), o.KeepContent, o.scanOptions(), o.meter)
}

// shorter turns an early end into io.ErrUnexpectedEOF.
func shorter(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
