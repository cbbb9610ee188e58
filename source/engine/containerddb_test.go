package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/peelhq/peel/internal/draft"
	"github.com/peelhq/peel/internal/fakecontainerd"
	"github.com/peelhq/peel/internal/testkit"
)

// TestContainerdDB checks that the database gives the same facts as the API.
func TestContainerdDB(t *testing.T) {
	f, c := oneContainerd(t)
	for i := range 300 { // enough to need several levels of pages
		f.Name("default", fmt.Sprintf("docker.io/library/app%d:1", i), fmt.Sprintf("sha256:%064d", i), "type")
	}
	f.Name("k8s.io", "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64), "other")
	db, err := ReadContainerdDB(t.Context(), f.WriteDB(t))
	if err != nil {
		t.Fatal(err)
	}
	all := func(from interface {
		Namespaces(ctx context.Context) ([]string, error)
		Images(ctx context.Context, namespace string) ([]ContainerdImage, error)
	}) (out []string) {
		names, err := from.Namespaces(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			images, err := from.Images(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			for _, im := range images {
				im.Created = fakecontainerd.Created // the fake API has none
				out = append(out, fmt.Sprintf("%+v", im))
			}
		}
		slices.Sort(out)
		return out
	}
	if got, want := all(db), all(c); len(want) != 301 || !slices.Equal(got, want) {
		t.Errorf("got %d images from the database, %d from the API", len(got), len(want))
	}
	images, err := db.Images(t.Context(), "k8s.io")
	if err != nil || len(images) != 1 || !images[0].Created.Equal(fakecontainerd.Created) {
		t.Errorf("%+v, error %v", images, err)
	}
}

// TestContainerdDBWhileItIsWritten reads a database completely while its owner writes to it as
// fast as possible. The read never waits, and sees only committed states.
func TestContainerdDBWhileItIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	// Each transaction gives all images the same digest, and changes their number.
	write := func(n uint64) error {
		return db.Update(func(tx *bbolt.Tx) error {
			_ = tx.DeleteBucket([]byte("v1"))
			images := tx.Bucket([]byte("v1"))
			for _, name := range []string{"v1", "default", "images"} {
				var err error
				if images == nil {
					images, err = tx.CreateBucket([]byte(name))
				} else {
					images, err = images.CreateBucket([]byte(name))
				}
				if err != nil {
					return err
				}
			}
			for i := range 10 + n%100 {
				im, err := images.CreateBucket(fmt.Appendf(nil, "image %d", i))
				if err == nil {
					im, err = im.CreateBucket([]byte("target"))
				}
				if err == nil {
					err = im.Put([]byte("digest"), fmt.Appendf(nil, "%d", n))
				}
				if err == nil {
					err = im.Put([]byte("mediatype"), make([]byte, n%1000))
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := write(1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	defer writer.Wait()
	defer cancel()
	writer.Go(func() {
		for n := uint64(2); ctx.Err() == nil; n++ {
			if err := write(n); err != nil {
				t.Error(err)
				return
			}
		}
	})
	seen := map[string]bool{}
	for tries := 0; tries < 50 || len(seen) < 5 && tries < 5000; tries++ {
		read, err := ReadContainerdDB(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		images, _ := read.Images(t.Context(), "default")
		var n uint64
		if _, err := fmt.Sscan(images[0].Digest, &n); err != nil || uint64(len(images)) != 10+n%100 {
			t.Fatalf("got %d images of transaction %q", len(images), images[0].Digest)
		}
		for _, im := range images {
			if im.Digest != images[0].Digest {
				t.Fatalf("got images of transactions %s and %s", im.Digest, images[0].Digest)
			}
		}
		seen[images[0].Digest] = true
	}
	if len(seen) < 5 {
		t.Errorf("saw only %d states", len(seen))
	}
}

// boltOf returns a database with buckets of every form: large, small and nested ones, and
// values of several pages.
func boltOf(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true, PageSize: 4096})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		v1, err := tx.CreateBucket([]byte("v1"))
		if err != nil {
			return err
		}
		for _, namespace := range []string{"default", "k8s.io"} {
			b, err := v1.CreateBucket([]byte(namespace))
			if err == nil {
				b, err = b.CreateBucket([]byte("images"))
			}
			for i := range map[string]int{"default": 60, "k8s.io": 1}[namespace] {
				if err != nil {
					return err
				}
				var im *bbolt.Bucket
				if im, err = b.CreateBucket(fmt.Appendf(nil, "image %060d", i)); err == nil {
					if err = im.Put([]byte("long"), make([]byte, 90*(i%10))); err == nil {
						if im, err = im.CreateBucket([]byte("target")); err == nil {
							err = im.Put([]byte("digest"), []byte("sha256:x"))
						}
					}
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// sealed updates the checksums of a database's meta pages.
func sealed(text []byte) []byte {
	for _, at := range []int{0, 4096} {
		if len(text) < at+boltHeader+boltMeta {
			continue
		}
		m := text[at+boltHeader:]
		h := fnv.New64a()
		h.Write(m[:boltMeta-8])
		binary.NativeEndian.PutUint64(m[boltMeta-8:], h.Sum64())
	}
	return text
}

// TestDamagedContainerdDB checks that a damaged database is an error, not a crash.
func TestDamagedContainerdDB(t *testing.T) {
	whole := boltOf(t)
	root, err := readBoltRoot(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	at := int(root.root) * 4096
	order := binary.NativeEndian
	edit := func(change func(b []byte)) []byte {
		b := slices.Clone(whole)
		change(b)
		return sealed(b)
	}
	big := 0 // a page of another kind that other pages refer to
	for id := 2; id < int(root.pages); id++ {
		if order.Uint16(whole[id*4096+8:]) == boltBranch {
			big = id * 4096
		}
	}
	if big == 0 {
		t.Fatal("the database has no branch page")
	}
	for _, test := range []struct {
		name string
		text []byte
		says string
	}{
		{"empty", nil, "EOF"},
		{"other text", bytes.Repeat([]byte("no database "), 1000), "not a database"},
		{"zeros", make([]byte, 1<<16), "not a database"},
		{"cut off in its first page", whole[:70], "EOF"},
		{"cut off behind its first pages", whole[:2*4096], "there are 2 pages"},
		{"cut off in the middle", whole[:len(whole)/2], "damaged"},
		{"a wrong checksum", func() []byte {
			b := slices.Clone(whole)
			b[boltHeader+20]++
			b[4096+boltHeader+20]++
			return b
		}(), "checksum"},
		{"pages of another size", edit(func(b []byte) { order.PutUint32(b[boltHeader+8:], 3) }), "pages of 3 bytes"},
		{"a root beyond the end", edit(func(b []byte) {
			for _, m := range []int{0, 4096} {
				order.PutUint64(b[m+boltHeader+16:], 1<<40)
			}
		}), "page 1099511627776: there are"},
		{"a root that is a meta page", edit(func(b []byte) {
			for _, m := range []int{0, 4096} {
				order.PutUint64(b[m+boltHeader+16:], 1)
			}
		}), "page 1: there are"},
		{"more pages than there are", edit(func(b []byte) {
			for _, m := range []int{0, 4096} {
				order.PutUint64(b[m+boltHeader+40:], 1<<60)
				order.PutUint64(b[m+boltHeader+16:], 1<<59)
			}
		}), "there are"},
		{"a page that says it is another", edit(func(b []byte) { order.PutUint64(b[at:], 77) }), "says that it is another"},
		{"a page of no kind", edit(func(b []byte) { order.PutUint16(b[at+8:], 0x10) }), "of kind 0x10"},
		{"too many elements", edit(func(b []byte) { order.PutUint16(b[at+10:], 0xffff) }), "element "},
		{"an endless page", edit(func(b []byte) { order.PutUint32(b[at+12:], 0xffffffff) }), "goes on for"},
		{"a key outside", edit(func(b []byte) { order.PutUint32(b[at+boltHeader+8:], 0xfffffff0) }), "lies outside"},
		{"a value outside", edit(func(b []byte) { order.PutUint32(b[at+boltHeader+12:], 0xffffffff) }), "lies outside"},
		{"a value before its element", edit(func(b []byte) { order.PutUint32(b[at+boltHeader+4:], 0) }), "lies outside"},
		{"a branch that leads nowhere", edit(func(b []byte) { order.PutUint16(b[big+10:], 0) }), "leads nowhere"},
		{"a branch that leads to itself", edit(func(b []byte) { copy(b[big+boltHeader+8:], whole[big:big+8]) }), "used twice"},
		{"a branch that leads to the root", edit(func(b []byte) { order.PutUint64(b[big+boltHeader+8:], root.root) }), "used twice"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "meta.db")
			if err := os.WriteFile(path, test.text, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := ReadContainerdDB(t.Context(), path)
			testkit.WantError(t, err, test.says, path)
		})
	}
	t.Run("a folder", func(t *testing.T) {
		if _, err := ReadContainerdDB(t.Context(), t.TempDir()); err == nil {
			t.Error("no error")
		}
	})
	t.Run("any byte changed", func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		for range testkit.Rounds(500) {
			b := slices.Clone(whole)
			for range 1 + random.IntN(3) {
				b[random.IntN(len(b))] = byte(random.Uint32())
			}
			readDamaged(t, sealed(b))
		}
	})
}

// readDamaged reads bytes that may not be a database. It must not crash.
func readDamaged(t testing.TB, text []byte) {
	if checkBolt(t.Context(), bytes.NewReader(text), int64(len(text))) != nil {
		return
	}
	f, err := draft.Scratch()
	if err == nil {
		_, err = f.Write(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	// A database that passes the check must be readable without recovery.
	if err := viewBolt(f, func(tx *bbolt.Tx) error { return newContainerdDB().read(t.Context(), tx) }); err != nil && strings.Contains(err.Error(), "runtime error") {
		t.Fatalf("the check passed, but reading failed: %v", err)
	}
}

// FuzzContainerdDB reads any bytes as a database.
func FuzzContainerdDB(f *testing.F) {
	whole := boltOf(f)
	f.Add(whole[:8192], uint16(0), uint16(0))
	f.Add([]byte{}, uint16(5000), uint16(7))
	f.Fuzz(func(t *testing.T, over []byte, at, page uint16) {
		b := slices.Clone(whole)
		copy(b[(int(page)*4096+int(at))%len(b):], over)
		readDamaged(t, sealed(b))
	})
}
