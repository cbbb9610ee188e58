package layer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vbatts/tar-split/tar/storage"

	"github.com/peelhq/peel/internal/testkit"
)

// splitEntries reads a tar-split with peel's reader, up to its first error.
func splitEntries(b []byte) ([]storage.Entry, error) {
	r := newSplitReader(bytes.NewReader(b))
	var out []storage.Entry
	for {
		var l splitLine
		if err := r.next(&l); err != nil {
			return out, err
		}
		e := storage.Entry{Type: storage.SegmentType, Size: l.size, Payload: bytes.Clone(l.payload), Position: len(out)}
		if l.file {
			e.Type = storage.FileType
			e.SetNameBytes(bytes.Clone(l.name))
		}
		out = append(out, e)
	}
}

// plainSplitEntries reads it with the library.
func plainSplitEntries(b []byte) ([]storage.Entry, error) {
	r := storage.NewJSONUnpacker(bytes.NewReader(b))
	var out []storage.Entry
	for {
		e, err := r.Next()
		if err != nil {
			return out, err
		}
		out = append(out, *e)
	}
}

func sameSplitEntry(a, b storage.Entry) bool {
	if a.Type != b.Type || a.Position != b.Position || !bytes.Equal(a.Payload, b.Payload) {
		return false
	}
	return a.Type == storage.SegmentType || a.Size == b.Size && a.GetName() == b.GetName()
}

// checkSplit fails the test unless peel's reader returns what the library returns. It may
// reject what the library accepts, because peel then doesn't use the store, but never the
// reverse.
func checkSplit(t *testing.T, b []byte) {
	t.Helper()
	got, err := splitEntries(b)
	want, wantErr := plainSplitEntries(b)
	if !slices.EqualFunc(got, want[:min(len(want), len(got))], sameSplitEntry) && !errors.Is(wantErr, storage.ErrDuplicatePath) {
		t.Errorf("got %d lines, the library %d:\n got %+v\nwant %+v", len(got), len(want), got, want)
	}
	if errors.Is(err, io.EOF) && !errors.Is(wantErr, io.EOF) && !errors.Is(wantErr, storage.ErrDuplicatePath) {
		t.Errorf("accepted, but the library fails with %v", wantErr)
	}
}

func TestSplitReader(t *testing.T) {
	tests := []struct {
		name string
		text string
		ok   bool
	}{
		{"nothing", "", true},
		{"segment", `{"type":2,"payload":"AAECAw==","position":0}` + "\n", true},
		{"no payload", `{"type":2,"payload":null,"position":0}` + "\n", true},
		{"file", `{"type":1,"name":"a","size":3,"payload":"AAECAwQFBgc=","position":0}` + "\n", true},
		{"file without a name", `{"type":1,"payload":null,"position":0}` + "\n", true},
		{"name in base64", `{"type":1,"name_raw":"//4=","payload":null,"position":0}` + "\n", true},
		{"both names", `{"type":1,"name":"a","name_raw":"//4=","payload":null,"position":0}` + "\n", true},
		{"escapes", `{"type":1,"name":"\u003c\"\\\u2028é","payload":null,"position":0}` + "\n", true},
		{"other order", `{"position":0,"payload":null,"size":1,"name":"b","type":1}` + "\n", true},
		{"other case", `{"Type":1,"NAME":"b","payload":null,"position":0}` + "\n", true},
		{"spaces", `{ "type": 2, "payload": "AAEC", "position": 0 }` + " \r\n", true},
		{"more fields", `{"type":2,"payload":"AAEC","more":[1],"position":0}` + "\n", true},
		{"no UTF-8", `{"type":1,"name":"` + "\xff" + `","payload":null,"position":0}` + "\n", true},
		{"large size", `{"type":1,"size":9223372036854775807,"payload":null,"position":0}` + "\n", true},
		{"too large", `{"type":1,"size":9223372036854775808,"payload":null,"position":0}` + "\n", false},
		{"negative size", `{"type":1,"size":-1,"payload":null,"position":0}` + "\n", false},
		{"other type", `{"type":3,"payload":"AAEC","position":0}` + "\n", false},
		{"number that is none", `{"type":1,"size":01,"payload":null,"position":0}` + "\n", false},
		{"no base64", `{"type":2,"payload":"AAE","position":0}` + "\n", false},
		{"return in base64", `{"type":2,"payload":"AA` + "\r\r\r\r" + `EC","position":0}` + "\n", false},
		{"control character", `{"type":1,"name":"` + "\x01" + `","payload":null,"position":0}` + "\n", false},
		{"no end of line", `{"type":2,"payload":"AAEC","position":0}`, false},
		{"cut", `{"type":2,"payl` + "\n", false},
		{"not from 0", `{"type":2,"payload":"AAEC","position":1}` + "\n", false},
		{"a line is missing", `{"type":2,"payload":"AAEC","position":0}` + "\n" + `{"type":2,"payload":"AAEC","position":2}` + "\n", false},
		{"two on a line", `{"type":2,"payload":"AAEC","position":0}{"type":2,"payload":"AAEC","position":1}` + "\n", false},
		{"empty line", "\n", false},
		{"no JSON", "hello\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := splitEntries([]byte(tt.text)); errors.Is(err, io.EOF) != tt.ok {
				t.Errorf("got error %v, want success: %v", err, tt.ok)
			}
			checkSplit(t, []byte(tt.text))
		})
	}
	t.Run("long", func(t *testing.T) {
		if _, err := splitEntries(bytes.Repeat([]byte("x"), maxSplitLine+splitBuffer)); !errors.Is(err, errSplitLength) {
			t.Errorf("error %v", err)
		}
	})
}

// TestScanSplit compares the entries from a tar-split with those of the tar.
func TestScanSplit(t *testing.T) {
	for i, members := range testkit.StoredLayers() {
		layer := testkit.StoredTar(t, members)
		split := testkit.SplitOf(t, layer)
		checkSplit(t, split)
		checkScanSplit(t, i, layer, split)
	}
}

// scanPlain returns the entries of a plain tar.
func scanPlain(t *testing.T, archive []byte) (*Entries, error) {
	t.Helper()
	s, err := scanTar(t.Context(), newSeekInput(bytes.NewReader(archive), int64(len(archive))), false, &ScanOptions{})
	if err != nil {
		return nil, err
	}
	return s.Entries, nil
}

func checkScanSplit(t *testing.T, layer int, archive, split []byte) {
	t.Helper()
	want, err := scanPlain(t, archive)
	if err != nil {
		t.Fatal(err)
	}
	got, size, err := ScanSplit(t.Context(), bytes.NewReader(split), nil)
	if err != nil {
		t.Fatal(err)
	}
	if size != int64(len(archive)) {
		t.Errorf("layer %d: got %d bytes, want %d", layer, size, len(archive))
	}
	for i := range want.Len() {
		w := want.At(i)
		if _, crc := got.CRC(i); crc != (w.Type == File && w.Size > 0) {
			t.Errorf("layer %d: %s: has a checksum: %v", layer, w.Name, crc)
		}
	}
	if diff := unlikeButSums(got, want); diff != "" {
		t.Errorf("layer %d: %s", layer, diff)
	}
}

// unlikeButSums is unlike for entries of which only one list has checksums.
func unlikeButSums(a, b *Entries) string {
	for _, e := range []*Entries{a, b} {
		for _, block := range e.blocks {
			for i := range block.records {
				block.records[i].bits &^= bitSummed | bitCRC
			}
		}
	}
	return unlike(a, b)
}

// TestScanSplitRefuses damages a tar-split in ways that leave each line valid.
func TestScanSplitRefuses(t *testing.T) {
	split := string(testkit.SplitOf(t, testkit.StoredTar(t, testkit.StoredLayers()[0])))
	change := func(old, with string) string {
		if !strings.Contains(split, old) {
			t.Fatalf("no %s in %s", old, split)
		}
		return strings.Replace(split, old, with, 1)
	}
	tests := []struct{ name, text, says string }{
		{"size", change(`"etc/motd","size":8`, `"etc/motd","size":9`), "9 bytes in the tar-split, and 8"},
		{"name", change(`"name":"etc/motd"`, `"name":"etc/mote"`), `has "etc/mote" where the tar has "etc/motd"`},
		{"checksum", change(`"etc/motd","size":8,"payload":"`, `"etc/motd","size":8,"payload":"AAAA","x":"`), "checksum of 3 bytes"},
		{"end", split[:len(split)-20], "cut off"},
	}
	lines := strings.SplitAfter(split, "\n")
	tests = append(tests, []struct{ name, text, says string }{
		{"file first", renumber(lines[1:]), "a file where the tar-split should have a header"},
		{"file missing", renumber(slices.Concat(lines[:1], lines[2:])), "a header where a file should be"},
		{"file twice", renumber(slices.Concat(lines[:2], lines[1:])), "a file where the tar-split should have a header"},
		{"last file missing", renumber(lines[:1]), "cut off"},
	}...)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := ScanSplit(t.Context(), strings.NewReader(tt.text), nil)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got error %v, want one that says %q", err, tt.says)
			}
		})
	}
}

// renumber joins the lines of a tar-split, with positions counted from 0.
func renumber(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		if at := strings.LastIndex(line, `"position":`); at >= 0 {
			fmt.Fprintf(&b, "%s\"position\":%d}\n", line[:at], i)
		}
	}
	return b.String()
}

// FuzzSplitReader compares peel's reader with the library's, on any bytes and on what the
// library writes.
func FuzzSplitReader(f *testing.F) {
	f.Add([]byte(`{"type":1,"name":"a","size":3,"payload":"AAECAwQFBgc=","position":0}`+"\n"), []byte("a"), int64(3))
	f.Add([]byte(`{"type":2,"payload":null,"position":0}`+"\n"), []byte("\xff<"), int64(0))
	f.Add([]byte(`{"type":1,"name_raw":"//4=","payload":null,"position":0}`+"\n"), []byte("\u2028\\\""), int64(1)<<40)
	f.Fuzz(func(t *testing.T, text, name []byte, size int64) {
		checkSplit(t, text)
		var b bytes.Buffer
		w := storage.NewJSONPacker(&b)
		file := storage.Entry{Type: storage.FileType, Size: max(size, 0), Payload: text}
		file.SetNameBytes(name)
		w.AddEntry(storage.Entry{Type: storage.SegmentType, Payload: text})
		w.AddEntry(file)
		if _, err := splitEntries(b.Bytes()); !errors.Is(err, io.EOF) {
			t.Errorf("%s: error %v", b.Bytes(), err)
		}
		checkSplit(t, b.Bytes())
	})
}

// FuzzScanSplit compares the entries of any tar that can be split with those of the tar itself:
// they must be the same, or rejected.
func FuzzScanSplit(f *testing.F) {
	for _, members := range testkit.StoredLayers() {
		f.Add(testkit.StoredTar(f, members))
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		split, err := testkit.TrySplit(archive)
		if err != nil {
			return
		}
		got, _, err := ScanSplit(t.Context(), bytes.NewReader(split), nil)
		if err != nil {
			return
		}
		want, err := scanPlain(t, archive)
		if err != nil {
			t.Fatalf("accepted as a tar-split, but the tar is invalid: %v", err)
		}
		if diff := unlikeButSums(got, want); diff != "" {
			t.Error(diff)
		}
	})
}

// TestSplitOfRealEngine reads every tar-split in the layer database of a Docker engine that
// PEEL_LAYERDB names, with peel's reader and with the library.
func TestSplitOfRealEngine(t *testing.T) {
	dir := os.Getenv("PEEL_LAYERDB")
	if dir == "" {
		t.Skip("PEEL_LAYERDB isn't set to a folder of layers such as /var/lib/docker/image/overlay2/layerdb/sha256")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "tar-split.json.gz"))
	if len(files) == 0 {
		t.Fatalf("no layers in %s", dir)
	}
	for _, name := range files {
		split := ungzip(t, name)
		checkSplit(t, split)
		if _, _, err := ScanSplit(t.Context(), bytes.NewReader(split), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ungzip(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := Unpack(Gzip, f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// BenchmarkSplit compares the readers of a tar-split, without gzip.
func BenchmarkSplit(b *testing.B) {
	var members []testkit.StoredMember
	for i := range 2000 {
		members = append(members, testkit.StoredFile("usr/share/doc/"+strings.Repeat("n", i%50)+string(rune('a'+i%26))+strings.Repeat("x", i/26), "content"))
	}
	split := testkit.SplitOf(b, testkit.StoredTar(b, members))
	b.Run("peel", func(b *testing.B) {
		b.SetBytes(int64(len(split)))
		for b.Loop() {
			if _, _, err := ScanSplit(b.Context(), bytes.NewReader(split), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		b.SetBytes(int64(len(split)))
		for b.Loop() {
			r := storage.NewJSONUnpacker(bytes.NewReader(split))
			for {
				if _, err := r.Next(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
