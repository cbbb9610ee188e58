package cmd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/peelhq/peel/internal/draft"
	"github.com/peelhq/peel/source"
)

// newImageKind is a form of output for an image. To add one, add a row.
type newImageKind struct {
	prefix string
	takes  string
	about  string

	// One of these functions writes the image.
	archive func(*source.NewImage, context.Context, *os.File) error           // to one file
	folder  func(*source.NewImage, context.Context, string) error             // to a folder
	push    func(_ context.Context, dir, name string, _ source.Options) error // from a layout to a registry
}

// newImageKinds returns the forms. The first one is that of an output without a prefix.
func newImageKinds() []newImageKind {
	return []newImageKind{
		{prefix: "docker-archive:", takes: "FILE", about: "an archive as docker save writes it, with plain layers; you can leave out the prefix", archive: (*source.NewImage).WriteDockerArchive},
		{prefix: "oci-archive:", takes: "FILE", about: "an OCI layout in an archive; kept layers stay packed as they are", archive: (*source.NewImage).WriteOCIArchive},
		{prefix: "oci:", takes: "DIR", about: "an OCI layout in a folder, which must be new or empty", folder: (*source.NewImage).WriteOCIFolder},
		{prefix: "registry://", takes: "NAME", about: "a tag in a registry, as HOST/REPO:TAG, with gzip layers", push: source.PushFolder},
	}
}

// newImageHelp lists the forms for the help.
func newImageHelp() string {
	var b strings.Builder
	for _, k := range newImageKinds() {
		fmt.Fprintf(&b, "  %-22s %s\n", k.prefix+k.takes, k.about)
	}
	return b.String()
}

// newImageOutput is the destination of an image.
type newImageOutput struct {
	kind newImageKind
	file string // of an archive; else ""
	dir  string // a folder; else ""
	name string // in a registry; else ""
}

// parseNewImage parses the value of -o.
func parseNewImage(text string) (newImageOutput, error) {
	kinds := newImageKinds()
	out := newImageOutput{kind: kinds[0]}
	rest := text
	for _, k := range kinds {
		if after, ok := strings.CutPrefix(text, k.prefix); ok {
			out.kind, rest = k, after
		}
	}
	if strings.Contains(rest, "://") {
		return out, usage("-o FILE, -o oci-archive:FILE, -o oci:DIR or -o registry://NAME", "-o %s: an image cannot be written there", text)
	}
	if rest == "" {
		return out, usage("-o "+out.kind.prefix+out.kind.takes, "-o %s: a name is missing", text)
	}
	switch {
	case out.kind.archive != nil:
		out.file = rest
	case out.kind.folder != nil:
		out.dir = rest
	default:
		out.name = rest
	}
	return out, nil
}

// free returns an error if the destination exists and must not be replaced.
func (o *newImageOutput) free(ctx context.Context, force bool, opts source.Options) error {
	if o.name != "" {
		if force {
			return nil
		}
		err := source.CheckPush(ctx, o.name, opts)
		if errors.Is(err, source.ErrImageExists) {
			return failed("--force, or another tag", "cannot push to %w", err)
		} else if err != nil {
			return failed("", "cannot push to %w", err)
		}
		return nil
	}
	if o.dir != "" {
		if names, err := os.ReadDir(o.dir); err == nil && len(names) > 0 {
			return failed("-o with another folder", "%s is not empty: a layout needs a new or empty folder", o.dir)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failed("", "cannot write to %s: %w", o.dir, reason(err))
		}
		return nil
	}
	if o.file == standardOutput || force {
		return nil
	}
	if info, err := os.Stat(o.file); err == nil && (info.Mode().IsRegular() || info.IsDir()) {
		return failed("--force, or another name", "%s already exists", o.file)
	}
	return nil
}

// verifier checks a written image before anyone else can see it.
type verifier func(context.Context, *source.Image) error

// write writes the image. It appears only when complete and verified.
func (o *newImageOutput) write(ctx context.Context, stdout io.Writer, n *source.NewImage, force bool, opts source.Options, verify verifier) error {
	switch {
	case o.dir != "":
		return o.writeFolder(ctx, n, verify)
	case o.name != "":
		return o.pushImage(ctx, n, opts, verify)
	}
	if o.file == standardOutput {
		return o.through(ctx, stdout, n, verify)
	}
	name, info, err := target(o.file)
	if err != nil {
		return err
	}
	if info != nil && !info.Mode().IsRegular() {
		return o.through(ctx, stdout, n, verify)
	}
	dir, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return reason(err)
	}
	defer dir.Close()
	d, err := draft.New(dir, 0o666)
	if err != nil {
		return reason(err)
	}
	defer func() { _ = d.Discard() }() // nothing else can be done
	if err := o.archive(ctx, n, d.File, verify); err != nil {
		return err
	}
	if force {
		return reason(d.Replace(filepath.Base(name)))
	}
	return reason(d.Create(filepath.Base(name)))
}

// archive writes an archive to a new file, and verifies it.
func (o *newImageOutput) archive(ctx context.Context, n *source.NewImage, f *os.File, verify verifier) error {
	if err := o.kind.archive(n, ctx, f); err != nil {
		return err
	}
	im, err := source.OpenWritten(ctx, f, source.Options{})
	if err != nil {
		return fmt.Errorf("reading the new image: %w", err)
	}
	return errors.Join(verify(ctx, im), im.Close())
}

// through writes the archive to a temporary file, and from there to standard output, a
// pipe or a device.
func (o *newImageOutput) through(ctx context.Context, stdout io.Writer, n *source.NewImage, verify verifier) (err error) {
	f, err := draft.Scratch()
	if err != nil {
		return fmt.Errorf("preparing it in %s: %w", os.TempDir(), reason(err))
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := o.archive(ctx, n, f, verify); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if o.file == standardOutput {
		_, err = io.Copy(contextWriter{ctx, stdout}, f)
		return err
	}
	out, err := os.OpenFile(o.file, os.O_WRONLY, 0)
	if err != nil {
		return reason(err)
	}
	_, err = io.Copy(contextWriter{ctx, out}, f)
	return errors.Join(err, out.Close())
}

// writeFolder writes a layout next to its destination, and renames it once it is verified.
func (o *newImageOutput) writeFolder(ctx context.Context, n *source.NewImage, verify verifier) (err error) {
	dir := filepath.Clean(o.dir)
	temp := filepath.Join(filepath.Dir(dir), ".peel-"+rand.Text()+".tmp")
	if err := os.Mkdir(temp, 0o777); err != nil {
		return reason(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
	}()
	if err := verified(ctx, n, o.kind.folder, temp, verify); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) { // an empty folder makes way
		return reason(err)
	}
	return reason(os.Rename(temp, dir))
}

// verified writes a layout to an empty folder, and verifies it.
func verified(ctx context.Context, n *source.NewImage, write func(*source.NewImage, context.Context, string) error, dir string, verify verifier) error {
	if err := write(n, ctx, dir); err != nil {
		return err
	}
	im, err := source.Open(ctx, "oci:"+dir, source.Options{})
	if err != nil {
		return fmt.Errorf("reading the new image: %w", err)
	}
	return errors.Join(verify(ctx, im), im.Close())
}

// pushImage pushes the image from a layout in the folder for temporary files, once it is
// verified.
func (o *newImageOutput) pushImage(ctx context.Context, n *source.NewImage, opts source.Options, verify verifier) (err error) {
	dir, err := os.MkdirTemp("", "peel-push-")
	if err != nil {
		return fmt.Errorf("preparing it in %s: %w", os.TempDir(), reason(err))
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := verified(ctx, n, (*source.NewImage).WriteOCIFolder, dir, verify); err != nil {
		return err
	}
	return o.kind.push(ctx, dir, o.name, opts)
}
