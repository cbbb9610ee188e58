package testkit

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// gzipWriters are reused, because a writer is large and most data is small.
var gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// Gzip returns b as one gzip member.
func Gzip(b []byte) []byte {
	var buf bytes.Buffer
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	w.Reset(&buf)
	w.Write(b) // never fails in memory
	w.Close()
	return buf.Bytes()
}

// packed holds compressed layers, because many tests write the same fixtures.
var packed struct {
	sync.Mutex
	layers map[string][]byte
	size   int
}

// mostPacked limits the size of what packed holds, in bytes.
const mostPacked = 32 << 20

// packedOnce returns what pack returned at the first call with the key.
func packedOnce(key string, pack func() []byte) []byte {
	packed.Lock()
	known, ok := packed.layers[key]
	packed.Unlock()
	if ok {
		return bytes.Clone(known)
	}
	out := pack()
	packed.Lock()
	defer packed.Unlock()
	if _, ok := packed.layers[key]; !ok && packed.size+len(out) <= mostPacked {
		if packed.layers == nil {
			packed.layers = map[string][]byte{}
		}
		packed.layers[key] = bytes.Clone(out)
		packed.size += len(out)
	}
	return out
}

// zstdWriter is shared, because it is even larger.
var zstdWriter = sync.OnceValue(func() *zstd.Encoder {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		panic(err) // the options are constant
	}
	return w
})

// Zstd returns b as one zstd frame.
func Zstd(b []byte) []byte { return zstdWriter().EncodeAll(b, nil) }

// gzipMembers returns b as several gzip members, one of them empty.
func gzipMembers(b []byte) []byte {
	third := len(b) / 3
	return bytes.Join([][]byte{Gzip(b[:third]), Gzip(nil), Gzip(b[third : 2*third]), Gzip(b[2*third:])}, nil)
}

// zstdFrames returns b as several zstd frames with skippable ones before,
// between and after them.
func zstdFrames(b []byte) []byte {
	half := len(b) / 2
	return bytes.Join([][]byte{
		skippable([]byte("before")), Zstd(b[:half]), skippable(nil), Zstd(b[half:]), skippable([]byte("after")),
	}, nil)
}

// skippable returns a zstd frame that decoders skip (RFC 8878, 3.1.2).
func skippable(content []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0x184D2A50)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(content)))
	return append(b, content...)
}

// zstdChunked returns b in the zstd:chunked format of containers/storage: frames, then the
// table of contents and a footer in skippable frames.
func zstdChunked(b []byte) []byte {
	half := len(b) / 2
	toc := Zstd([]byte(`{"version":1,"entries":[]}`))
	footer := make([]byte, 64)
	copy(footer[56:], "GNUlInUx")
	return bytes.Join([][]byte{Zstd(b[:half]), Zstd(b[half:]), skippable(toc), skippable(footer)}, nil)
}

// eStargz returns the layer as stargz-snapshotter writes it: first a landmark, then every entry
// in a separate gzip member, the table of contents as the last entry, and a footer that is an
// empty gzip member. The second result is the tar inside, whose digest is the layer's diffID.
func eStargz(l *Layer) (blob, tar []byte) {
	landmark := Entry{Type: '0', Name: ".no.prefetch.landmark", Mode: 0o644, Time: DefaultTime, Text: "\x0f", Size: 1}
	toc := `{"version":1,"entries":[]}`
	index := Entry{Type: '0', Name: "stargz.index.json", Mode: 0o444, Time: DefaultTime, Text: toc, Size: int64(len(toc))}
	var members [][]byte
	for _, e := range append(append([]Entry{landmark}, l.Entries...), index) {
		var w tarWriter
		w.entry(&e)
		members = append(members, w.Bytes())
	}
	var w tarWriter
	w.zeros(2 * blockSize)
	last := len(members) - 1
	members[last] = append(members[last], w.Bytes()...)
	for _, m := range members {
		blob = append(blob, Gzip(m)...)
		tar = append(tar, m...)
	}
	var footer bytes.Buffer
	z := gzip.NewWriter(&footer)
	z.Extra = fmt.Appendf([]byte("SG\x16\x00"), "%016xSTARGZ", len(blob))
	z.Close()
	return append(blob, footer.Bytes()...), tar
}

// Unreadable maps the values of a fixture's "as" for unreadable layers to the bytes that a
// reader finds. A "foreign" layer's blob is stored elsewhere, and an "absent" one's was left
// out, so both have none.
var Unreadable = map[string][]byte{
	"bzip2":     []byte("BZh91AY&SY\x00\x01\x02\x03 not really, but it begins like it"),
	"xz":        []byte("\xfd7zXZ\x00\x00\x04 not really, but it begins like it"),
	"squashfs":  append([]byte("hsqs"), make([]byte, 1020)...),
	"encrypted": []byte("\x8b\x01\xe7\x55 what only the holder of a key can read \x00\x9c"),
	"nydus":     []byte("a blob of Nydus: chunks of files, \x28\xb5 packed one by one"),
	"foreign":   nil,
	"absent":    nil,
}
