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
)

// An image that comes as a stream has to be read to its end to be known. What
// was found in the stream is therefore kept as a whole: its small files as they
// are, and the entries of its layers; the image is then opened from that as from
// the stream itself. It is kept under what decides every byte of the stream:
//
//   - of an engine: which engine, what was asked of it, and what it says of the
//     image, which is its ID above all: the digest of the config (or manifest),
//     which names the digests of the layers;
//   - of a compressed archive: the file and the state that it is in (fileState).
//
// Contents are not kept, so whoever wants those reads the stream again.

// The kinds of files in a stream.
const (
	memberOther    = iota // something of no interest
	memberDocument        // a document, with its bytes
	memberLayer           // a layer: its form, its digest, its entries
	memberForm            // a layer in a form that is not read
)

// saved returns what an engine's save of an image holds.
func (o *opener) saved(ctx context.Context, e engine.Engine, ref string, info engine.Image) (*stream, error) {
	key := ""
	if strings.HasPrefix(info.ID, "sha256:") && len(info.DiffIDs) > 0 {
		key = hashName(fmt.Sprintf("save %q", slices.Concat(e.Identity(), []string{
			ref, o.Platform, info.ID, info.Platform.String(), fmt.Sprintf("%q", info.Tags),
		}, info.DiffIDs))) + ".image"
	}
	if st := o.kept(key); st != nil {
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
	st, err := o.stream(ctx, r, info.Size, r.Close)
	if err == nil {
		st.key = key
	}
	return st, err
}

// packedFile returns what a compressed archive holds, of which head has been
// read. It closes f.
func (o *opener) packedFile(ctx context.Context, f *os.File, head []byte, size int64) (*stream, error) {
	key := o.cache.fileKey(f)
	if st := o.kept(key); st != nil {
		return st, f.Close()
	}
	var after string
	st, err := o.stream(ctx, io.MultiReader(strings.NewReader(string(head)), f), size, func() error {
		after = o.cache.fileKey(f)
		return f.Close()
	})
	if err == nil && after == key {
		st.key = key
	}
	return st, err
}

// fileKey returns the name under which what a file holds is kept, or "".
func (c *cache) fileKey(f *os.File) string {
	if c == nil {
		return ""
	}
	state, ok := stateOf(f)
	if !ok {
		return ""
	}
	return hashName(fmt.Sprintln("archive", state)) + ".image"
}

// kept returns what is kept under a key, or nil.
func (o *opener) kept(key string) *stream {
	if key == "" || o.KeepContent || o.cache == nil {
		return nil
	}
	b, ok := o.cache.read(key, imageKind)
	if !ok {
		return nil
	}
	r := &cacheReader{b: b}
	members, layers := r.members()
	if r.bad || len(r.b) > 0 {
		o.Log.Debug("a file of the cache cannot be used", "name", key, "error", errCacheFile)
		return nil
	}
	o.Log.Debug("seen before: not read again", "layers", layers)
	o.meter.expect(0, layers)
	for range layers {
		o.meter.layerDone()
	}
	return &stream{members: members}
}

// keepStream keeps what was found in a stream, if b is one with a key.
func (c *cache) keepStream(b bundle) {
	st, ok := b.(*stream)
	if c == nil || !ok || st.key == "" {
		return
	}
	if body, ok := writtenMembers(st.members); ok {
		c.write(st.key, imageKind, body)
	}
	st.key = ""
}

// writtenMembers is what a stream holds, as it is written. It reports false if something in it
// was broken: that is found again each time.
func writtenMembers(m *members) (b []byte, ok bool) {
	b = binary.AppendUvarint(b, uint64(len(m.files)))
	for _, name := range slices.Sorted(maps.Keys(m.files)) {
		f := m.files[name]
		if f == nil {
			return nil, false
		}
		b = binary.AppendUvarint(appendText(appendText(b, name), f.name), uint64(f.size))
		if b, ok = appendMember(b, f); !ok {
			return nil, false
		}
	}
	b = binary.AppendUvarint(b, uint64(len(m.links)))
	for _, name := range slices.Sorted(maps.Keys(m.links)) {
		b = appendText(appendText(b, name), m.links[name])
	}
	b = binary.AppendUvarint(b, uint64(len(m.odd)))
	for _, name := range slices.Sorted(maps.Keys(m.odd)) {
		b = appendText(b, name)
	}
	return b, true
}

func appendMember(b []byte, f *blob) ([]byte, bool) {
	var unsupported errUnsupported
	switch s := f.seen; {
	case s == nil:
		return nil, false
	case errors.As(s.err, &unsupported):
		return appendText(append(b, memberForm), unsupported.form), true
	case errors.Is(s.err, errNotLayer) && f.body != nil:
		return appendBytes(append(b, memberDocument), f.body), true
	case errors.Is(s.err, errNotLayer):
		return append(b, memberOther), true
	case s.err != nil:
		return nil, false
	}
	return appendEntries(appendText(append(b, memberLayer, byte(f.seen.form)), f.seen.digest), f.seen.entries)
}

// members reads what a stream holds; layers is of how many layers.
func (r *cacheReader) members() (m *members, layers int) {
	m = newMembers()
	for range r.count(4) {
		name := r.text()
		f := &blob{name: r.text(), size: int64(r.number(math.MaxInt64))}
		if r.member(f); f.seen != nil && f.seen.err == nil {
			layers++
		}
		m.files[name] = f
	}
	for range r.count(2) {
		name := r.text()
		m.links[name] = r.text()
	}
	for range r.count(1) {
		m.odd[r.text()] = true
	}
	return m, layers
}

func (r *cacheReader) member(f *blob) {
	switch r.byte() {
	case memberOther:
		f.seen = &scanned{form: notAnything, err: errNotLayer}
	case memberDocument:
		f.seen, f.body = &scanned{form: notAnything, err: errNotLayer}, bytes.Clone(r.bytes())
		if int64(len(f.body)) != f.size {
			r.fail()
		}
	case memberForm:
		f.seen = &scanned{form: unreadable, err: errUnsupported{r.text()}}
	case memberLayer:
		f.seen = &scanned{form: compression(r.byte()), digest: r.text()}
		if f.seen.form > zstandard {
			r.fail()
		}
		f.seen.entries = r.entries()
	default:
		r.fail()
	}
}
