package testkit

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vbatts/tar-split/tar/asm"
	"github.com/vbatts/tar-split/tar/storage"
)

// A StoredMember is one member of a layer in a fake store.
type StoredMember struct {
	tar.Header
	Content string
}

// StoredFile returns a regular file.
func StoredFile(name, content string) StoredMember {
	return StoredMember{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(1600000000, 0)}, content}
}

// StoredOther returns anything else.
func StoredOther(name string, typ byte, link string) StoredMember {
	return StoredMember{tar.Header{Name: name, Typeflag: typ, Mode: 0o755, Linkname: link}, ""}
}

// StoredLayers returns layers with special cases for a tar-split: headers that span several
// blocks, names that JSON escapes, bodies of every size.
func StoredLayers() [][]StoredMember {
	attributes := StoredFile("srv/capable", strings.Repeat("x", 511))
	attributes.PAXRecords = map[string]string{"SCHILY.xattr.user.a": "b"}
	raw := StoredFile("srv/\xff\xfe", "raw")
	if runtime.GOOS == "darwin" { // which doesn't accept such a name
		raw = StoredFile("srv/raw", "raw")
	}
	return [][]StoredMember{
		{
			StoredOther("etc/", tar.TypeDir, ""), StoredFile("etc/motd", "welcome\n"), StoredFile("etc/empty", ""),
			StoredFile("etc/same", "the same"), StoredFile("etc/changed", "one"), StoredFile("etc/chmod", "mode"),
			StoredOther("etc/link", tar.TypeSymlink, "/etc/motd"), StoredOther("etc/hard", tar.TypeLink, "etc/motd"),
			StoredOther("dev/null", tar.TypeChar, ""), StoredOther("run/pipe", tar.TypeFifo, ""),
		},
		{
			StoredFile("etc/same", "the same"), StoredFile("etc/changed", "two"),
			StoredFile("etc/.wh.motd", ""), StoredFile("srv/<&>\u2028\"\\", "odd"), raw,
			StoredFile("srv"+strings.Repeat("/"+strings.Repeat("long", 25), 4), strings.Repeat("y", 512)), attributes,
			StoredFile("srv/ümlaut", strings.Repeat("z", 100_000)), StoredFile("./srv/dotted", "dot"),
		},
		{StoredOther("opt/", tar.TypeDir, ""), StoredFile("opt/.wh..wh..opq", ""), StoredFile("etc/same", "the same")},
	}
}

// StoredTar writes members as a tar.
func StoredTar(t testing.TB, members []StoredMember) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := m.Header
		if h.PAXRecords != nil {
			h.Format = tar.FormatPAX
		}
		if strings.Contains(h.Name, "\xff") || strings.Contains(h.Name, "ü") {
			h.Format = tar.FormatGNU
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.Content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b.Write(make([]byte, 8192)) // more padding than a tar needs
	return b.Bytes()
}

// SplitOf returns a tar's tar-split, written with the library that engines use.
func SplitOf(t testing.TB, layer []byte) []byte {
	t.Helper()
	split, err := TrySplit(layer)
	if err != nil {
		t.Fatal(err)
	}
	return split
}

// TrySplit is SplitOf for data that may not be a tar that can be split.
func TrySplit(layer []byte) ([]byte, error) {
	var b bytes.Buffer
	in, done, err := asm.NewInputTarStreamWithDone(bytes.NewReader(layer), storage.NewJSONPacker(&b), nil)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, in)
	return b.Bytes(), errors.Join(err, <-done)
}
