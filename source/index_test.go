package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source/layer"
)

// indexed returns an image with everything that an index can hold, and its index.
func indexed(tb testing.TB) (*Image, []byte) {
	tb.Helper()
	im := &Image{
		Name: "app:1", ID: "sha256:aa", Digest: "sha256:bb", Platform: "windows/amd64", Created: time.Unix(1_700_000_000, 5).UTC(),
		OSVersion: "10.0.1", OSFeatures: []string{"win32k"},
		Config:      Config{User: "u", Env: []string{"A=<b>&c"}, Labels: map[string]string{"l": "\u2028"}, Cmd: []string{"x"}},
		History:     []Step{{Command: "RUN a"}, {Command: "ENV", Empty: true}},
		Annotations: map[string]string{"a": "b"},
		Provenance:  &Provenance{Files: []BuildFile{{"Dockerfile", []byte("FROM\xff")}}, Lines: []BuildLines{{0, 1, 2}, {}, {}}},
		Flaws:       []Flaw{{-1, "\xff", "odd"}},
		Container:   &Container{Engine: "docker", Name: "web", Mounts: []Mount{{}}},
	}
	root := tb.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a"), []byte("text"), 0o600); err != nil {
		tb.Fatal(err)
	}
	members := []testkit.Member{{Name: "d/", Dir: true}, {Name: "d/f", Data: []byte("content")}, {Name: "d/g", Data: []byte("content")}}
	packed := testkit.Gzip(testkit.TarOf(members))
	im.Layers = []*Layer{
		{Index: 0, DiffID: "sha256:cc", Digest: "", MediaType: "m", CompressedBytes: int64(len(packed)), Step: im.History[0], size: int64(len(packed)), reader: layer.Open(bytes.NewReader(packed), int64(len(packed)), "", nil)},
		{Index: 1, CompressedBytes: -1, Err: &absentBlob{fs.ErrNotExist}},
		{Index: 2, CompressedBytes: -1, OfContainer: true, ListedBy: layer.EStargz},
	}
	plain := testkit.TarOf(members)
	im.Layers[2].reader = layer.Open(bytes.NewReader(plain), int64(len(plain)), "", nil)
	im.scan.Collect = []Collector{{Name: "all/1", Wants: func(r *Record) bool { return r.Size == 7 }}}
	if err := im.Scan(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	im.Layers[2].ListedBy = layer.EStargz
	if err := im.Sum(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteIndex(tb.Context(), &b, im); err != nil {
		tb.Fatal(err)
	}
	return im, b.Bytes()
}

// opening returns the opener of an index.
func opening(collect ...Collector) *opener {
	return &opener{Options: Options{Log: slog.New(slog.DiscardHandler), Collect: collect}, budget: layer.NewBudget(32 << 20)}
}

// TestIndex opens a written index and expects everything but contents.
func TestIndex(t *testing.T) {
	im, file := indexed(t)
	got, err := opening(im.scan.Collect...).indexImage(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if is, was := got.indexed(), im.indexed(); !reflect.DeepEqual(toJSON(t, is), toJSON(t, was)) {
		t.Errorf("got\n%+v\nwant\n%+v", is, was)
	}
	if got.Flaws[0].Path != "\xff" || string(got.Provenance.Files[0].Text) != "FROM\xff" {
		t.Error("the index doesn't keep its bytes")
	}
	for i, l := range got.Layers {
		was := im.Layers[i]
		if (l.Err == nil) != (was.Err == nil) {
			t.Fatalf("layer %d: %v", i, l.Err)
		}
		if l.Err != nil {
			if !errors.Is(l.Err, fs.ErrNotExist) || l.Err.Error() != was.Err.Error() {
				t.Errorf("layer %d: %v, want %v", i, l.Err, was.Err)
			}
			continue
		}
		for k := range was.Entries.Len() {
			a, b := l.Entries.At(k), was.Entries.At(k)
			if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) || a.Type == File && !a.Summed {
				t.Errorf("got %+v, want %+v", a, b)
			}
		}
		if !reflect.DeepEqual(l.Facts, was.Facts) || len(l.Facts) != 2 {
			t.Errorf("facts %v, want %v", l.Facts, was.Facts)
		}
		if _, err := l.Open(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "content is not here") {
			t.Errorf("content: %v", err)
		}
		if err := l.Sum(t.Context(), []int{0, 1, 2}); err != nil {
			t.Error(err)
		}
	}
	var again bytes.Buffer
	if err := WriteIndex(t.Context(), &again, got); err != nil || !bytes.Equal(again.Bytes(), file) {
		t.Errorf("writing it again gives another file, %v", err)
	}
	more, err := opening(Collector{Name: "more/1"}).indexImage(t.Context(), file)
	if err != nil || !strings.Contains(fmt.Sprint(more.Flaws), "write it again to get everything") {
		t.Errorf("got unexpected facts: %v, %v", more.Flaws, err)
	}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sealedIndex returns an index with this body and a valid checksum.
func sealedIndex(tb testing.TB, version string, body []byte) []byte {
	tb.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	file := z.EncodeAll(body, []byte(indexMagic+version+"\n"))
	sum := sha256.Sum256(file)
	return append(file, sum[:]...)
}

// indexBody returns the uncompressed body of an index.
func indexBody(tb testing.TB, file []byte) []byte {
	tb.Helper()
	z, err := zstd.NewReader(nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer z.Close()
	body, err := z.DecodeAll(file[len(indexMagic)+2:len(file)-sha256.Size], nil)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// TestIndexBroken checks that files that are cut off, damaged, of another version or not an
// index are refused.
func TestIndexBroken(t *testing.T) {
	_, file := indexed(t)
	open := func(b []byte) error {
		name := filepath.Join(t.TempDir(), "index")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(context.Background(), "index:"+name, Options{})
		return err
	}
	for n := 0; n < len(file); n += testkit.Stride(1) {
		if err := open(file[:n]); err == nil {
			t.Fatalf("cut off at byte %d, it still opens", n)
		}
		damaged := bytes.Clone(file)
		damaged[n] ^= 0x20
		if err := open(damaged); err == nil {
			t.Fatalf("with byte %d changed, it still opens", n)
		}
	}
	body := indexBody(t, file)
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"whole", sealedIndex(t, "1", body), ""},
		{"cut off", file[:len(file)-1], "damaged or not whole: copy it again, or write it again with peel index"},
		{"of a later version", sealedIndex(t, "2", body), "an index of version 2, and this peel reads version 1: use a newer peel, or write the index again"},
		{"of no version", sealedIndex(t, "x", body), "damaged"},
		{"something behind", sealedIndex(t, "1", append(bytes.Clone(body), 0)), "damaged"},
		{"a part that is cut off", sealedIndex(t, "1", body[:len(body)-1]), "damaged"},
		{"a part of exabytes", sealedIndex(t, "1", bytes.Repeat([]byte{0xff}, 8)), "damaged"},
		{"a part of gigabytes", sealedIndex(t, "1", []byte{0x80, 0x80, 0x80, 0x80, 0x10}), "a part of 4294967296 bytes"},
		{"no JSON", sealedIndex(t, "1", []byte("\x01{")), "damaged"},
		{"a layer that is not there", sealedIndex(t, "1", part(`{"Layers":[{}]}`)), "layer 0: the index is damaged"},
		{"a flaw of no layer", sealedIndex(t, "1", part(`{"Flaws":[{"Layer":3}]}`)), "damaged"},
		{"a size below zero", sealedIndex(t, "1", part(`{"Layers":[{"Size":-1,"Err":"x"}]}`)), "damaged"},
		{"a provenance of other layers", sealedIndex(t, "1", part(`{"Attested":true,"Lines":[{}]}`)), "damaged"},
		{"too many layers", sealedIndex(t, "1", part(`{"Layers":[`+strings.Repeat(`{"Err":"x"},`, maxLayers)+`{"Err":"x"}]}`)), "more than 10000 layers"},
		{"other rules", sealedIndex(t, "1", part(`{"Rules":1}`)), ""},
		{"another file", []byte("something else altogether"), "not an index, as peel index writes it"},
		{"empty", nil, "it is empty"},
	} {
		err := open(test.file)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
	if _, err := Open(t.Context(), "index:"+filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func part(text string) []byte {
	var b bytes.Buffer
	_ = writePart(&b, []byte(text)) // it never fails
	return b.Bytes()
}

// FuzzIndex opens any content with a valid checksum, and expects an error, or an image that can
// be written and opened again.
func FuzzIndex(f *testing.F) {
	_, file := indexed(f)
	f.Add(indexBody(f, file))
	f.Add(part(`{"Layers":[{"Err":"x"}],"Flaws":[{"Layer":0}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		im, err := opening().indexImage(t.Context(), sealedIndex(t, "1", body))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := WriteIndex(t.Context(), &b, im); err != nil {
			return // for example, its description has grown
		}
		again, err := opening().indexImage(t.Context(), b.Bytes())
		if err != nil {
			t.Fatalf("cannot open the written index: %v", err)
		}
		for i, l := range im.Layers {
			if again.Layers[i].Entries.Len() != l.Entries.Len() {
				t.Errorf("layer %d has %d entries, then %d", i, l.Entries.Len(), again.Layers[i].Entries.Len())
			}
		}
	})
}
