package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/peelhq/peel/source/layer"
)

// An EntryRow is all that is known of one entry of a layer; see [layer.Row].
type EntryRow = layer.Row

// An EntryBuilder makes the entries of a layer of rows; see [layer.Builder].
type EntryBuilder = layer.Builder

// A LayerFlaw is something malformed in a layer's tar; see [layer.Flaw].
type LayerFlaw = layer.Flaw

// NewEntryBuilder returns a builder of entries that may take at most memory bytes.
func NewEntryBuilder(memory int64) *EntryBuilder { return layer.NewBuilder(layer.NewBudget(memory)) }

// ErrEntryMemory says that an image's entries take more than Options.EntryMemory.
var ErrEntryMemory = layer.ErrBudget

// ScanRules is the version of the rules by which layers are read.
const ScanRules = layer.ScanRules

// Describe returns all that describes an image but its layers' entries, for
// OpenDescribed: the image need not have been scanned.
func (im *Image) Describe() ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	x := im.indexed()
	x.Source = im.Source
	if err := e.Encode(x); err != nil {
		return nil, err
	}
	if text.Len() > maxIndexDescription {
		return nil, fmt.Errorf("its description has %d bytes, more than %d MiB", text.Len(), maxIndexDescription>>20)
	}
	return text.Bytes(), nil
}

// A DescribedLayer describes one layer by facts from elsewhere.
type DescribedLayer struct {
	Entries *Entries
	Facts   []Fact
	Packed  bool // its blob is compressed

	// Why is the reason why it cannot be read: the layer's error, if it is Absent or
	// Unsupported; of anything else, the whole image cannot be read.
	Why     error
	Failure Failure
}

// OpenDescribed opens an image by what Describe has returned and what find says of its
// layers, lowest first. Contents cannot be read.
func OpenDescribed(ctx context.Context, text []byte, find func(*Layer) (DescribedLayer, error)) (*Image, error) {
	var x indexedImage
	if err := json.Unmarshal(text, &x); err != nil {
		return nil, fmt.Errorf("a description of an image that cannot be read: %w", err)
	}
	if x.Rules != layer.ScanRules {
		return nil, fmt.Errorf("it was indexed by a version of peel that reads layers differently: use a new store")
	}
	im, err := x.image()
	if err != nil {
		return nil, err
	}
	im.Source = x.Source
	im.origin = origin{bundle: noFiles{}, log: slog.New(slog.DiscardHandler)}
	for _, l := range im.Layers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if l.Err != nil { // known when it was described
			continue
		}
		d, err := find(l)
		if err != nil {
			return nil, err
		}
		if d.Why != nil {
			why := d.Why
			switch d.Failure {
			case Absent:
				why = &absentBlob{d.Why}
			case Unsupported:
				why = unsupportedLayer{d.Why.Error()}
			}
			if err := l.take(nil, why); err != nil {
				return nil, err
			}
			continue
		}
		s := &layer.Scanned{Entries: d.Entries, Facts: d.Facts, Packed: d.Packed}
		switch l.Digest {
		case "": // the same tar may be stored in several ways
			s.Packed = l.CompressedBytes >= 0
		case l.DiffID:
			s.Packed = false
		}
		l.reader = layer.Indexed(s, errIndexed)
		if err := l.take(s, nil); err != nil {
			return nil, err
		}
	}
	return im, nil
}

// unsupportedLayer is a layer.UnsupportedError that was written down.
type unsupportedLayer struct{ text string }

func (e unsupportedLayer) Error() string { return e.text }

func (e unsupportedLayer) As(target any) bool {
	t, ok := target.(*layer.UnsupportedError)
	if ok {
		*t = layer.UnsupportedError{}
	}
	return ok
}

// FindPacking detects which layers without a digest of their own are compressed, since facts about
// the same tar from elsewhere don't say. Layers need not have been scanned.
func (im *Image) FindPacking(ctx context.Context) error {
	for _, l := range im.Layers {
		if l.Digest != "" || l.Err != nil || l.Entries != nil || l.reader == nil {
			continue
		}
		packed, err := layer.IsPacked(ctx, l.reader)
		if err != nil {
			return l.wrap(err)
		}
		if packed {
			l.CompressedBytes = l.size
		}
	}
	return nil
}

// Widen computes the checksums of the layer's files, including those of 128 bits, that the scan
// has not computed. The layer must not be used concurrently.
func (l *Layer) Widen(ctx context.Context) error {
	if err := l.readable(); err != nil {
		return err
	}
	return l.wrap(layer.Widen(ctx, l.reader, l.Entries))
}

// VerifyTar returns an error unless the layer's tar, unpacked, has the digest that the
// config says. A layer that an engine or a folder holds in files has none, and passes.
func (l *Layer) VerifyTar(ctx context.Context) error {
	if err := l.readable(); err != nil {
		return err
	}
	got, err := layer.TarDigest(ctx, l.reader, l.Entries)
	switch {
	case errors.Is(err, layer.ErrNotStored):
		return nil
	case errors.Is(err, layer.ErrGone):
		return l.wrap(errors.New("its digest cannot be checked, because it came in a stream: unpack the archive first"))
	case err != nil:
		return l.wrap(err)
	case got != l.DiffID:
		return l.wrap(fmt.Errorf("its tar has the digest %s, but the config says %s", got, l.DiffID))
	}
	return nil
}
