package source

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/peelhq/peel/internal/grow"
	"github.com/peelhq/peel/source/layer"
)

// A hashWriter hashes what is written through it.
type hashWriter struct {
	w   io.Writer
	sha hash.Hash
}

func newHashWriter(w io.Writer) *hashWriter { return &hashWriter{w, sha256.New()} }

func (h *hashWriter) Write(p []byte) (int, error) {
	n, err := h.w.Write(p)
	h.sha.Write(p[:n])
	return n, err
}

func (h *hashWriter) sum() []byte { return h.sha.Sum(nil) }

// openIndex opens an image from its index.
func openIndex(ctx context.Context, o *opener, name string) (*Image, error) {
	file, err := readIndexFile(name)
	if err != nil {
		return nil, asNotFound(err)
	}
	im, err := o.indexImage(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	im.Source = "index:" + name
	return im, nil
}

// isIndexFile reports whether a file is a regular file that starts like an index.
func isIndexFile(name string) bool {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() { // a pipe can be read only once
		return false
	}
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(indexMagic))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == indexMagic
}

// readIndexFile reads an index file.
func readIndexFile(name string) (_ []byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s: a folder, not an index", name)
	case info.Mode().IsRegular() && info.Size() > maxIndexFile:
		return nil, fmt.Errorf("%s: not an index: it has more than %d MiB", name, maxIndexFile>>20)
	}
	head := make([]byte, len(indexMagic))
	if n, err := io.ReadFull(f, head); err != nil || string(head) != indexMagic {
		return nil, notIndex(name, head[:n])
	}
	grow.Ask(info.Size())
	var b bytes.Buffer
	b.Write(head)
	_, err = io.Copy(&b, io.LimitReader(f, maxIndexFile))
	return b.Bytes(), err
}

// notIndex is the error for a file that isn't an index; head is the start of the file.
func notIndex(name string, head []byte) error {
	if len(head) == 0 {
		return fmt.Errorf("%s: not an index: it is empty", name)
	}
	return fmt.Errorf("%s: not an index, as peel index writes it; open an image without index: before its name", name)
}

// indexImage returns the image described by the index in file.
func (o *opener) indexImage(ctx context.Context, file []byte) (*Image, error) {
	line, rest, ok := bytes.Cut(file[:min(len(file), 64)], []byte{'\n'})
	text, isIndex := strings.CutPrefix(string(line), indexMagic)
	if version, err := strconv.Atoi(text); !ok || !isIndex || err != nil || version < 1 {
		return nil, errIndexBroken
	} else if version != indexVersion {
		return nil, fmt.Errorf("an index of version %d, and this peel reads version %d: use a newer peel, or write the index again with this one (peel index IMAGE -o FILE)", version, indexVersion)
	}
	body := file[len(file[:min(len(file), 64)])-len(rest):]
	if len(body) < sha256.Size {
		return nil, errIndexBroken
	}
	end := len(file) - sha256.Size
	if sum := sha256.Sum256(file[:end]); !bytes.Equal(sum[:], file[end:]) {
		return nil, errIndexBroken
	}
	z, err := layer.Unpack(layer.Zstd, bytes.NewReader(body[:len(body)-sha256.Size]))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errIndexBroken, err)
	}
	defer z.Close()
	r := &indexReader{ctx: ctx, opener: o, in: bufio.NewReader(z), left: maxIndexParts, text: maxIndexText}
	im, err := r.image()
	if err != nil {
		return nil, err
	}
	im.origin = origin{bundle: noFiles{}, scan: o.scanOptions(), meter: o.meter, log: o.Log, cache: o.cache, opened: o.Options}
	return im, nil
}

// An indexReader reads the parts in the stream of an index.
type indexReader struct {
	ctx    context.Context
	opener *opener
	in     *bufio.Reader
	left   int64 // bytes left for parts
	text   int   // bytes left for names
	buf    bytes.Buffer
}

// part reads the next part, of at most limit bytes. The result is valid until the next call.
func (r *indexReader) part(limit int64) ([]byte, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	n, err := binary.ReadUvarint(r.in)
	if err != nil {
		return nil, errIndexBroken
	}
	if n > uint64(min(limit, r.left)) {
		return nil, fmt.Errorf("not an index that peel has written: a part of %d bytes", n)
	}
	r.left -= int64(n)
	r.buf.Reset()
	if _, err := io.CopyN(&r.buf, r.in, int64(n)); err != nil {
		return nil, errIndexBroken
	}
	return r.buf.Bytes(), nil
}

// image reads the whole image.
func (r *indexReader) image() (*Image, error) {
	text, err := r.part(maxIndexDescription)
	if err != nil {
		return nil, err
	}
	var x indexedImage
	if err := json.Unmarshal(text, &x); err != nil {
		return nil, fmt.Errorf("%w: %w", errIndexBroken, err)
	}
	im, err := x.image()
	if err != nil {
		return nil, err
	}
	complete := true
	for i, l := range im.Layers {
		if l.Err != nil {
			continue
		}
		drawn, err := r.layer(l)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		complete = complete && drawn
		l.CompressedBytes, l.ListedBy = x.Layers[i].CompressedBytes, x.Layers[i].ListedBy
	}
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, errIndexBroken
	}
	switch {
	case x.Rules != layer.ScanRules:
		im.flaw("a version of peel that reads layers differently wrote the index: write it again to get the figures of this version")
	case !complete:
		im.flaw("a version of peel that inspects fewer files wrote the index: write it again to get everything that this version reports")
	}
	return im, nil
}

// layer reads the entries of a layer. It reports false if the requested facts are missing.
func (r *indexReader) layer(l *Layer) (complete bool, err error) {
	b, err := r.part(maxIndexPart)
	if err != nil {
		return false, err
	}
	d := layer.NewDecoder(b, r.opener.budget)
	d.AllowText(r.text)
	s, drawn := d.Indexed()
	if !d.End() {
		return false, errIndexBroken
	}
	r.text = d.TextLeft()
	complete = s.Wanted(drawn, r.opener.Collect)
	l.reader = layer.Indexed(s, errIndexed)
	return complete, l.take(s, nil)
}

// image returns the described image without the entries of its layers.
func (x *indexedImage) image() (*Image, error) {
	f := &x.Image
	im := &Image{
		Name: f.Name, ID: f.ID, Digest: f.Digest, Platform: f.Platform, Created: f.Created.UTC(),
		OSVersion: f.OSVersion, OSFeatures: f.OSFeatures, Config: f.Config,
		History: x.History, Annotations: x.Annotations, Container: x.Container,
	}
	if len(x.Layers) > maxLayers {
		return nil, fmt.Errorf("more than %d layers in an image", maxLayers)
	}
	if x.Attested {
		im.Provenance = &Provenance{Files: x.Files, Lines: x.Lines}
		if !im.Provenance.fits(len(x.Layers)) {
			return nil, errIndexBroken
		}
	}
	for _, f := range x.Flaws {
		if f.Layer < -1 || f.Layer >= len(x.Layers) {
			return nil, errIndexBroken
		}
		im.Flaws = append(im.Flaws, Flaw{f.Layer, string(f.Path), f.Problem})
	}
	for i := range x.Layers {
		from := &x.Layers[i]
		if from.Size < 0 || from.CompressedBytes < -1 || from.ListedBy != "" && from.ListedBy != layer.EStargz && from.ListedBy != layer.ZstdChunked {
			return nil, errIndexBroken
		}
		l := &Layer{
			Index: i, DiffID: from.DiffID, Digest: from.Digest, MediaType: from.MediaType, CompressedBytes: from.CompressedBytes,
			Step: from.Step, OfContainer: from.OfContainer, size: from.Size,
		}
		if from.Err != "" {
			l.Err = &indexedError{from.Err, from.Absent}
		}
		im.Layers = append(im.Layers, l)
	}
	return im, nil
}

// fits reports whether a provenance fits an image with this number of layers.
func (p *Provenance) fits(layers int) bool {
	if len(p.Lines) != layers {
		return false
	}
	for _, l := range p.Lines {
		if l.First != 0 && (l.File < 0 || l.File >= len(p.Files)) || l.First < 0 || l.Last < 0 {
			return false
		}
	}
	return true
}

// indexedError is the reason, stored in an index, why a layer can't be read.
type indexedError struct {
	text   string
	absent bool
}

func (e *indexedError) Error() string { return e.text }

func (e *indexedError) Is(target error) bool { return e.absent && target == fs.ErrNotExist }
