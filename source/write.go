package source

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/peelhq/peel/source/layer"
)

// # Writing an image
//
// An image is written blob by blob, without holding layers in memory: each layer is copied from
// source to destination and hashed on the way. Kept layers are copied unchanged and compared with
// the source's digests; a docker-archive stores them unpacked.

// A NewLayer is a layer of an image to be written: a kept layer or a new one.
type NewLayer struct {
	// Keep is a layer whose blob is copied unchanged.
	Keep *Layer

	// Tar, if not nil, writes the layer's tar; Keep is then ignored.
	Tar func(ctx context.Context, w io.Writer) error
}

// A NewImage is an image to be written.
type NewImage struct {
	Of     *Image     // the image whose description is used
	Layers []NewLayer // lowest first

	// Squash says which of Of's layers were merged into one; nil if none were.
	Squash *Squash

	// Tag is the new name, "NAME:TAG"; "" for none.
	Tag string

	// Compression is the compression of new and uncompressed layers: "gzip" or "zstd". "" for
	// none.
	Compression string

	// Created is the creation time, in RFC 3339; "" to keep the config's.
	Created string
}

// A Squash says that layers From to To were merged.
type Squash struct{ From, To int }

// Compressions are the values of NewImage.Compression.
var Compressions = []string{"gzip", "zstd"}

// ErrChanged says that a source returned bytes that do not match their digest.
var ErrChanged = errors.New("its content does not match its digest: it was changed while it was read, or is damaged")

// A blobWriter stores the blobs of an image.
type blobWriter interface {
	// blob stores the blob that write produces, and returns its SHA-256 in hexadecimal and its
	// size in bytes. It calls name with the digest.
	blob(name func(hex string) string, write func(io.Writer) error) (hex string, size int64, err error)
}

// A writtenLayer is a layer that has been written.
type writtenLayer struct {
	hex       string // of the blob
	size      int64
	mediaType string
	diffID    string
}

// ociTar is the media type of an uncompressed layer; "+gzip" and "+zstd" are appended.
const ociTar = ocispec.MediaTypeImageLayer

// writeLayer writes one layer. If unpack is set, it decompresses kept layers.
func (n *NewImage) writeLayer(ctx context.Context, to blobWriter, l NewLayer, unpack bool, name func(string) string) (writtenLayer, error) {
	w := writtenLayer{mediaType: ociTar}
	var err error
	w.hex, w.size, err = to.blob(name, func(out io.Writer) (err error) {
		if l.Tar != nil {
			w.mediaType, w.diffID, err = n.pack(out, func(plain io.Writer) error { return l.Tar(ctx, plain) })
			return err
		}
		w.mediaType, w.diffID, err = n.keep(ctx, l.Keep, out, unpack)
		return err
	})
	return w, err
}

// pack writes the tar that write produces with the image's compression.
func (n *NewImage) pack(out io.Writer, write func(io.Writer) error) (mediaType, diffID string, err error) {
	sum := sha256.New()
	mediaType = ociTar
	if n.Compression == "" {
		err = write(io.MultiWriter(out, sum))
		return mediaType, sumOf(sum), err
	}
	mediaType += "+" + n.Compression
	z, err := compressor(n.Compression, out)
	if err != nil {
		return "", "", err
	}
	err = write(io.MultiWriter(z, sum))
	if closed := z.Close(); err == nil {
		err = closed
	}
	return mediaType, sumOf(sum), err
}

// compressor compresses what is written to it. Its output is reproducible.
func compressor(form string, out io.Writer) (io.WriteCloser, error) {
	switch form {
	case "gzip":
		return gzip.NewWriter(out), nil
	case "zstd":
		return zstd.NewWriter(out, zstd.WithEncoderConcurrency(1))
	}
	return nil, fmt.Errorf("unknown compression %q", form)
}

func sumOf(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

// packedSuffix returns the suffix of a compressed layer's media type.
var packedSuffix = map[layer.Form]string{layer.Gzip: "+gzip", layer.Zstd: "+zstd"}

// keep copies the blob of a layer and checks its digests.
func (n *NewImage) keep(ctx context.Context, l *Layer, out io.Writer, unpack bool) (mediaType, diffID string, err error) {
	raw, err := l.Raw(ctx)
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	in := bufio.NewReaderSize(raw, memberBuffer)
	head, err := in.Peek(layer.SniffLen)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", "", err
	}
	form, what := layer.Sniff(head)
	mediaType = ociTar
	switch {
	case form == layer.Unsupported:
		return "", "", l.wrap(layer.UnsupportedError{Form: what})
	case form == layer.Unknown:
		return "", "", l.wrap(layer.ErrNotLayer)
	case form == layer.Plain && n.Compression != "":
		return n.pack(out, func(plain io.Writer) error {
			sums := newSums(l)
			if _, err := io.Copy(io.MultiWriter(plain, sums), in); err != nil {
				return err
			}
			return l.wrap(sums.check())
		})
	case form == layer.Plain || !unpack:
		mediaType += packedSuffix[form]
		diffID, err = l.copyRaw(form, in, out)
		return mediaType, diffID, err
	}
	z, err := layer.Unpack(form, in)
	if err != nil {
		return "", "", err
	}
	defer z.Close()
	sums := newSums(l)
	if _, err := io.Copy(io.MultiWriter(out, sums), z); err != nil {
		return "", "", l.wrap(err)
	}
	return mediaType, sums.diffID(), l.wrap(sums.check())
}

// copyRaw copies a blob unchanged, and returns the digest of its unpacked content.
func (l *Layer) copyRaw(form layer.Form, in io.Reader, out io.Writer) (diffID string, err error) {
	sums := newSums(l)
	if form == layer.Plain {
		if _, err := io.Copy(io.MultiWriter(out, sums), in); err != nil {
			return "", err
		}
		return sums.diffID(), l.wrap(sums.check())
	}
	z, err := layer.Unpack(form, io.TeeReader(in, out))
	if err != nil {
		return "", err
	}
	defer z.Close()
	if _, err := io.Copy(sums, z); err != nil {
		return "", l.wrap(err)
	}
	if _, err := io.Copy(out, in); err != nil { // data after the compressed stream
		return "", err
	}
	return sums.diffID(), l.wrap(sums.check())
}

// sums are the digests of a tar: by the algorithm that the config uses, and SHA-256 if that is
// another one.
type sums struct {
	io.Writer
	want digest.Digest // "" if unknown
	by   hash.Hash
	sha  hash.Hash
}

func newSums(l *Layer) *sums {
	s := &sums{sha: sha256.New()}
	s.by, s.Writer = s.sha, s.sha
	if d := digest.Digest(l.DiffID); d.Validate() == nil {
		if s.want = d; d.Algorithm() != digest.SHA256 {
			s.by = d.Algorithm().Hash()
			s.Writer = io.MultiWriter(s.sha, s.by)
		}
	}
	return s
}

// diffID returns the digest as the config names it, or would.
func (s *sums) diffID() string {
	if s.want != "" {
		return s.want.String()
	}
	return sumOf(s.sha)
}

// check returns ErrChanged if the tar does not match the config's digest.
func (s *sums) check() error {
	if s.want != "" && digest.NewDigest(s.want.Algorithm(), s.by) != s.want {
		return ErrChanged
	}
	return nil
}

// Check reads the layer's blob and returns an error that wraps ErrChanged if its unpacked content
// does not match the config's digest. It returns nil if the layer is not stored as a tar or the
// config has no digest for it.
func (l *Layer) Check(ctx context.Context) (err error) {
	if l.DiffID == "" {
		return nil
	}
	raw, err := l.Raw(ctx)
	if errors.Is(err, ErrNotStored) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	in := bufio.NewReaderSize(raw, memberBuffer)
	head, err := in.Peek(layer.SniffLen)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	form, _ := layer.Sniff(head)
	if form == layer.Unknown || form == layer.Unsupported {
		return l.wrap(ErrChanged)
	}
	_, err = l.copyRaw(form, in, io.Discard)
	return err
}

// manifest returns the OCI manifest of an image.
func (n *NewImage) manifest(config []byte, layers []writtenLayer) ([]byte, error) {
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Annotations: n.Of.Annotations, Layers: []ocispec.Descriptor{}}
	m.SchemaVersion = 2
	m.Config = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.Digest(digestOfBytes(config)), Size: int64(len(config))}
	for _, l := range layers {
		m.Layers = append(m.Layers, ocispec.Descriptor{MediaType: l.mediaType, Digest: digest.Digest("sha256:" + l.hex), Size: l.size})
	}
	return json.Marshal(m)
}

// diffIDs returns the diffIDs of the layers.
func diffIDs(layers []writtenLayer) []string {
	ids := make([]string, len(layers))
	for i := range layers {
		ids[i] = layers[i].diffID
	}
	return ids
}

// OpenWritten opens the image in an archive that was just written. The caller still owns the
// file; Image.Close does not close it.
func OpenWritten(ctx context.Context, f *os.File, opts Options) (*Image, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	o := &opener{Options: opts, ref: "the new image", budget: layer.NewBudget(maxIndex)}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a, err := openArchive(ctx, f, info.Size())
	if err != nil {
		return nil, err
	}
	im, err := o.image(ctx, borrowed{a}, "", anyForm)
	if err != nil {
		return nil, err
	}
	im.Source = "the new image"
	return im, nil
}

// borrowed is an archive whose file it does not close.
type borrowed struct{ *archive }

func (b borrowed) close() error { return b.shelf.Close() }

// TagOf returns a name for tagging a new version of the image, or "".
func TagOf(im *Image) string {
	if im.Container != nil || !strings.Contains(im.Name, ":") || strings.Contains(im.Name, "@") {
		return ""
	}
	return im.Name
}

// StoredAsTar reports whether Raw can return the layer's blob, as far as is known without reading
// it.
func (l *Layer) StoredAsTar() bool {
	_, ok := l.reader.(layer.RawReader)
	return ok || l.DiffID != ""
}
