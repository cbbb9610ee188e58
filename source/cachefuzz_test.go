package source

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source/layer"
)

// The kinds of cache files, as package layer defines them.
const (
	layerKind  = "peelLay3"
	placeKind  = "peelPla1"
	pointsKind = "peelChk1"
)

// goodCacheFiles returns valid cache files by name: of layers, of the members of streams, and
// of places.
func goodCacheFiles(tb testing.TB) map[string][]byte {
	tb.Helper()
	files := map[string][]byte{}
	keep := func(kind string, body []byte) {
		name := layer.CacheName(string(body)) + map[string]string{layerKind: ".layer", imageKind: ".image", placeKind: ".place", pointsKind: ".points"}[kind]
		files[name] = seal(name, kind, body)
	}
	for _, im := range testkit.Fixtures(tb, "../testdata")[0].Images {
		for _, l := range im.Layers {
			packed := testkit.Gzip(l.Tar())
			found, err := layer.Open(bytes.NewReader(packed), int64(len(packed)), "layer", nil).Scan(tb.Context(), layer.ScanOptions{})
			if err != nil {
				tb.Fatal(err)
			}
			body, ok := layer.AppendScanned(nil, found, nil)
			if !ok {
				tb.Fatal("the entries could not be encoded")
			}
			keep(layerKind, body)
		}
	}
	keep(placeKind, bytes.Repeat([]byte{1}, 8+16+32))
	closeCheckpoints(tb)
	text := bytes.Repeat([]byte("some text, and again some text "), 10_000)
	found, err := layer.Pass(tb.Context(), layer.Gzip, bufio.NewReader(bytes.NewReader(testkit.Gzip(testkit.TarOf([]testkit.Member{{Name: "a", Data: text}})))), layer.ScanOptions{Cache: &cache{}})
	if err != nil {
		tb.Fatal(err)
	}
	scanned, err := found.Scan(tb.Context(), layer.ScanOptions{})
	if err != nil || scanned.Checkpoints() == nil {
		tb.Fatal("no checkpoints: ", err)
	}
	keep(pointsKind, scanned.Checkpoints().Append(nil))
	for _, f := range testkit.Fixtures(tb, "../testdata") {
		if f.Name != "tar-pax-xattr" && f.Name != "unreadable-xz" {
			continue
		}
		for _, shape := range f.Shapes() {
			if shape.Dir {
				continue
			}
			st, err := readStream(tb.Context(), bytes.NewReader(testkit.TarOf(shape.Members(f))), false, layer.ScanOptions{}, nil)
			if err != nil {
				tb.Fatal(err)
			}
			if body, ok := (&opener{}).appendMembers(context.Background(), st.members); ok {
				keep(imageKind, body)
			}
		}
	}
	return files
}

// FuzzCacheFile damages a cache file and checks that only files exactly as written are
// accepted. It then decodes the damaged content anyway, since safety must not depend on that
// check: decoding must neither panic nor use more memory than the bytes can represent.
func FuzzCacheFile(f *testing.F) {
	good := goodCacheFiles(f)
	for name, file := range good {
		f.Add(name, file)
		f.Add(name, file[:len(file)/2])
		f.Add(name, append(bytes.Clone(file), 0))
	}
	kinds := map[string]string{".layer": layerKind, ".image": imageKind, ".place": placeKind, ".points": pointsKind}
	f.Fuzz(func(t *testing.T, name string, file []byte) {
		kind, ok := kinds[filepath.Ext(name)]
		if !ok {
			return
		}
		body, err := unseal(name, kind, file)
		if err == nil && !bytes.Equal(file, good[name]) {
			t.Fatalf("%s is accepted although peel never wrote it", name)
		}
		if err != nil {
			if len(file) < frameSize {
				return
			}
			body = file[16 : len(file)-16]
		}
		allocated := allocatedBy(func() {
			r := layer.NewDecoder(body, nil)
			switch kind {
			case layerKind:
				_, _ = r.Scanned()
			case imageKind:
				_, _ = (&memberDecoder{r}).members()
			case pointsKind:
				_ = r.Checkpoints()
			}
		})
		// An entry, a flaw or an attribute takes a few bytes of a file and up to a few hundred
		// in memory. textRatio bounds names.
		if most := uint64(1<<20 + 1024*len(file)); allocated > most {
			t.Errorf("%d bytes of a file take %d bytes of memory, more than %d", len(file), allocated, most)
		}
	})
}

// allocatedBy returns how many bytes fn allocates, including what other goroutines allocate
// meanwhile.
func allocatedBy(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestCacheOfAnotherVersion checks that intact files from another version of peel, in another
// format or made by other rules, aren't used but written again.
func TestCacheOfAnotherVersion(t *testing.T) {
	for _, mode := range cacheModes {
		if mode.kinds == "" {
			continue
		}
		t.Run(mode.shape, func(t *testing.T) {
			settle(t, mode.unchanged, mode.plainFrom)
			path, dir, files := filled(t, mode.shape)
			want := allOf(path, Options{Platform: "linux/amd64"})
			for what, change := range map[string]func(file []byte){
				"another form":  func(file []byte) { file[7]++ },
				"another kind":  func(file []byte) { copy(file, "peelXyz1") },
				"another rules": func(file []byte) { binary.LittleEndian.PutUint64(file[8:], cacheRules()+1) },
			} {
				for _, name := range files {
					good := read(t, name)
					other := bytes.Clone(good[:len(good)-16])
					// This change would show.
					other = bytes.ReplaceAll(other, []byte("etc/"), []byte("ETC/"))
					change(other)
					sum := xxh3.Hash128Seed(other, xxh3.HashString(filepath.Base(name))).Bytes()
					other = slices.Concat(other, sum[:])
					write(t, name, other)
					sameAs(t, want, what, path, dir)
					if again := read(t, name); bytes.Equal(again, other) {
						t.Errorf("%s: %s was not written again", what, filepath.Base(name))
					}
					write(t, name, good)
				}
			}
		})
	}
}
