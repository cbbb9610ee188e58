package layer

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Some compressed layers include a table of contents: it lists the files and the place of each
// content in the blob. With it, the layer can be listed, and a file read, without the rest of the
// layer.
//
// A table is a claim: it may list something other than the layer's content. Two things are
// verified: that it is the table with the digest in the image's manifest, and that a file's
// content has the digest in the table. A table without a digest is not used; nor are two tables
// of one layer, because they may differ.

// The formats of tables of contents.
const (
	EStargz     = "eStargz"      // Source: containerd/stargz-snapshotter, docs/estargz.md
	ZstdChunked = "zstd:chunked" // Source: containers/storage, docs/containers-storage-zstd-chunked.md
)

// The annotations of a layer's descriptor that name its table, by digest. podman and skopeo write
// the middle two today; skopeo 1.9 writes the last two; nerdctl writes the last two and the
// first, which is then the digest of the same table, unpacked. Source:
// containerd/stargz-snapshotter, estargz/zstdchunked, WriteTOCAndFooter.
const (
	stargzDigest       = "containerd.io/snapshot/stargz/toc.digest"
	chunkedDigest      = "io.github.containers.zstd-chunked.manifest-checksum"
	chunkedPosition    = "io.github.containers.zstd-chunked.manifest-position"
	oldChunkedDigest   = "io.containers.zstd-chunked.manifest-checksum"
	oldChunkedPosition = "io.containers.zstd-chunked.manifest-position"
)

// Limits on a table, in bytes: as stored in the layer, or its JSON in eStargz; and the unpacked
// JSON of zstd:chunked. The table of a million files has about 200 MB.
const (
	maxTable         = 64 << 20
	maxTableUnpacked = 512 << 20
)

// stargzFooterSize is the size of an eStargz footer in bytes: an empty gzip member that holds the
// table's offset.
const stargzFooterSize = 51

// stargzTail is how many bytes at the end of an eStargz layer are read first. They include the
// table of a small layer.
const stargzTail = 8 << 10

// A RangeFunc reads len(p) bytes of a blob from off on.
type RangeFunc func(ctx context.Context, p []byte, off int64) error

// A TableRef locates and identifies a layer's table of contents.
type TableRef struct {
	Form   string        // EStargz or ZstdChunked
	Digest digest.Digest // of the JSON in eStargz, or of the compressed JSON in zstd:chunked
	plain  digest.Digest // of the JSON in zstd:chunked, if the manifest has it; else ""

	// Outside returns the packed table from its place in the registry if it is not in the layer;
	// nil if such tables are not supported. Read calls it.
	Outside func(ctx context.Context) ([]byte, error)

	// IsOutside says that the table is not in the layer. Read sets it.
	IsOutside bool

	size                 int64 // of the blob, in bytes
	at, packed, unpacked int64 // offset of the table in zstd:chunked, and its sizes in bytes
}

// FindTable locates the table of contents of a layer of size bytes, from the annotations of its
// descriptor; nil if they name none. The error says why a named table is not used.
func FindTable(annotations map[string]string, size int64) (*TableRef, error) {
	var found *TableRef
	for _, form := range []struct{ form, digest, position string }{
		{EStargz, stargzDigest, ""},
		{ZstdChunked, chunkedDigest, chunkedPosition},
		{ZstdChunked, oldChunkedDigest, oldChunkedPosition},
	} {
		sum, ok := annotations[form.digest]
		if !ok {
			if _, placed := annotations[form.position]; placed && form.position != "" {
				return nil, errors.New("its table of contents has no digest")
			}
			continue
		}
		var plain digest.Digest
		switch {
		case found == nil:
		case found.Form == EStargz: // both may describe one table: Parse finds out
			plain = found.Digest
		default:
			return nil, errTwoTables
		}
		found = &TableRef{Form: form.form, Digest: digest.Digest(sum), plain: plain, size: size}
		if err := found.Digest.Validate(); err != nil {
			return nil, fmt.Errorf("the digest of its table of contents: %w", err)
		}
		if form.position == "" {
			continue
		}
		if err := found.place(annotations[form.position]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// errTwoTables says why a layer with two tables is read: they may differ.
var errTwoTables = errors.New("it has two tables of contents")

// place parses a position of zstd:chunked: "OFFSET:PACKED:UNPACKED:1".
func (t *TableRef) place(position string) error {
	fields := strings.Split(position, ":")
	var numbers [4]int64
	if len(fields) != len(numbers) {
		return fmt.Errorf("the position of its table of contents is malformed: %q", position)
	}
	for i, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("the position of its table of contents is malformed: %q", position)
		}
		numbers[i] = n
	}
	t.at, t.packed, t.unpacked = numbers[0], numbers[1], numbers[2]
	switch {
	case numbers[3] != 1:
		return fmt.Errorf("its table of contents is of the unknown type %d", numbers[3])
	case t.packed > maxTable || t.unpacked > maxTableUnpacked:
		return fmt.Errorf("its table of contents is too large: %d bytes, unpacked %d", t.packed, t.unpacked)
	case t.packed == 0 || t.at > t.size || t.packed > t.size-t.at:
		return errors.New("its table of contents is not in the layer")
	}
	return nil
}

// Read reads and verifies the table. The result is what Digest refers to.
func (t *TableRef) Read(ctx context.Context, read RangeFunc) (raw []byte, err error) {
	if t.Form == EStargz {
		raw, err = t.readStargz(ctx, read)
	} else {
		raw = make([]byte, t.packed)
		err = read(ctx, raw, t.at)
	}
	if err != nil {
		return nil, fmt.Errorf("reading its table of contents: %w", err)
	}
	if !t.Verified(raw) {
		return nil, fmt.Errorf("its table of contents is not the one that the manifest names (%s)", t.Digest)
	}
	return raw, nil
}

// Verified reports whether raw is a valid result of Read.
func (t *TableRef) Verified(raw []byte) bool { return t.Digest.Algorithm().FromBytes(raw) == t.Digest }

func (t *TableRef) readStargz(ctx context.Context, read RangeFunc) ([]byte, error) {
	tail := make([]byte, min(t.size, stargzTail))
	if err := read(ctx, tail, t.size-int64(len(tail))); err != nil {
		return nil, err
	}
	if footer := tail[max(len(tail)-outsideFooterSize, 0):]; footerField(footer) == outsideField {
		return t.readOutside(ctx)
	}
	at, err := stargzFooter(tail)
	if err != nil {
		return nil, err
	}
	end := t.size - stargzFooterSize
	if at < 0 || at >= end {
		return nil, errors.New("it is not in the layer")
	}
	if end-at > maxTable {
		return nil, fmt.Errorf("it is too large: %d bytes", end-at)
	}
	packed := tail[:len(tail)-stargzFooterSize]
	if first := t.size - int64(len(tail)); at >= first {
		packed = packed[at-first:]
	} else {
		rest := make([]byte, first-at)
		if err := read(ctx, rest, at); err != nil {
			return nil, err
		}
		packed = slices.Concat(rest, packed)
	}
	return stargzJSON(packed)
}

// outsideFooterSize is the footer size, in bytes, of an eStargz layer whose table is elsewhere,
// and outsideField is the content of that footer. Source: containerd/stargz-snapshotter,
// estargz/externaltoc.
const (
	outsideFooterSize = 46
	outsideField      = "SG\x11\x00STARGZEXTERNALTOC"
)

// footerField returns the extra field of an empty gzip member, "" for anything else.
func footerField(footer []byte) string {
	z, err := gzip.NewReader(bytes.NewReader(footer))
	if err != nil {
		return ""
	}
	return string(z.Extra)
}

func (t *TableRef) readOutside(ctx context.Context) ([]byte, error) {
	if t.Outside == nil {
		return nil, errors.New("it is not in the layer")
	}
	packed, err := t.Outside(ctx)
	if err != nil {
		return nil, err
	}
	t.IsOutside = true
	return stargzJSON(packed)
}

// stargzFooter returns the table's offset from the end of an eStargz layer.
func stargzFooter(tail []byte) (at int64, err error) {
	bad := errors.New("the layer does not end as eStargz does")
	if len(tail) < stargzFooterSize {
		return 0, bad
	}
	const form = "SG\x16\x00" // the field's name, and the number of bytes after it
	text, ok := strings.CutPrefix(footerField(tail[len(tail)-stargzFooterSize:]), form)
	hex, ends := strings.CutSuffix(text, "STARGZ")
	if !ok || !ends || len(hex) != 16 {
		return 0, bad
	}
	if at, err = strconv.ParseInt(hex, 16, 64); err != nil {
		return 0, bad
	}
	return at, nil
}

// stargzJSON unpacks the table of eStargz: a gzip member with a tar of one file.
func stargzJSON(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, noEOF(err)
	}
	t := tar.NewReader(z)
	h, err := t.Next()
	switch {
	case err != nil:
		return nil, noEOF(err)
	case h.Name != stargzTOC:
		return nil, fmt.Errorf("the last file of the layer is not %s", stargzTOC)
	case h.Size > maxTable:
		return nil, fmt.Errorf("it is too large: %d bytes", h.Size)
	}
	return io.ReadAll(io.LimitReader(t, maxTable+1))
}

// json returns a reader of the JSON in Read's result. After the JSON has been read, done reports
// whether it matches the manifest's digest.
func (t *TableRef) json(raw []byte) (r io.ReadCloser, done func() error, err error) {
	r, err = t.unpack(raw)
	if err != nil || t.plain == "" {
		return r, func() error { return nil }, err
	}
	sum := t.plain.Algorithm().Hash()
	passing := io.TeeReader(r, sum)
	return closing{passing, r}, func() error {
		if _, err := io.Copy(io.Discard, passing); err != nil {
			return err
		}
		if digest.NewDigest(t.plain.Algorithm(), sum) != t.plain {
			return errTwoTables
		}
		return nil
	}, nil
}

func (t *TableRef) unpack(raw []byte) (io.ReadCloser, error) {
	if t.Form == EStargz {
		return io.NopCloser(bytes.NewReader(raw)), nil
	}
	z, err := Unpack(Zstd, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return closing{io.LimitReader(z, t.unpacked), z}, nil
}

// contentEnd returns the latest possible end of file content in the blob.
func (t *TableRef) contentEnd() int64 {
	switch {
	case t.IsOutside:
		return t.size - outsideFooterSize
	case t.Form == EStargz:
		return t.size - stargzFooterSize
	}
	return t.at
}

// packing returns the compression of file content.
func (t *TableRef) packing() Form {
	if t.Form == EStargz {
		return Gzip
	}
	return Zstd
}
