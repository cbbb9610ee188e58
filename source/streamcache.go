package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/peelhq/peel/source/engine"
	"github.com/peelhq/peel/source/layer"
)

// An image that comes as a stream has to be read to its end. The result is
// therefore cached as a whole: the small files as they are, and the entries of
// the layers. The image can then be opened from the cache instead of the
// stream. The key covers everything that determines the bytes of the stream:
//
//   - for an engine: the engine, the request, and the engine's description of the
//     image, above all its ID: the digest of the config (or manifest), which
//     names the digests of the layers;
//   - for a compressed archive: the file and its state (fileState).
//
// Contents are not cached, so a caller that wants contents reads the stream
// again.

// The kinds of members in a stream.
const (
	memberOther    = iota // irrelevant
	memberDocument        // a document with its bytes
	memberLayer           // a layer: its format, digest and entries
	memberForm            // a layer in an unsupported format
)

// saved returns the members of an engine's save of an image.
func (o *opener) saved(ctx context.Context, e engine.Engine, ref string, info engine.Image) (*stream, error) {
	key := ""
	if strings.HasPrefix(info.ID, "sha256:") && len(info.DiffIDs) > 0 {
		key = layer.CacheName(fmt.Sprintf("save %q", slices.Concat(e.Identity(), []string{
			ref, o.Platform, info.ID, info.Platform.String(), fmt.Sprintf("%q", info.Tags),
		}, info.DiffIDs))) + ".image"
	}
	if st := o.remembered(key); st != nil {
		return st, nil
	}
	want, err := wantedOf(o.Platform)
	if err != nil {
		return nil, err
	}
	r, err := e.Save(ctx, ref, info, want)
	if err != nil {
		return nil, err
	}
	if o.meter != nil && o.meter.arrivals != nil {
		o.meter.arrivals.ordered(info.DiffIDs)
	}
	st, err := o.stream(ctx, r, info.Size, r.Close)
	if err == nil {
		o.remember(ctx, key, st)
	}
	return st, err
}

// packedFile returns the members of a compressed archive; head is its start, already read. It
// closes f.
func (o *opener) packedFile(ctx context.Context, f *os.File, head []byte, size int64) (*stream, error) {
	key := o.cache.fileKey(f)
	if st := o.remembered(key); st != nil {
		return st, f.Close()
	}
	var after string
	st, err := o.stream(ctx, io.MultiReader(strings.NewReader(string(head)), f), size, func() error {
		after = o.cache.fileKey(f)
		return f.Close()
	})
	if err == nil && after == key {
		o.remember(ctx, key, st)
	}
	return st, err
}

// fileKey returns the cache key for a file's members, or "".
func (c *cache) fileKey(f *os.File) string {
	if c == nil {
		return ""
	}
	state, ok := layer.FileState(f)
	if !ok {
		return ""
	}
	return layer.CacheName(fmt.Sprintln("archive", state)) + ".image"
}

// remembered returns the cached members for a key, or nil.
func (o *opener) remembered(key string) *stream {
	if key == "" || o.KeepContent || o.cache == nil {
		return nil
	}
	b, ok := o.cache.Read(o.streamName(key), imageKind)
	if !ok {
		return nil
	}
	r := &memberDecoder{layer.NewDecoder(b, o.budget)}
	members, layers := r.members()
	if !r.End() {
		o.Log.Debug("a file of the cache cannot be used", "name", key, "error", errCacheFile)
		return nil
	}
	o.Log.Debug("seen before: not read again", "layers", layers)
	o.meter.expect(0, layers)
	for range layers {
		o.meter.layerDone()
	}
	return &stream{members: members, shelf: layer.NewShelf()}
}

// remember caches the members of a stream under a key, unless the key is "".
func (o *opener) remember(ctx context.Context, key string, st *stream) {
	if o.cache == nil || key == "" {
		return
	}
	if body, ok := o.appendMembers(ctx, st.members); ok {
		o.cache.Write(o.streamName(key), imageKind, body)
	}
}

// streamName returns the cache file's name for a key. It depends on the collectors too.
func (o *opener) streamName(key string) string {
	if len(o.Collect) == 0 {
		return key
	}
	names := []string{key}
	for _, c := range o.Collect {
		names = append(names, c.Name)
	}
	return layer.CacheName(fmt.Sprintf("%q", names)) + ".image"
}

// appendMembers encodes the members of a stream. It reports false if one was damaged, so that the
// damage is found again each time.
func (o *opener) appendMembers(ctx context.Context, m *members) (b []byte, ok bool) {
	b = binary.AppendUvarint(b, uint64(len(m.files)))
	for _, name := range slices.Sorted(maps.Keys(m.files)) {
		f := m.files[name]
		if f == nil {
			return nil, false
		}
		b = binary.AppendUvarint(layer.AppendText(layer.AppendText(b, name), f.name()), uint64(f.size()))
		if b, ok = o.appendMember(ctx, b, f); !ok {
			return nil, false
		}
	}
	b = binary.AppendUvarint(b, uint64(len(m.links)))
	for _, name := range slices.Sorted(maps.Keys(m.links)) {
		b = layer.AppendText(layer.AppendText(b, name), m.links[name])
	}
	b = binary.AppendUvarint(b, uint64(len(m.odd)))
	for _, name := range slices.Sorted(maps.Keys(m.odd)) {
		b = layer.AppendText(b, name)
	}
	return b, true
}

func (o *opener) appendMember(ctx context.Context, b []byte, f blob) ([]byte, bool) {
	if d, ok := f.(*documentBlob); ok {
		return layer.AppendBytes(append(b, memberDocument), d.text), true
	}
	s, err := f.layer().Scan(ctx, layer.ScanOptions{}) // already scanned: this reads nothing
	var unsupported layer.UnsupportedError
	switch {
	case errors.As(err, &unsupported):
		return layer.AppendText(append(b, memberForm), unsupported.Form), true
	case errors.Is(err, layer.ErrNotLayer):
		return append(b, memberOther), true
	case err != nil:
		return nil, false
	}
	return layer.AppendScanned(append(b, memberLayer), s, o.Collect)
}

// A memberDecoder decodes the output of appendMembers.
type memberDecoder struct{ *layer.Decoder }

// members decodes the members of a stream; layers is their number of layers.
func (r *memberDecoder) members() (m *members, layers int) {
	m = newMembers()
	for range r.Count(4) {
		name := r.Text()
		named := label{r.Text(), int64(r.Number(math.MaxInt64))}
		f, isLayer := r.member(named)
		if isLayer {
			layers++
		}
		m.files[name] = f
	}
	for range r.Count(2) {
		name := r.Text()
		m.links[name] = r.Text()
	}
	for range r.Count(1) {
		m.odd[r.Text()] = true
	}
	return m, layers
}

func (r *memberDecoder) member(named label) (f blob, isLayer bool) {
	switch r.Byte() {
	case memberOther:
		return &passedBlob{named, layer.NewPassed(nil, layer.ErrNotLayer)}, false
	case memberDocument:
		text := bytes.Clone(r.Bytes())
		if int64(len(text)) != named.bytes {
			r.Fail()
		}
		return &documentBlob{named, text}, false
	case memberForm:
		return &passedBlob{named, layer.NewPassed(nil, layer.UnsupportedError{Form: r.Text()})}, false
	case memberLayer:
		s, _ := r.Scanned()
		return &passedBlob{named, layer.NewPassed(s, nil)}, true
	default:
		r.Fail()
		return &passedBlob{named, layer.NewPassed(nil, layer.ErrNotLayer)}, false
	}
}
