package source_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/peelhq/peel/internal/fakeregistry"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// tableForms lists the layouts in testdata/tables whose layers have tables of contents, and how
// a layer reports its table.
var tableForms = map[string]string{
	"estargz":          "eStargz",
	"zstd-chunked":     "zstd:chunked",
	"zstd-chunked-old": "zstd:chunked",
	"nerdctl":          "zstd:chunked",
	"estargz-external": "eStargz",
}

// pushTables pushes one of them to "me/app:1", and the tables that are not in the layers to
// where peel looks for them.
func pushTables(t *testing.T, reg *fakeregistry.Registry, form string) {
	t.Helper()
	dir := filepath.Join("..", "testdata", "tables", form)
	reg.Push(t, dir, "me/app", "1")
	if _, err := os.Stat(dir + "-toc"); err == nil {
		reg.Push(t, dir+"-toc", "me/app", "1-esgztoc")
	}
}

// listing formats everything known about an image's entries except checksums, whose kind
// depends on where the entries come from.
func listing(im *source.Image) string {
	var b strings.Builder
	for _, l := range im.Layers {
		for i := range l.Entries.Len() {
			e := l.Entries.At(i)
			e.Sum, e.Kind, e.Summed = 0, 0, false
			fmt.Fprintf(&b, "%d %+v\n", l.Index, e)
		}
	}
	return b.String()
}

// contentsOf returns the content of all files, read whole, in one pass, and in windows.
func contentsOf(t *testing.T, im *source.Image) string {
	t.Helper()
	var b strings.Builder
	for _, l := range im.Layers {
		var files []int
		for i := range l.Entries.Len() {
			if l.Entries.Type(i) == source.File {
				files = append(files, i)
			}
		}
		each := map[int][]byte{}
		if err := l.Each(t.Context(), files, func(i int, r io.Reader) (err error) {
			each[i], err = io.ReadAll(r)
			return err
		}); err != nil {
			t.Error(err)
		}
		for _, i := range files {
			whole := content(t, l, i)
			if !bytes.Equal(whole, each[i]) {
				t.Errorf("layer %d, entry %d: content differs when read in one pass", l.Index, i)
			}
			body, err := l.Body(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			for _, off := range []int64{body.Size() - 1, 0, body.Size() / 2, 4090} {
				window := make([]byte, 100)
				n, err := body.ReadAt(t.Context(), window, max(off, 0))
				want := whole[min(max(off, 0), int64(len(whole))):]
				want = want[:min(len(want), len(window))]
				if err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(window[:n], want) {
					t.Errorf("layer %d, entry %d, byte %d: %q, error %v, want %q", l.Index, i, off, window[:n], err, want)
				}
			}
			if err := body.Close(); err != nil {
				t.Error(err)
			}
			fmt.Fprintf(&b, "%d %s %q\n", l.Index, l.Entries.At(i).Name, whole)
		}
	}
	return b.String()
}

// unmarked removes the landmark files that nerdctl puts into the layers of zstd:chunked, where
// they are ordinary files.
func unmarked(list string) string {
	lines := strings.SplitAfter(list, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(s string) bool { return strings.Contains(s, ".no.prefetch.landmark") }), "")
}

// unranged returns the requests for whole layers.
func unranged(im *source.Image, asked []string) []string {
	return slices.DeleteFunc(blobsOf(asked), func(s string) bool {
		return strings.Contains(s, "bytes=") || !slices.ContainsFunc(im.Layers, func(l *source.Layer) bool { return strings.HasSuffix(s, l.Digest) })
	})
}

// TestRegistryTables checks that layers that tools wrote with a table of contents are listed
// from the table alone, exactly as when they are read, and that their files are read by ranges.
// With Verify, the layers themselves are read.
func TestRegistryTables(t *testing.T) {
	noSettings(t)
	plain := open(t, filepath.Join("..", "testdata", "tables", "plain"), source.Options{})
	for form, listedBy := range tableForms {
		t.Run(form, func(t *testing.T) {
			reg := fakeregistry.New(t)
			pushTables(t, reg, form)
			opts := source.Options{Cache: filepath.Join(t.TempDir(), "cache")}
			im := open(t, refTo(reg), opts)
			for _, l := range im.Layers {
				if l.ListedBy != listedBy || l.CompressedBytes <= 0 {
					t.Errorf("layer %d is listed by %q, with %d bytes", l.Index, l.ListedBy, l.CompressedBytes)
				}
			}
			whole := open(t, filepath.Join("..", "testdata", "tables", form), source.Options{})
			if got, want := listing(im), listing(whole); got != want {
				t.Errorf("by the table:\n%s\nread:\n%s", got, want)
			}
			if got, want := unmarked(listing(im)), listing(plain); got != want {
				t.Errorf("by the table:\n%s\nthe plain image:\n%s", got, want)
			}
			if got, want := unmarked(contentsOf(t, im)), contentsOf(t, plain); got != want {
				t.Errorf("contents:\n%s\nwant:\n%s", got, want)
			}
			file := firstFile(im.Layers[0])
			if err := im.Layers[0].Sum(t.Context(), []int{file}); err != nil {
				t.Error(err)
			}
			if sum, kind, ok := im.Layers[0].Entries.Checksum(file); !ok || kind != source.XXH3 || sum != whole.Layers[0].Entries.At(file).Sum {
				t.Errorf("got checksum %x of kind %d", sum, kind)
			}
			if asked := unranged(im, reg.Asked()); len(asked) > 0 {
				t.Errorf("got requests for whole layers: %q", asked)
			}

			// Open it again: the table comes from the cache, and isn't taken for the layer's
			// own index.
			again := open(t, refTo(reg), opts)
			if asked := blobsOf(reg.Asked()); len(asked) > 0 || again.Layers[0].ListedBy != listedBy || listing(again) != listing(im) {
				t.Errorf("opened again: listed by %q, requests %q", again.Layers[0].ListedBy, asked)
			}
			opts.Verify = true
			read := open(t, refTo(reg), opts)
			if asked := unranged(read, reg.Asked()); len(asked) != len(read.Layers) || read.Layers[0].ListedBy != "" || listing(read) != listing(im) {
				t.Errorf("verified: listed by %q, requests %q", read.Layers[0].ListedBy, asked)
			}
			// Now the layers themselves are cached.
			opts.Verify = false
			if known := open(t, refTo(reg), opts); known.Layers[0].ListedBy != "" {
				t.Errorf("listed by %q after the layer was read", known.Layers[0].ListedBy)
			}
		})
	}
}

// TestRegistryTablesWithoutRanges checks that if a registry doesn't serve ranges, each layer is
// read once.
func TestRegistryTablesWithoutRanges(t *testing.T) {
	noSettings(t)
	for form := range tableForms {
		dir := filepath.Join("..", "testdata", "tables", form)
		reg := fakeregistry.New(t)
		pushTables(t, reg, form)
		reg.Break(func(_ http.ResponseWriter, r *http.Request, _ int) bool {
			r.Header.Del("Range")
			return false
		})
		im := open(t, refTo(reg), source.Options{})
		local := open(t, dir, source.Options{})
		if im.Layers[0].ListedBy != "" || listing(im) != listing(local) {
			t.Errorf("%s: listed by %q:\n%s", form, im.Layers[0].ListedBy, listing(im))
		}
		if asked := unranged(im, reg.Asked()); len(asked) != len(im.Layers) {
			t.Errorf("%s: got requests for whole layers %q, want each once", form, asked)
		}
	}
}

// TestRegistryTablesNotUsed checks that a layer is read, and the reason logged, if its table
// isn't the one that the manifest names, if it has two tables, or if its table has no digest.
func TestRegistryTablesNotUsed(t *testing.T) {
	noSettings(t)
	other := digest.FromString("another").String()
	const (
		stargz   = "containerd.io/snapshot/stargz/toc.digest"
		sum      = "io.github.containers.zstd-chunked.manifest-checksum"
		position = "io.github.containers.zstd-chunked.manifest-position"
		oldSum   = "io.containers.zstd-chunked.manifest-checksum"
	)
	for _, c := range []struct {
		name, form string
		change     func(annotations map[string]any)
		says       string
	}{
		{"another eStargz", "estargz", func(a map[string]any) { a[stargz] = other }, "not the one that the manifest names"},
		{"another zstd:chunked", "zstd-chunked", func(a map[string]any) { a[sum] = other }, "not the one that the manifest names"},
		{"no digest", "zstd-chunked", func(a map[string]any) { delete(a, sum) }, "has no digest"},
		{"no position", "zstd-chunked", func(a map[string]any) { delete(a, position) }, "malformed"},
		{"outside", "zstd-chunked", func(a map[string]any) { a[position] = "90000000:10:10:1" }, "not in the layer"},
		{"huge", "zstd-chunked", func(a map[string]any) { a[position] = "1:9223372036854775807:10:1" }, "too large"},
		{"eStargz and zstd:chunked", "zstd-chunked", func(a map[string]any) { a[stargz] = other }, "two tables"},
		{"nerdctl's, with another eStargz", "nerdctl", func(a map[string]any) { a[stargz] = other }, "two tables"},
		{"nerdctl's, with another zstd:chunked", "nerdctl", func(a map[string]any) { a[oldSum] = other }, "not the one that the manifest names"},
		{"nerdctl's, with a third", "nerdctl", func(a map[string]any) { a[sum], a[position] = other, "1:1:1:1" }, "two tables"},
		{"both dialects", "zstd-chunked", func(a map[string]any) { a[oldSum] = other }, "two tables"},
		{"not eStargz", "zstd-chunked", func(a map[string]any) {
			delete(a, sum)
			delete(a, position)
			a[stargz] = other
		}, "does not end as eStargz does"},
		{"outside, and none is there", "estargz-external", func(map[string]any) {}, "the image's tag has none either"},
		{"not a digest", "estargz", func(a map[string]any) { a[stargz] = "sha256:12" }, "invalid checksum digest length"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "testdata", "tables", c.form))); err != nil {
				t.Fatal(err)
			}
			want := listing(open(t, dir, source.Options{}))
			annotate(t, dir, c.change)
			reg := fakeregistry.New(t)
			reg.Push(t, dir, "me/app", "1")
			var log bytes.Buffer
			im := open(t, refTo(reg), source.Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
			if im.Layers[0].ListedBy != "" || listing(im) != want {
				t.Errorf("listed by %q:\n%s", im.Layers[0].ListedBy, listing(im))
			}
			if !strings.Contains(log.String(), c.says) {
				t.Errorf("the log lacks %q:\n%s", c.says, log.String())
			}
		})
	}
}

// TestRegistryTablesOutside checks tables that are stored outside their layers. Such a table
// must be the one that the image's manifest names, for this layer. An image named by its digest
// has no tag to find a table by.
func TestRegistryTablesOutside(t *testing.T) {
	noSettings(t)
	tables := filepath.Join("..", "testdata", "tables")
	local := open(t, filepath.Join(tables, "estargz-external"), source.Options{})
	const of = "containerd.io/snapshot/stargz/layer.digest"
	for _, c := range []struct {
		name   string
		change func(annotations map[string]any)
	}{
		{"of another layer", func(a map[string]any) { a[of] = digest.FromString("another").String() }},
		{"of both layers", func(a map[string]any) { a[of] = local.Layers[1].Digest }},
		{"of none", func(a map[string]any) { delete(a, of) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(tables, "estargz-external-toc"))); err != nil {
				t.Fatal(err)
			}
			annotate(t, dir, c.change)
			reg := fakeregistry.New(t)
			reg.Push(t, filepath.Join(tables, "estargz-external"), "me/app", "1")
			reg.Push(t, dir, "me/app", "1-esgztoc")
			im := open(t, refTo(reg), source.Options{})
			if im.Layers[0].ListedBy != "" || listing(im) != listing(local) {
				t.Errorf("listed by %q:\n%s", im.Layers[0].ListedBy, listing(im))
			}
		})
	}
	t.Run("by digest", func(t *testing.T) {
		reg := fakeregistry.New(t)
		pushTables(t, reg, "estargz-external")
		im := open(t, "registry://"+reg.Host()+"/me/app@"+local.Digest, source.Options{})
		if im.Layers[0].ListedBy != "" || listing(im) != listing(local) {
			t.Errorf("listed by %q:\n%s", im.Layers[0].ListedBy, listing(im))
		}
	})
}

// annotate changes the annotations of the layers in a layout.
func annotate(t *testing.T, dir string, change func(map[string]any)) {
	t.Helper()
	read := func(file string) (m map[string]any) {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	index := read("index.json")
	top := index["manifests"].([]any)[0].(map[string]any)
	blob := func() string { return filepath.Join("blobs", strings.Replace(top["digest"].(string), ":", "/", 1)) }
	manifest := read(blob())
	for _, l := range manifest["layers"].([]any) {
		change(l.(map[string]any)["annotations"].(map[string]any))
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	top["digest"], top["size"] = digest.FromBytes(text).String(), len(text)
	list, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	testkit.WriteFiles(t, dir, map[string]string{blob(): string(text), "index.json": string(list)})
}

// TestRegistryTableContentChanged checks that content that doesn't match the table is an error,
// and never shown as a whole file.
func TestRegistryTableContentChanged(t *testing.T) {
	noSettings(t)
	for form := range tableForms {
		t.Run(form, func(t *testing.T) {
			reg := fakeregistry.New(t)
			pushTables(t, reg, form)
			im := open(t, refTo(reg), source.Options{})
			reg.Break(func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if r.Header.Get("Range") == "" {
					return false
				}
				rec := &recorder{header: w.Header()}
				reg.Inner(rec, r)
				b := rec.body.Bytes()
				for i := range b {
					b[i] ^= 0x55
				}
				w.WriteHeader(http.StatusPartialContent)
				_, _ = w.Write(b)
				return true
			})
			l := im.Layers[0]
			i := firstFile(l)
			r, err := l.Open(t.Context(), i)
			if err == nil {
				_, err = io.ReadAll(r)
			}
			if err == nil {
				t.Error("read the whole file although its bytes have changed")
			}
			body, err := l.Body(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := body.ReadAt(t.Context(), make([]byte, 10), 0); n > 0 || err == nil || errors.Is(err, io.EOF) {
				t.Errorf("got %d bytes, error %v", n, err)
			}
		})
	}
}
