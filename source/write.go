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
// An image is written blob by blob, and nothing of it is held in memory: each layer goes
// from where it is read to where it is written, and is summed up on the way. Layers that
// are kept are the bytes that the source has, held against the digests that it tells; a
// docker-archive has them unpacked.

// A NewLayer is a layer of an image that is to be written: one that is kept, or a new one.
type NewLayer struct {
	// Keep is the layer whose blob is taken as it is.
	Keep *Layer

	// Tar, if not nil, writes the layer's tar instead.
	Tar func(ctx context.Context, w io.Writer) error
}

// A NewImage is an image that is to be written.
type NewImage struct {
	Of     *Image     // whose description it has
	Layers []NewLayer // lowest first

	// Squash says which of Of's layers one layer took the place of; nil if none did.
	Squash *Squash

	// Tag is the name it gets, "NAME:TAG"; "" for none.
	Tag string

	// Compression is what layers are packed with that are plain: "gzip" or "zstd". "" for
	// nothing.
	Compression string

	// Created is when the image was created, in RFC 3339; "" for what its config says.
	Created string
}

// A Squash is that layers From to To were merged.
type Squash struct{ From, To int }

// Compressions are the words for NewImage.Compression.
var Compressions = []string{"gzip", "zstd"}

// ErrChanged says that a source did not give the bytes that it should.
var ErrChanged = errors.New("its content does not match its digest: it was changed while it was read, or is damaged")

// A blobWriter is where the blobs of an image go.
type blobWriter interface {
	// blob writes a blob that write gives, and returns its SHA-256 in hexadecimal and
	// its size in bytes. name is called with the digest.
	blob(name func(hex string) string, write func(io.Writer) error) (hex string, size int64, err error)
}

// A writtenLayer is a layer that has been written.
type writtenLayer struct {
	hex       string // of the blob
	size      int64
	mediaType string
	diffID    string
}

// ociTar is the media type of a plain layer; "+gzip" and "+zstd" follow it.
const ociTar = ocispec.MediaTypeImageLayer

// writeLayer writes one layer. unpack has kept ones be unpacked.
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

// pack writes a tar that write gives, packed as the image says.
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

// compressor packs what is written to it. The same bytes come out the same.
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

// packedSuffix follows the media type of a layer that is packed.
var packedSuffix = map[layer.Form]string{layer.Gzip: "+gzip", layer.Zstd: "+zstd"}

// keep copies the blob of a layer, and holds it against its digests.
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

// copyRaw copies a blob in this form as it is, and returns the digest of what it unpacks
// to.
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
	if _, err := io.Copy(out, in); err != nil { // what follows the packed data
		return "", err
	}
	return sums.diffID(), l.wrap(sums.check())
}

// sums are the digests of a tar that passes: that by which the config names it, and the
// SHA-256, if these are two.
type sums struct {
	io.Writer
	want digest.Digest // "" if it is not known
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

// diffID is the digest that the config names, or would.
func (s *sums) diffID() string {
	if s.want != "" {
		return s.want.String()
	}
	return sumOf(s.sha)
}

// check returns ErrChanged if the tar is not the one that the config names.
func (s *sums) check() error {
	if s.want != "" && digest.NewDigest(s.want.Algorithm(), s.by) != s.want {
		return ErrChanged
	}
	return nil
}

// Check reads the layer's blob, and returns an error that wraps ErrChanged if it does not
// unpack to what the config names. Where the layer is not stored as a tar, or the config
// names none, there is nothing to check.
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

// manifest returns the manifest of an image in OCI's form.
func (n *NewImage) manifest(config []byte, layers []writtenLayer) ([]byte, error) {
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Annotations: n.Of.Annotations, Layers: []ocispec.Descriptor{}}
	m.SchemaVersion = 2
	m.Config = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.Digest(digestOfBytes(config)), Size: int64(len(config))}
	for _, l := range layers {
		m.Layers = append(m.Layers, ocispec.Descriptor{MediaType: l.mediaType, Digest: digest.Digest("sha256:" + l.hex), Size: l.size})
	}
	return json.Marshal(m)
}

// diffIDs returns those of layers.
func diffIDs(layers []writtenLayer) []string {
	ids := make([]string, len(layers))
	for i := range layers {
		ids[i] = layers[i].diffID
	}
	return ids
}

// OpenWritten opens the image in an archive that was just written. The file stays the
// caller's, and is not closed with the image.
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

// borrowed is an archive whose file is not closed.
type borrowed struct{ *archive }

func (b borrowed) close() error { return b.shelf.Close() }

// TagOf returns the name under which an image can be tagged anew, "" if it has none.
func TagOf(im *Image) string {
	if im.Container != nil || !strings.Contains(im.Name, ":") || strings.Contains(im.Name, "@") {
		return ""
	}
	return im.Name
}

// StoredAsTar reports whether Raw can give the layer's blob, as far as is known without
// reading it.
func (l *Layer) StoredAsTar() bool {
	_, ok := l.reader.(layer.RawReader)
	return ok || l.DiffID != ""
}
