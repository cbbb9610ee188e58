package source

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source/layer"
)

// settled makes all files count as long unchanged, or as just changed, until the test ends.
func settled(t *testing.T, yes bool) {
	t.Helper()
	was := layer.SettleTime
	t.Cleanup(func() { layer.SettleTime = was })
	if layer.SettleTime = time.Hour; yes {
		layer.SettleTime = -time.Hour
	}
}

// allOf formats everything that a reader learns of an image, except contents.
func allOf(ref string, opts Options) string {
	im, err := Open(context.Background(), ref, opts)
	if err != nil {
		return "opening: " + err.Error()
	}
	defer im.Close()
	if err := im.Scan(context.Background()); err != nil {
		return "scanning: " + err.Error()
	}
	var b strings.Builder
	fmt.Fprintln(&b, im.Name, im.ID, im.Digest, im.Platform, im.Created, im.Source, im.Config, im.History, im.Annotations, im.Flaws)
	for _, l := range im.Layers {
		fmt.Fprintln(&b, l.Index, l.DiffID, l.Digest, l.MediaType, l.CompressedBytes, l.Step, l.Err, l.Flaws(), l.Entries.Len())
		for i := range l.Entries.Len() {
			fmt.Fprintf(&b, "%+v\n", l.Entries.At(i))
		}
	}
	return b.String()
}

// same fails the test if the image differs with and without the cache.
func same(t *testing.T, when, ref, dir string) {
	t.Helper()
	sameAs(t, allOf(ref, Options{Platform: "linux/amd64"}), when, ref, dir)
}

// sameAs is same for an image whose facts without a cache are already known.
func sameAs(t *testing.T, want, when, ref, dir string) {
	t.Helper()
	if got := allOf(ref, Options{Platform: "linux/amd64", Cache: dir}); got != want {
		t.Errorf("%s: with the cache got\n%.2000s\nwithout\n%.2000s", when, got, want)
	}
}

// TestCacheSame reads every fixture in every cached shape without a cache, with an empty cache
// and with a full one, and expects the same image. Files count as long unchanged or, in the
// shape that has every compression, as just changed too.
func TestCacheSame(t *testing.T) {
	cached := []string{"kaniko", "oci-dir", "oci-mixed", "oci-members", "oci-zstd-chunked", "docker-20.gz", "oci-tar.gz"}
	for _, unchanged := range []bool{true, false} {
		settled(t, unchanged)
		for _, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
			dir := filepath.Join(t.TempDir(), "cache") // shared by all shapes: files of one must not affect another
			for _, shape := range f.Shapes() {
				if !slices.Contains(cached, shape.Name) || !unchanged && shape.Name != "oci-mixed" {
					continue
				}
				path := shape.Write(t, f)
				for _, im := range f.Images {
					ref, platform := f.Ref(path, im)
					want := allOf(ref, Options{Platform: platform})
					for _, run := range []string{"cold", "warm"} {
						if got := allOf(ref, Options{Platform: platform, Cache: dir}); got != want {
							t.Errorf("%s %s %s (%v): with the cache got\n%s\nwithout\n%s", f.Name, shape.Name, run, unchanged, got, want)
						}
					}
				}
			}
		}
	}
}

// TestCacheSameOfRealImages does the same for images that real engines saved, as they are and
// compressed as a whole.
func TestCacheSameOfRealImages(t *testing.T) {
	settled(t, true)
	dir := filepath.Join(t.TempDir(), "cache")
	for _, name := range []string{"docker20.tar", "docker29.tar"} {
		b, err := os.ReadFile(filepath.Join("../testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, packed := range [][]byte{b, testkit.Gzip(b), testkit.Zstd(b)} {
			path := filepath.Join(t.TempDir(), "image.tar")
			write(t, path, packed)
			same(t, name+" cold", path, dir)
			same(t, name+" warm", path, dir)
		}
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const cacheFixture = `
-- layer --
dir etc/
file etc/a "first"
file etc/b 3000 seed=x
-- layer --
file etc/a "other"
symlink etc/l -> a
file bin/tool 5 xattr:security.capability="\x01\x00"
`

// filled writes an image in a shape and returns it with a cache filled from it, and the names
// of the cache's files.
func filled(t *testing.T, shape string) (path, dir string, files []string) {
	t.Helper()
	f, err := testkit.Parse(cacheFixture)
	if err != nil {
		t.Fatal(err)
	}
	path = testkit.ShapeNamed(shape).Write(t, f)
	dir = filepath.Join(t.TempDir(), "cache")
	same(t, "cold", path, dir)
	files, err = filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return path, dir, files
}

// cacheModes lists the ways in which the cache's files are looked up: blobs by their place or
// by their digest, and whole streams.
var cacheModes = []struct {
	shape     string
	unchanged bool
	kinds     string // of the files in the cache
	plainFrom int    // see layer.PlainFrom; 0 leaves it unchanged
}{
	{"oci-tar", true, "layer layer place place", 0},
	{"oci-dir", true, "layer layer place place", 0},
	{"oci-tar-zstd", false, "layer layer", 0},
	{"docker-20.gz", true, "image", 0},
	{"docker-20.zst", false, "", 0},
	{"kaniko", true, "layer layer place place", 0},
	{"docker-25", true, "", 0},
	{"docker-25", true, "place place", 1},
	{"docker-25", false, "", 1},
}

// settle makes files count as unchanged, or not, and plain layers as large enough to be cached.
func settle(t *testing.T, unchanged bool, plainFrom int) {
	t.Helper()
	settled(t, unchanged)
	was := layer.PlainFrom
	t.Cleanup(func() { layer.PlainFrom = was })
	if plainFrom > 0 {
		layer.PlainFrom = plainFrom
	}
}

// TestCacheIsUsed changes entries in the cache's files and expects the image to show the
// change, which proves that the cache was read.
func TestCacheIsUsed(t *testing.T) {
	for _, mode := range cacheModes {
		t.Run(mode.shape, func(t *testing.T) {
			settle(t, mode.unchanged, mode.plainFrom)
			path, dir, files := filled(t, mode.shape)
			var kinds []string
			for _, name := range files {
				kind := strings.TrimPrefix(filepath.Ext(name), ".")
				kinds = append(kinds, kind)
				sealed := map[string]string{"layer": "peelLay3", "image": imageKind}[kind]
				if mode.plainFrom > 0 {
					sealed = "peelPln1"
				}
				if body, err := unseal(filepath.Base(name), sealed, read(t, name)); err == nil {
					write(t, name, seal(filepath.Base(name), sealed, bytes.ReplaceAll(body, []byte("etc/"), []byte("ETC/"))))
				}
			}
			slices.Sort(kinds)
			if got := strings.Join(kinds, " "); got != mode.kinds {
				t.Errorf("the cache holds %q, want %q", got, mode.kinds)
			}
			got := allOf(path, Options{Cache: dir})
			if used := strings.Contains(got, "ETC/a"); used != (mode.kinds != "") {
				t.Errorf("cache used: %v\n%s", used, got)
			}
		})
	}
}

// TestCacheComesFirst checks the order of layers: first the cached ones from the lowest up,
// then the others, largest first.
func TestCacheComesFirst(t *testing.T) {
	settled(t, true)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one at a time
	var text strings.Builder
	for k := range 5 {
		fmt.Fprintf(&text, "-- layer --\nfile f%d %d seed=s%d\n", k, 1000*(k+1), k)
	}
	f, err := testkit.Parse(text.String())
	if err != nil {
		t.Fatal(err)
	}
	path, dir := testkit.ShapeNamed("oci-dir").Write(t, f), filepath.Join(t.TempDir(), "cache")
	order := func() (order []int) {
		im, err := Open(t.Context(), path, Options{Cache: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer im.Close()
		if err := im.ScanEach(t.Context(), func(l *Layer) { order = append(order, l.Index) }); err != nil {
			t.Fatal(err)
		}
		return order
	}
	if got, want := order(), []int{4, 3, 2, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("none cached: got layers in the order %d, want %d", got, want)
	}
	if got, want := order(), []int{0, 1, 2, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("all cached: got layers in the order %d, want %d", got, want)
	}
	places, err := filepath.Glob(filepath.Join(dir, "*.layer"))
	if err != nil || len(places) != 5 {
		t.Fatal(places, err)
	}
	if err := os.Remove(places[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(places[1]); err != nil {
		t.Fatal(err)
	}
	got := order()
	if len(got) != 5 || !slices.IsSorted(got[:3]) || got[3] < got[4] {
		t.Errorf("two not cached: got layers in the order %d", got)
	}
}

// TestCacheDamaged damages each file of a cache in many ways. The image must stay the same, and
// the cache must be intact again afterwards.
func TestCacheDamaged(t *testing.T) {
	for _, mode := range testkit.Sample(cacheModes) {
		if mode.kinds == "" {
			continue
		}
		t.Run(mode.shape, func(t *testing.T) {
			settle(t, mode.unchanged, mode.plainFrom)
			path, dir, files := filled(t, mode.shape)
			want := allOf(path, Options{Platform: "linux/amd64"})
			for _, name := range files {
				good := read(t, name)
				for i := 0; i < len(good); i += max(1, testkit.Stride(len(good)/30)) {
					write(t, name, good[:i])
					sameAs(t, want, fmt.Sprintf("cut off at %d", i), path, dir)
					write(t, name, slices.Concat(good[:i], []byte{good[i] ^ byte(1+i%255)}, good[i+1:]))
					sameAs(t, want, fmt.Sprintf("changed at %d", i), path, dir)
				}
				write(t, name, slices.Concat(good, []byte{0}))
				sameAs(t, want, "too long", path, dir)
				write(t, name, make([]byte, len(good)))
				sameAs(t, want, "zeros", path, dir)
				spoilFile(t, name, func(what string) { sameAs(t, want, what, path, dir) })
				write(t, name, good)
				for _, other := range files {
					write(t, name, read(t, other))
					sameAs(t, want, "another's", path, dir)
				}
				write(t, name, good)
			}
			for _, name := range files {
				body := read(t, name)
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
				sameAs(t, want, "one is missing", path, dir)
				if again, err := os.ReadFile(name); err != nil || filepath.Ext(name) != ".place" && !bytes.Equal(again, body) {
					t.Errorf("%s was not restored: %v", filepath.Base(name), err)
				}
			}
		})
	}
}

// spoilFile makes the file unusable in one way after another.
func spoilFile(t *testing.T, name string, then func(what string)) {
	t.Helper()
	good := read(t, name)
	if runtime.GOOS != "windows" {
		if err := os.Chmod(name, 0o622); err != nil {
			t.Fatal(err)
		}
		then("others can write to it")
		if err := os.Chmod(name, 0); err != nil {
			t.Fatal(err)
		}
		then("it cannot be read")
	}
	for what, put := range map[string]func() error{
		"a folder":              func() error { return os.Mkdir(name, 0o700) },
		"a link to nowhere":     func() error { return os.Symlink("none", name) },
		"a link to out of here": func() error { return os.Symlink("/etc/passwd", name) },
		"a link to itself":      func() error { return os.Symlink(filepath.Base(name), name) },
	} {
		if err := os.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
		if err := put(); err != nil {
			if runtime.GOOS == "windows" {
				continue // some systems don't let everyone create links there
			}
			t.Fatal(err)
		}
		then(what)
	}
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
	write(t, name, good)
}

// TestCacheSealedNonsense gives the cache's files senseless bodies in intact frames, and
// expects no panic.
func TestCacheSealedNonsense(t *testing.T) {
	settled(t, true)
	for _, shape := range []string{"oci-tar", "docker-20.gz"} {
		path, dir, files := filled(t, shape)
		for _, name := range files {
			good := read(t, name)
			kind := string(good[:8])
			body, err := unseal(filepath.Base(name), kind, good)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(body); i += max(1, testkit.Stride(len(body)/40)) {
				for _, c := range []byte{0, 0x7f, 0xff} {
					write(t, name, seal(filepath.Base(name), kind, slices.Concat(body[:i], []byte{c}, body[i+1:])))
					_ = allOf(path, Options{Cache: dir})
				}
				write(t, name, seal(filepath.Base(name), kind, body[:i]))
				_ = allOf(path, Options{Cache: dir})
			}
			write(t, name, good)
		}
	}
}

// TestCacheHostileImage changes an image without the cache noticing. The result must be that of
// a scan.
func TestCacheHostileImage(t *testing.T) {
	for _, unchanged := range []bool{true, false} {
		for _, shape := range []string{"oci-dir", "oci-tar", "kaniko"} {
			t.Run(fmt.Sprint(shape, unchanged), func(t *testing.T) {
				settled(t, unchanged)
				path, dir, _ := filled(t, shape)
				var victims []string
				if shape == "oci-dir" {
					blobs, _ := filepath.Glob(filepath.Join(path, "blobs/sha256/*"))
					victims = append(victims, blobs...)
				} else {
					victims = []string{path}
				}
				for _, victim := range victims {
					good := read(t, victim)
					info, err := os.Stat(victim)
					if err != nil {
						t.Fatal(err)
					}
					step := max(1, testkit.Stride(len(good)/40))
					for i := 0; i < len(good); i += step {
						// Change the file in place, and restore its time.
						write(t, victim, slices.Concat(good[:i], []byte{good[i] ^ 0x10}, good[i+1:]))
						if err := os.Chtimes(victim, info.ModTime(), info.ModTime()); err != nil {
							t.Fatal(err)
						}
						same(t, fmt.Sprintf("%s changed at %d", filepath.Base(victim), i), path, dir)
					}
					write(t, victim, good)
					same(t, "as it was", path, dir)
				}
			})
		}
	}
}

// TestCacheAtOnce opens one image many times at once, with a cache that starts empty and is
// cleared meanwhile.
func TestCacheAtOnce(t *testing.T) {
	settled(t, true)
	for _, shape := range []string{"oci-tar", "docker-20.gz"} {
		path, dir, _ := filled(t, shape)
		want := allOf(path, Options{})
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				for range 10 {
					if got := allOf(path, Options{Cache: dir}); got != want {
						t.Errorf("got\n%s\nwant\n%s", got, want)
					}
					if i == 0 {
						if _, _, err := ClearCache(context.Background(), dir); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		group.Wait()
		if left, _ := filepath.Glob(filepath.Join(dir, ".peel-*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// TestCacheNowhere opens images where no cache can be created, and expects no error.
func TestCacheNowhere(t *testing.T) {
	settled(t, true)
	path, dir, _ := filled(t, "oci-tar")
	if runtime.GOOS != "windows" {
		for _, mode := range []os.FileMode{0o777, 0o720, 0o500} {
			if err := os.Chmod(dir, mode); err != nil {
				t.Fatal(err)
			}
			same(t, fmt.Sprintf("mode %o", mode), path, dir)
			if _, err := cacheFolder(dir, true); (err == nil) != (mode == 0o500) {
				t.Errorf("mode %o: %v", mode, err)
			}
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
		if _, err := cacheFolder(link, true); err == nil {
			t.Error("a link is used as the cache's folder")
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, nil)
	for _, dir := range []string{file, filepath.Join(file, "below"), "\x00"} {
		same(t, dir, path, dir)
	}
	if files, bytes, err := CacheUsage(filepath.Join(t.TempDir(), "none")); files != 0 || bytes != 0 || err != nil {
		t.Errorf("without a folder: got %d files, %d bytes, %v", files, bytes, err)
	}
}

// TestCacheEviction fills a cache beyond its bound, and expects the most recently used files to
// stay.
func TestCacheEviction(t *testing.T) {
	dir := t.TempDir()
	c := openCache(dir, slog.New(slog.DiscardHandler))
	if c == nil {
		t.Fatal("no cache")
	}
	var names []string
	for i := range 10 {
		name := layer.CacheName(fmt.Sprint(i)) + ".layer"
		c.Write(name, "peelLay3", make([]byte, 20000))
		at := time.Now().Add(time.Duration(i-20) * time.Minute)
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	stale, fresh := ".peel-"+strings.Repeat("0", 16)+".tmp", strings.Repeat("1", 32)+".partial"
	for _, name := range []string{stale, fresh, "mine.txt", "README.layer"} {
		write(t, filepath.Join(dir, name), make([]byte, 100))
	}
	old := time.Now().Add(-2 * staleAfter)
	if err := os.Chtimes(filepath.Join(dir, stale), old, old); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Read(names[0], "peelLay3"); !ok {
		t.Fatal("not read")
	}
	c.evict(70000)
	want := map[string]bool{names[0]: true, names[8]: true, names[9]: true, fresh: true, "mine.txt": true, "README.layer": true}
	if got := filesIn(t, dir); !maps.Equal(got, want) {
		t.Errorf("left %v, want %v", got, want)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
	if files, bytes, err := CacheUsage(dir); files != 4 || bytes != 3*(20000+frameSize)+100 || err != nil {
		t.Errorf("%d files, %d bytes, %v", files, bytes, err)
	}
	if files, _, err := ClearCache(t.Context(), dir); files != 4 || err != nil {
		t.Errorf("removed %d files, %v", files, err)
	}
	if got, want := filesIn(t, dir), map[string]bool{"mine.txt": true, "README.layer": true}; !maps.Equal(got, want) {
		t.Errorf("after clearing, got %v, want %v", got, want)
	}
}

func filesIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
	}
	return names
}
