package source_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/fakeregistry"
	"github.com/peelhq/peel/internal/inflate"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
	"github.com/peelhq/peel/source/layer"
)

// seenBefore returns a registry with an image of one layer, a cache that has seen it, and the
// same image on this machine.
func seenBefore(t *testing.T, text, shape string) (reg *fakeregistry.Registry, cache string, local *source.Layer) {
	t.Helper()
	f, err := testkit.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	dir := testkit.ShapeNamed(shape).Write(t, f)
	reg = fakeregistry.New(t)
	reg.Push(t, dir, "me/app", "1")
	cache = filepath.Join(t.TempDir(), "cache")
	open(t, refTo(reg), source.Options{Cache: cache})
	reg.Forget()
	return reg, cache, open(t, dir, source.Options{}).Layers[0]
}

// manyRemoteFiles returns a layer of n incompressible files of the given size.
func manyRemoteFiles(n, size int) string {
	var b strings.Builder
	b.WriteString("-- layer --\n")
	for i := range n {
		fmt.Fprintf(&b, "file f%02d %d seed=s%d\n", i, size, i)
	}
	return b.String()
}

// TestRegistryPart checks that only a small part of a cached gzip layer is fetched to read one
// file, and nothing twice.
func TestRegistryPart(t *testing.T) {
	testkit.Long(t, "the layer is larger than the usual distance of checkpoints; TestRegistryPartsTogether has a smaller distance")
	noSettings(t)
	const size, n = 700_000, 40
	reg, cache, local := seenBefore(t, manyRemoteFiles(n, size), "oci-dir")
	l := open(t, refTo(reg), source.Options{Cache: cache}).Layers[0]
	reg.Forget()
	for _, c := range []struct {
		file           int
		requests, most int64 // bytes beyond those of the file
	}{
		{n * 3 / 4, 1, 8 << 20},
		{n*3/4 + 1, 1, 3 << 20}, // mostly fetched already
		{n * 3 / 4, 0, 0},
		{2, 1, 8 << 20}, // with no checkpoint before it
		{n - 1, 1, 8 << 20},
	} {
		got := content(t, l, c.file)
		if !bytes.Equal(got, content(t, local, c.file)) {
			t.Errorf("file %d: content differs", c.file)
		}
		asked := blobsOf(reg.Asked())
		if n := int64(len(asked)); n > c.requests {
			t.Errorf("file %d: %q, want %d", c.file, asked, c.requests)
		}
		sent := reg.Sent()
		if sent > size+c.most {
			t.Errorf("file %d: got %d bytes for %d, want at most %d more", c.file, sent, size, c.most)
		}
		t.Logf("file %d: %d bytes of %d in %d requests", c.file, sent, local.CompressedBytes, len(asked))
	}
}

// TestRegistryPartsTogether checks that files close to each other are fetched together, and
// that gaps between distant files aren't fetched.
func TestRegistryPartsTogether(t *testing.T) {
	noSettings(t)
	layerSpacing(t, inflate.Spacing{In: 100 << 10, Out: 100 << 10}, 32<<10)
	const size = 50_000
	reg, cache, local := seenBefore(t, manyRemoteFiles(200, size), "oci-dir")
	l := open(t, refTo(reg), source.Options{Cache: cache}).Layers[0]
	for name, c := range map[string]struct {
		files    []int
		requests int
		most     int64
	}{
		"neighbours":        {[]int{100, 101, 102, 103}, 1, 4*size + 500_000},
		"a little apart":    {[]int{50, 53, 56}, 1, 7*size + 500_000},
		"far apart":         {[]int{1, 130, 190}, 3, 3 * (size + 500_000)},
		"in another order":  {[]int{181, 20, 21}, 2, 2 * (2*size + 500_000)},
		"one of them twice": {[]int{160, 160}, 1, size + 500_000},
	} {
		reg.Forget()
		n := 0
		err := l.Each(t.Context(), c.files, func(i int, r io.Reader) error {
			got, err := io.ReadAll(r)
			if err == nil && !bytes.Equal(got, content(t, local, i)) {
				err = fmt.Errorf("file %d: content differs", i)
			}
			n++
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if asked, sent := blobsOf(reg.Asked()), reg.Sent(); len(asked) > c.requests || sent > c.most {
			t.Errorf("%s: got %d bytes by %q, want %d by at most %d requests", name, sent, asked, c.most, c.requests)
		}
	}
}

// TestRegistryPartFaults checks that if the registry doesn't serve ranges, cuts them off, or
// sends wrong bytes, the whole layer is fetched, once. Content is right or an error.
func TestRegistryPartFaults(t *testing.T) {
	noSettings(t)
	layerSpacing(t, inflate.Spacing{In: 20 << 10, Out: 20 << 10}, 8<<10)
	const size = 70_000
	reg, cache, local := seenBefore(t, manyRemoteFiles(20, size), "oci-dir")
	record := func(r *http.Request) (http.Header, []byte) {
		rec := &recorder{header: http.Header{}}
		reg.Inner(rec, r)
		return rec.header, rec.body.Bytes()
	}
	blob := func(parts bool, fault fakeregistry.Fault) fakeregistry.Fault {
		return func(w http.ResponseWriter, r *http.Request, n int) bool {
			return strings.Contains(r.URL.Path, "/blobs/") && (!parts || r.Header.Get("Range") != "") && fault(w, r, n)
		}
	}
	spoilt := func(parts bool, spoil func([]byte) []byte) fakeregistry.Fault {
		return blob(parts, func(w http.ResponseWriter, r *http.Request, _ int) bool {
			header, b := record(r)
			for _, key := range []string{"Content-Range", "Content-Type"} {
				w.Header().Set(key, header.Get(key))
			}
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusPartialContent)
			}
			_, _ = w.Write(spoil(b))
			return true
		})
	}
	status := func(code int) fakeregistry.Fault {
		return blob(true, func(w http.ResponseWriter, _ *http.Request, _ int) bool { w.WriteHeader(code); return true })
	}
	bit := func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 4; return b }
	for _, c := range []struct {
		name  string
		fault fakeregistry.Fault
		whole int  // how often the whole layer is sent
		fails bool // some file can't be read
	}{
		{"none", func(http.ResponseWriter, *http.Request, int) bool { return false }, 0, false},
		{"200 to a range", blob(true, func(w http.ResponseWriter, r *http.Request, _ int) bool {
			r.Header.Del("Range")
			reg.Inner(w, r)
			return true
		}), 1, false},
		{"a part that breaks off", blob(true, func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n%2 == 0 {
				return false
			}
			header, b := record(r)
			w.Header().Set("Content-Range", header.Get("Content-Range"))
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(b[:len(b)/2])
			panic(http.ErrAbortHandler)
		}), 0, false},
		{"one bit of a part", spoilt(true, bit), 1, false},
		{"other bytes in a part", spoilt(true, func(b []byte) []byte { return bytes.Repeat([]byte{'x'}, len(b)) }), 1, false},
		{"a part of another place", blob(true, func(w http.ResponseWriter, r *http.Request, _ int) bool {
			header, _ := record(r)
			want := header.Get("Content-Range")
			r.Header.Set("Range", "bytes=0-99999")
			_, b := record(r)
			w.Header().Set("Content-Range", want)
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(b)
			return true
		}), 1, false},
		{"a part under another name", blob(true, func(w http.ResponseWriter, r *http.Request, _ int) bool {
			_, b := record(r)
			w.Header().Set("Content-Range", "bytes 0-9/10")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(b)
			return true
		}), 1, false},
		{"one bit, in parts and as a whole", spoilt(false, bit), 1, true},
		{"not there any more", status(http.StatusNotFound), 0, true},
		{"not allowed", status(http.StatusForbidden), 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			reg.Break()
			l := open(t, refTo(reg), source.Options{Cache: cache}).Layers[0]
			reg.Break(c.fault)
			reg.Forget()
			failed := false
			for _, i := range []int{15, 3, 19, 0, 15} {
				r, err := l.Open(t.Context(), i)
				var got []byte
				if err == nil {
					got, err = io.ReadAll(r)
					_ = r.Close()
				}
				switch want := content(t, local, i); {
				case err != nil:
					failed = true
					if !c.fails {
						t.Errorf("file %d: %v", i, err)
					} else if !bytes.HasPrefix(want, got) {
						t.Errorf("file %d: content differs before the error", i)
					}
				case !bytes.Equal(got, want):
					t.Fatalf("file %d: content differs, but there was no error", i)
				}
				b, err := l.Body(t.Context(), i)
				if err == nil {
					part := make([]byte, 1000)
					if _, err = b.ReadAt(t.Context(), part, size/2); err == nil && !bytes.Equal(part, content(t, local, i)[size/2:][:1000]) {
						t.Fatalf("file %d: content differs in the middle, but there was no error", i)
					}
					_ = b.Close()
				}
				if err != nil && !c.fails {
					t.Errorf("file %d: %v", i, err)
				}
			}
			if failed != c.fails {
				t.Errorf("failed %v, want %v", failed, c.fails)
			}
			whole := 0
			for _, asked := range blobsOf(reg.Asked()) {
				if !strings.Contains(asked, "bytes=") {
					whole++
				}
			}
			if whole < c.whole || whole > c.whole && !c.fails {
				t.Errorf("the layer was fetched %d times, want %d", whole, c.whole)
			}
		})
	}
}

// TestRegistryWithoutParts checks that a layer without checkpoints is fetched once more as a
// whole, with progress.
func TestRegistryWithoutParts(t *testing.T) {
	noSettings(t)
	layerSpacing(t, inflate.Spacing{In: 20 << 10, Out: 20 << 10}, 8<<10)
	for name, c := range map[string]struct {
		shape string
		cache bool
	}{
		"zstd":     {"oci-tar-zstd", true},
		"no cache": {"oci-dir", false},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := testkit.Parse(manyRemoteFiles(10, 50_000))
			if err != nil {
				t.Fatal(err)
			}
			shape := testkit.ShapeNamed(c.shape)
			dir := testkit.WriteDir(t, shape.Members(f))
			reg := fakeregistry.New(t)
			reg.Push(t, dir, "me/app", "1")
			local := open(t, dir, source.Options{}).Layers[0]
			var told []source.Progress
			opts := source.Options{Progress: func(p source.Progress) { told = append(told, p) }}
			if c.cache {
				opts.Cache = filepath.Join(t.TempDir(), "cache")
			}
			open(t, refTo(reg), opts)
			l := open(t, refTo(reg), opts).Layers[0]
			reg.Forget()
			told = nil
			for _, i := range []int{8, 2, 8} {
				if !bytes.Equal(content(t, l, i), content(t, local, i)) {
					t.Errorf("file %d: content differs", i)
				}
			}
			if asked := blobsOf(reg.Asked()); len(asked) != 1 || strings.Contains(asked[0], "bytes=") {
				t.Errorf("got requests %q, want the layer once", asked)
			}
			if last := told[len(told)-1]; last.TotalBytes != local.CompressedBytes || last.Bytes != local.CompressedBytes {
				t.Errorf("progress ends with %+v of %d bytes", last, local.CompressedBytes)
			}
		})
	}
}

// TestRegistryPartsOffline checks that with --offline no range is requested.
func TestRegistryPartsOffline(t *testing.T) {
	noSettings(t)
	layerSpacing(t, inflate.Spacing{In: 20 << 10, Out: 20 << 10}, 8<<10)
	reg, cache, _ := seenBefore(t, manyRemoteFiles(10, 50_000), "oci-dir")
	im := open(t, refTo(reg), source.Options{Cache: cache, Offline: true})
	if _, err := readWhole(t, im.Layers[0], 5); err == nil || !strings.Contains(err.Error(), "--offline") {
		t.Errorf("error %v", err)
	}
	if asked := blobsOf(reg.Asked()); len(asked) > 0 {
		t.Errorf("%q", asked)
	}
}

func readWhole(t *testing.T, l *source.Layer, i int) (_ []byte, err error) {
	t.Helper()
	r, err := l.Open(t.Context(), i)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return io.ReadAll(r)
}

// layerSpacing sets the distance between checkpoints until the test ends.
func layerSpacing(t *testing.T, spacing inflate.Spacing, granule int64) {
	t.Helper()
	wasSpacing, wasGranule := layer.CheckpointSpacing, layer.CheckpointGranule
	t.Cleanup(func() { layer.CheckpointSpacing, layer.CheckpointGranule = wasSpacing, wasGranule })
	layer.CheckpointSpacing, layer.CheckpointGranule = spacing, granule
}
