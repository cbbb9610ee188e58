package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/source/layer"
)

// An index of an image is a file with everything except the contents of files: the image's
// description, and the entries of all layers with checksums. It consists of one line of text with
// the format's version, a zstd stream, and the SHA-256 of both.
//
// The stream holds parts, each preceded by its length: the description as JSON, then the entries
// of each readable layer, written by layer.AppendIndexed. The same image, read with the same
// collectors, always gives the same index, byte for byte.

// The first line of an index, and the format's version.
const (
	indexMagic   = "peel index "
	indexVersion = 1
)

// Limits on an index, in bytes. The index of an image with a million files has about 20 MB and
// unpacks to 40 MB.
const (
	maxIndexFile        = 256 << 20
	maxIndexDescription = 32 << 20
	maxIndexPart        = 256 << 20 // one layer
	maxIndexParts       = 2 << 30   // all layers
	maxIndexText        = 4 << 30   // all names and links, expanded
)

// maxIndexList is the maximum length of lists in the description.
const maxIndexList = maxSteps

// errIndexed says that a layer of an index has no content.
var errIndexed = errors.New("its content is not here: an index has only the names, sizes and checksums of files; open the image itself to read them")

// errIndexBroken says that an index is damaged.
var errIndexBroken = errors.New("the index is damaged or not whole: copy it again, or write it again with peel index")

// indexedImage is the description of an image in its index.
type indexedImage struct {
	Rules       int // layer.ScanRules of the program that read the layers
	Image       indexedFacts
	History     indexList[Step]
	Lines       indexList[BuildLines] // from its provenance
	Files       indexList[BuildFile]
	Attested    bool // it has a provenance
	Flaws       indexList[indexedFlaw]
	Layers      indexList[indexedLayer]
	Annotations map[string]string
	Container   *Container
	Source      string `json:",omitempty"` // set by Describe
}

// indexedFacts are the fields of an Image that are written unchanged.
type indexedFacts struct {
	Name, ID, Digest, Platform string
	Created                    time.Time
	OSVersion                  string
	OSFeatures                 []string
	Config                     Config
}

// indexedLayer is the description of one layer.
type indexedLayer struct {
	DiffID, Digest, MediaType, ListedBy string
	CompressedBytes, Size               int64
	Step                                Step
	OfContainer                         bool
	Err                                 string // why the layer can't be read; "" if its entries follow
	Absent                              bool   // the layer was missing
}

// indexedFlaw is a Flaw; its path may be any bytes.
type indexedFlaw struct {
	Layer   int
	Path    []byte
	Problem string
}

// indexList is a bounded list.
type indexList[T any] []T

func (l *indexList[T]) UnmarshalJSON(b []byte) (err error) {
	*l, err = decodeList[T](b, maxIndexList, "elements in a list of an index")
	return err
}

// WriteIndex writes the index of a scanned image with all known checksums. Sum computes missing
// ones.
func WriteIndex(ctx context.Context, w io.Writer, im *Image) error {
	hashed := newHashWriter(w)
	if _, err := fmt.Fprintf(hashed, "%s%d\n", indexMagic, indexVersion); err != nil {
		return err
	}
	z, err := zstd.NewWriter(hashed, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	if err := im.writeParts(ctx, z); err != nil {
		_ = z.Close() // if w fails, this would only say so again
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	_, err = w.Write(hashed.sum())
	return err
}

// Sum computes the XXH3 checksums of all files that have no checksum, or one of another kind,
// several layers at once. The image must have been scanned.
func (im *Image) Sum(ctx context.Context) error {
	im.meter.restart()
	im.meter.expect(0, len(im.Layers))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, l := range im.Layers {
		if l.Err != nil {
			continue
		}
		group.Go(func() (err error) {
			defer crash.Catch(&err)
			defer im.meter.layerDone()
			return l.Sum(ctx, l.unsummed())
		})
	}
	return group.Wait()
}

// unsummed returns the files that have no checksum, or one of another kind than other files.
func (l *Layer) unsummed() []int {
	var out []int
	for i := range l.Entries.Len() {
		if l.Entries.Type(i) != File {
			continue
		}
		if _, kind, known := l.Entries.Checksum(i); !known || kind != XXH3 && kind != layer.SparseSum {
			out = append(out, i)
		}
	}
	return out
}

// writeParts writes the parts in the stream of an index.
func (im *Image) writeParts(ctx context.Context, w io.Writer) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(im.indexed()); err != nil {
		return err
	}
	if text.Len() > maxIndexDescription {
		return fmt.Errorf("its description has %d bytes, more than the %d MiB that an index may have", text.Len(), maxIndexDescription>>20)
	}
	if err := writePart(w, text.Bytes()); err != nil {
		return err
	}
	var b []byte
	for _, l := range im.Layers {
		if l.Err != nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		var ok bool
		if b, ok = layer.AppendIndexed(b[:0], &layer.Scanned{Entries: l.Entries, Facts: l.Facts}, im.scan.Collect); !ok {
			return l.wrap(errors.New("it has entries that an index has no form for"))
		}
		if err := writePart(w, b); err != nil {
			return err
		}
	}
	return nil
}

func writePart(w io.Writer, b []byte) error {
	if _, err := w.Write(binary.AppendUvarint(nil, uint64(len(b)))); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

// indexed returns the description of an image.
func (im *Image) indexed() *indexedImage {
	x := &indexedImage{
		Rules: layer.ScanRules,
		Image: indexedFacts{
			Name: im.Name, ID: im.ID, Digest: im.Digest, Platform: im.Platform, Created: im.Created,
			OSVersion: im.OSVersion, OSFeatures: im.OSFeatures, Config: im.Config,
		},
		History: im.History, Annotations: im.Annotations, Container: im.Container,
	}
	if p := im.Provenance; p != nil && p.fits(len(im.Layers)) {
		x.Attested, x.Files, x.Lines = true, p.Files, p.Lines
	}
	for _, f := range im.Flaws {
		x.Flaws = append(x.Flaws, indexedFlaw{f.Layer, []byte(f.Path), f.Problem})
	}
	for _, l := range im.Layers {
		to := indexedLayer{
			DiffID: l.DiffID, Digest: l.Digest, MediaType: l.MediaType, ListedBy: l.ListedBy,
			CompressedBytes: l.CompressedBytes, Size: l.size, Step: l.Step, OfContainer: l.OfContainer,
		}
		if l.Err != nil {
			to.Err, to.Absent = l.Err.Error(), errors.Is(l.Err, fs.ErrNotExist)
		}
		x.Layers = append(x.Layers, to)
	}
	return x
}
