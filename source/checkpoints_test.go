package source

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/peelhq/peel/internal/inflate"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source/layer"
)

// closeCheckpoints makes small layers have checkpoints until the test ends.
func closeCheckpoints(t testing.TB) {
	t.Helper()
	spacing, granule := layer.CheckpointSpacing, layer.CheckpointGranule
	t.Cleanup(func() { layer.CheckpointSpacing, layer.CheckpointGranule = spacing, granule })
	layer.CheckpointSpacing, layer.CheckpointGranule = inflate.Spacing{In: 40 << 10, Out: 100 << 10}, 16<<10
}

const checkpointFixture = `
-- layer --
file a 200000 seed=a
file b 300000 seed=b
file c 5 seed=c
file d 400000 seed=d
file hole 500000 sparse=gnu data=512+512,300000+200000
file e 1000 seed=e
-- layer --
file small "a few bytes"
file b 900000 seed=other
`

// contentsOf reads every file of every layer, from the last to the first.
func contentsOf(t *testing.T, ref string, opts Options) string {
	t.Helper()
	im, err := Open(t.Context(), ref, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if err := im.Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, l := range slices.Backward(im.Layers) {
		for i := l.Entries.Len() - 1; i >= 0; i-- {
			if l.Entries.Type(i) != File {
				continue
			}
			x := xxh3.New()
			r, err := l.Open(t.Context(), i)
			if err == nil {
				_, err = io.Copy(x, r)
				_ = r.Close()
			}
			fmt.Fprintln(&b, l.Index, l.Entries.At(i).Name, x.Sum64(), err)
		}
	}
	return b.String()
}

// TestCacheCheckpoints checks that content read with checkpoints from the cache equals content
// read without them, even if they are missing, damaged or belong to another layer, and that
// they are used if they are valid.
func TestCacheCheckpoints(t *testing.T) {
	closeCheckpoints(t)
	f, err := testkit.Parse(checkpointFixture)
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range testkit.Sample([]string{"oci-tar", "oci-dir", "oci-members", "oci-estargz", "kaniko"}) {
		for _, unchanged := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, unchanged %v", shape, unchanged), func(t *testing.T) {
				settled(t, unchanged)
				path := testkit.ShapeNamed(shape).Write(t, f)
				dir := filepath.Join(t.TempDir(), "cache")
				opts := Options{Platform: "linux/amd64", Cache: dir}
				want := contentsOf(t, path, Options{Platform: "linux/amd64"})
				same := func(when string) {
					t.Helper()
					if got := contentsOf(t, path, opts); got != want {
						t.Errorf("%s: with the cache got\n%s\nwithout\n%s", when, got, want)
					}
				}
				same("cold")
				same("warm")
				files, err := filepath.Glob(filepath.Join(dir, "*.points"))
				gzips := 2
				if shape == "oci-members" { // the second layer is zstd
					gzips = 1
				}
				if err != nil || len(files) != gzips {
					t.Fatalf("got %q, error %v, want one file per gzip layer", files, err)
				}
				first, last := read(t, files[0]), read(t, files[gzips-1])
				parts := 8
				if testing.Short() {
					parts = 2
				}
				for i := range files {
					good := [][]byte{first, last}[i]
					for n := 0; n < len(good); n += len(good)/parts + 1 {
						write(t, files[i], good[:n])
						same("cut off")
						write(t, files[i], slices.Concat(good[:n], []byte{^good[n]}, good[n+1:]))
						same("changed")
					}
					write(t, files[i], [][]byte{last, first}[i])
					same("another's")
					reseal(t, files[i], good, func(file []byte) { file[7]++ })
					same("another form")
					reseal(t, files[i], good, func(file []byte) { binary.LittleEndian.PutUint64(file[8:], cacheRules()+1) })
					same("other rules")
					write(t, files[i], good)
				}
				for _, name := range files {
					if err := os.Remove(name); err != nil {
						t.Fatal(err)
					}
				}
				same("missing")
			})
		}
	}
}

// reseal changes a valid cache file and updates its checksum.
func reseal(t *testing.T, name string, good []byte, change func(file []byte)) {
	t.Helper()
	other := bytes.Clone(good[:len(good)-16])
	change(other)
	sum := xxh3.Hash128Seed(other, xxh3.HashString(filepath.Base(name))).Bytes()
	write(t, name, slices.Concat(other, sum[:]))
}
