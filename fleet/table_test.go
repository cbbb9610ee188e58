package fleet

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// openTestStore opens a new store.
func openTestStore(t testing.TB) source.Objects {
	t.Helper()
	s, err := OpenStore(t.Context(), t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// random fills v with random values.
func random(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range v.Fields() {
			random(r, f)
		}
	case reflect.Pointer:
		if r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			random(r, v.Elem())
		}
	case reflect.String:
		v.SetString([]string{"", "a", "/usr/lib/ü", "sha256:00"}[r.IntN(4)])
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(int32(r.Uint32())))
	case reflect.Float64:
		v.SetFloat(r.Float64())
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(byte(r.Uint32())))
		}
	case reflect.Uint8:
		v.SetUint(uint64(byte(r.Uint32())))
	case reflect.Slice:
		for range r.IntN(4) {
			e := reflect.New(v.Type().Elem()).Elem()
			random(r, e)
			v.Set(reflect.Append(v, e))
		}
	case reflect.Map:
		if r.IntN(2) == 0 {
			v.Set(reflect.ValueOf(map[string]string{"team": "a", "x": ""}))
		}
	default:
		panic(v.Kind())
	}
}

// roundTrip writes random rows and reads them back.
func roundTrip[T any](t *testing.T) {
	t.Helper()
	t.Run(reflect.TypeFor[T]().Name(), func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		want := make([]T, 500)
		for i := range want {
			random(r, reflect.ValueOf(&want[i]).Elem())
		}
		b, err := WriteTable(want)
		if err != nil {
			t.Fatal(err)
		}
		s := openTestStore(t)
		if made, err := s.Put(t.Context(), "t.parquet", bytes.NewReader(b), int64(len(b))); err != nil || !made {
			t.Fatal(made, err)
		}
		i := 0
		err = EachRow(t.Context(), s, "t.parquet", func(row *T) error {
			if got := reflect.ValueOf(*row); !sameValue(got, reflect.ValueOf(want[i])) {
				t.Fatalf("row %d: %+v, want %+v", i, *row, want[i])
			}
			i++
			return nil
		})
		if err != nil || i != len(want) {
			t.Fatal(i, err)
		}
		again, err := WriteTable(want)
		if err != nil || !bytes.Equal(b, again) {
			t.Error("writing the same rows gives other bytes", err)
		}
	})
}

// sameValue is reflect.DeepEqual, but treats empty and nil as equal.
func sameValue(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if !sameValue(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice, reflect.Map:
		if a.Len() == 0 && b.Len() == 0 {
			return true
		}
		if a.Kind() == reflect.Slice && a.Len() == b.Len() {
			for i := range a.Len() {
				if !sameValue(a.Index(i), b.Index(i)) {
					return false
				}
			}
			return true
		}
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

func TestTables(t *testing.T) {
	roundTrip[FileRow](t)
	roundTrip[LayerRow](t)
	roundTrip[ImageRow](t)
	roundTrip[ImageLayerRow](t)
	roundTrip[FindingRow](t)
	roundTrip[PackageRow](t)
}

func TestNoStore(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenStore(t.Context(), dir, false); !errors.Is(err, source.ErrRefused) {
		t.Error(err)
	}
	s, err := OpenStore(t.Context(), dir, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadObject(t.Context(), s, "plans/none", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := ReadObject(t.Context(), s, markName, 3); err == nil {
		t.Error("an object was read beyond its bound")
	}
	if err := EachRow(t.Context(), s, markName, func(*FileRow) error { return io.EOF }); !errors.Is(err, errTable) {
		t.Error(err)
	}
}

// TestLongTexts checks that rows with texts of any length that an image may have can be read
// again: a build step and a label of megabytes, a path of the longest length.
func TestLongTexts(t *testing.T) {
	long := func(s string, n int) string { return strings.Repeat(s, testkit.Size(n, n/8)) }
	step, layer := long("s", 4<<20), "sha256:0"
	var findings []FindingRow
	for i := range 8 {
		advice := long("a", 1<<20+i)
		findings = append(findings, FindingRow{
			Plan: "p", Image: int64(i), ID: "x", Rule: "r", Title: long("t", 1<<20+i), Message: long("m", 2<<20+i),
			Step: &step, Advice: &advice, Layer: &layer,
		})
	}
	sameRows(t, findings)
	var images []ImageRow
	for i := range 4 {
		images = append(images, ImageRow{Plan: "p", Image: int64(i), Labels: map[string]string{long("k", 1<<20+i): long("v", 2<<20)}, Error: &step, Causes: []CauseRow{}})
	}
	sameRows(t, images)
	var files []FileRow
	for i := range 100 {
		link := long("l", 1<<16-1)
		files = append(files, FileRow{
			Layer: "l", Path: "/" + long(string(rune('a'+i%26)), 1<<16-1), Name: []byte(long("n", 1<<16-1)), Link: &link, LinkRaw: []byte(link),
			Xattrs: []XattrRow{{[]byte(long("x", 60_000)), []byte(long("y", 60_000))}}, Fact: []byte(long("f", 1<<20)),
		})
	}
	sameRows(t, files)
}

// sameRows writes rows as a table and reads them.
func sameRows[T any](t *testing.T, rows []T) {
	t.Helper()
	b, err := WriteTable(rows)
	if err != nil {
		t.Fatal(err)
	}
	s := openTestStore(t)
	if _, err := s.Put(t.Context(), "table", bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatal(err)
	}
	i := 0
	err = EachRow(t.Context(), s, "table", func(r *T) error {
		if !reflect.DeepEqual(*r, rows[i]) {
			t.Errorf("%T %d differs", rows[i], i)
		}
		i++
		return nil
	})
	if err != nil || i != len(rows) {
		t.Errorf("%T: %d of %d rows: %v", rows[0], i, len(rows), err)
	}
}
