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

// # Images that a program has at hand
//
// Open takes a reference. A program may hold an image already: the bytes of an archive,
// or an image of go-containerregistry. What comes of them is the same.

// OpenArchive is Open of an archive that r holds, of size bytes, in any form that a file
// can have. name is what errors and Image.Source call it. Image.Close does not close r.
func OpenArchive(ctx context.Context, r io.ReaderAt, size int64, name string, opts Options) (*Image, error) {
	return openFrom(ctx, name, opts, func(ctx context.Context, o *opener) (*Image, error) {
		return o.archiveAt(ctx, r, size, name)
	})
}

// OpenImage is Open of an image of go-containerregistry, such as remote.Image returns.
// Its layers are read once, in their order, and verified; contents of files are read by
// reading layers again (Options.ContentOnDemand), or kept (Options.KeepContent). name is
// what errors and Image.Source call it.
func OpenImage(ctx context.Context, im v1.Image, name string, opts Options) (*Image, error) {
	return openFrom(ctx, name, opts, func(ctx context.Context, o *opener) (*Image, error) {
		return o.programImage(ctx, im, name)
	})
}

// archiveAt opens an archive that can be read at any place.
func (o *opener) archiveAt(ctx context.Context, r io.ReaderAt, size int64, name string) (*Image, error) {
	b, err := o.archiveBundle(ctx, r, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	im, err := o.image(ctx, b, "", anyForm)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.Join(err, b.close()))
	}
	im.Source = sourceForm(ctx, b, false, anyForm) + name
	o.rereadable(im, func(ctx context.Context, o *opener) (*Image, error) { return o.archiveAt(ctx, r, size, name) })
	return im, nil
}

func (o *opener) archiveBundle(ctx context.Context, r io.ReaderAt, size int64) (bundle, error) {
	head := make([]byte, min(whatLen, max(size, 0)))
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), head); err != nil {
		return nil, shorter(err)
	}
	form, err := sniffWhole(head)
	switch {
	case err != nil:
		return nil, err
	case !form.plain():
		st, err := o.stream(ctx, io.NewSectionReader(r, 0, size), size, func() error { return nil })
		return st, cutOff(err)
	}
	a, err := openArchive(ctx, unclosed{r}, size)
	if err != nil {
		return nil, errors.Join(cutOff(err), mangled(r))
	}
	return a, nil
}

// unclosed is what somebody else closes.
type unclosed struct{ io.ReaderAt }

func (unclosed) Close() error { return nil }

// programImage reads an image as the OCI layout that it is written as, in one pass.
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

// writeLayout writes an image as a tar of an OCI layout: what describes it comes first.
func writeLayout(w io.Writer, from v1.Image) (err error) {
	defer func() {
		if value := recover(); value != nil { // of a library that is not ours
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
