package source

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// # Images that a program already holds
//
// Open takes a reference. A program may already hold an image: the bytes of an archive, or a
// v1.Image of go-containerregistry. The results are the same.

// OpenArchive is like Open for an archive of size bytes in r, in any form that a file can have.
// Errors and Image.Source call it name. Image.Close does not close r.
func OpenArchive(ctx context.Context, r io.ReaderAt, size int64, name string, opts Options) (*Image, error) {
	return openFrom(ctx, name, opts, func(ctx context.Context, o *opener) (*Image, error) {
		return o.programArchive(ctx, r, size, name)
	})
}

// OpenImage is like Open for an image of go-containerregistry, such as remote.Image returns. Its
// layers are read once, in order, and verified. The contents of files are read by reading layers
// again (Options.ContentOnDemand), or are kept (Options.KeepContent). Errors and Image.Source
// call the image name.
func OpenImage(ctx context.Context, im v1.Image, name string, opts Options) (*Image, error) {
	return openFrom(ctx, name, opts, func(ctx context.Context, o *opener) (*Image, error) {
		return o.programImage(ctx, im, name)
	})
}

func (o *opener) programArchive(ctx context.Context, r io.ReaderAt, size int64, name string) (*Image, error) {
	im, err := o.archiveAt(ctx, unclosed{r}, size, name, "")
	if err != nil {
		return nil, err
	}
	o.rereadable(im, func(ctx context.Context, o *opener) (*Image, error) { return o.programArchive(ctx, r, size, name) })
	return im, nil
}

// archiveAt opens an archive that supports random access. The image closes it, as does a failure.
func (o *opener) archiveAt(ctx context.Context, f archiveFile, size int64, name, tag string) (*Image, error) {
	b, err := o.archiveBundle(ctx, f, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	im, err := o.image(ctx, b, tag, anyForm)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.Join(err, b.close()))
	}
	im.Source = sourceForm(ctx, b, false, anyForm) + name
	return im, nil
}

func (o *opener) archiveBundle(ctx context.Context, f archiveFile, size int64) (bundle, error) {
	head := make([]byte, min(whatLen, max(size, 0)))
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), head); err != nil {
		return nil, errors.Join(shorter(err), f.Close())
	}
	form, err := sniffWhole(head)
	switch {
	case err != nil:
		return nil, errors.Join(err, f.Close())
	case !form.plain():
		st, err := o.stream(ctx, io.NewSectionReader(f, 0, size), size, f.Close)
		return st, cutOff(err)
	}
	a, err := openArchive(ctx, f, size)
	if err != nil {
		return nil, errors.Join(cutOff(err), mangled(f), f.Close())
	}
	return a, nil
}

// unclosed is a file that its owner closes.
type unclosed struct{ io.ReaderAt }

func (unclosed) Close() error { return nil }

// programImage writes an image as an OCI layout and reads that stream, in one pass.
func (o *opener) programImage(ctx context.Context, from v1.Image, name string) (*Image, error) {
	r, w := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		w.CloseWithError(writeLayout(w, from))
	}()
	im, err := o.fromStream(ctx, r, name)
	_ = r.Close() // ends the writer
	<-written
	if err != nil {
		return nil, err
	}
	im.Source = name
	o.rereadable(im, func(ctx context.Context, o *opener) (*Image, error) { return o.programImage(ctx, from, name) })
	return im, nil
}

// writeLayout writes an image as a tar of an OCI layout, with its description first.
func writeLayout(w io.Writer, from v1.Image) (err error) {
	defer func() {
		if value := recover(); value != nil { // from a foreign library
			err = fmt.Errorf("the image cannot be read: %v", value)
		}
	}()
	manifest, err := from.RawManifest()
	if err != nil {
		return err
	}
	config, err := from.RawConfigFile()
	if err != nil {
		return err
	}
	parsed, err := from.Manifest()
	if err != nil {
		return err
	}
	digest, err := from.Digest()
	if err != nil {
		return err
	}
	mediaType, err := from.MediaType()
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	file := func(name string, size int64, r io.Reader) error {
		if err := t.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644}); err != nil {
			return err
		}
		_, err := io.Copy(t, r)
		return err
	}
	index := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`, mediaType, digest, len(manifest))
	for _, f := range []struct {
		name string
		text []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{ociIndexName, []byte(index)},
		{hashName(digest), manifest},
		{hashName(parsed.Config.Digest), config},
	} {
		if err := file(f.name, int64(len(f.text)), bytes.NewReader(f.text)); err != nil {
			return err
		}
	}
	written := map[v1.Hash]bool{}
	for _, d := range parsed.Layers {
		if written[d.Digest] {
			continue
		}
		written[d.Digest] = true
		if err := writeProgramLayer(from, d, file); err != nil {
			return err
		}
	}
	return t.Close()
}

func writeProgramLayer(from v1.Image, d v1.Descriptor, file func(string, int64, io.Reader) error) error {
	l, err := from.LayerByDigest(d.Digest)
	if err != nil {
		return err
	}
	r, err := l.Compressed()
	if err != nil {
		return err
	}
	return errors.Join(file(hashName(d.Digest), d.Size, r), r.Close())
}

func hashName(h v1.Hash) string { return path.Join("blobs", h.Algorithm, h.Hex) }
