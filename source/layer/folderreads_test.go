//go:build linux

package layer

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/peelhq/peel/internal/testkit"
)

// TestFolderContent reads files in every way that a reader offers.
func TestFolderContent(t *testing.T) {
	root := t.TempDir()
	want := map[string][]byte{
		"small": []byte("some text"), "empty": nil,
		"large": bytes.Repeat([]byte("0123456789abcdef"), 1<<15),
		"holes": append(make([]byte, 1<<20), bytes.Repeat([]byte("x"), 5000)...),
	}
	for name, b := range want {
		if name == "holes" {
			holeOf(int64(len(b)), 1<<20, strings.Repeat("x", 5000))(t, filepath.Join(root, name))
			continue
		}
		must(t, os.WriteFile(filepath.Join(root, name), b, 0o644))
	}
	f := openFolder(t, root, FolderOptions{})
	e, _ := scanFolder(t, f)
	seen := 0
	must(t, f.Each(t.Context(), e, []int{4, 3, 2, 1, 0}, func(i int, r io.Reader) error {
		seen++
		b, err := io.ReadAll(r)
		if !bytes.Equal(b, want[e.At(i).Name]) {
			t.Errorf("Each: %s has %d bytes", e.At(i).Name, len(b))
		}
		return err
	}))
	if seen != 4 {
		t.Errorf("Each called for %d files", seen)
	}
	for i := 1; i < e.Len(); i++ {
		name := e.At(i).Name
		b, err := f.Body(t.Context(), e, i)
		must(t, err)
		got := make([]byte, len(want[name]))
		if _, err := b.ReadAt(t.Context(), got, 0); err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		if must(t, b.Close()); !bytes.Equal(got, want[name]) {
			t.Errorf("body of %s differs", name)
		}
	}
	if _, err := f.Open(t.Context(), e, 0); err == nil {
		t.Error("a directory was opened")
	}
}

// TestFolderChanged checks that content that has changed since the scan is refused, and that
// nothing is opened that is no longer a regular file.
func TestFolderChanged(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, path string)
	}{
		{"written to", func(t *testing.T, p string) { t.Helper(); content("other cont")(t, p) }},
		{"longer", func(t *testing.T, p string) { t.Helper(); content("some content and more")(t, p) }},
		{"shorter", func(t *testing.T, p string) { t.Helper(); must(t, os.Truncate(p, 3)) }},
		{"written to, with its time put back", func(t *testing.T, p string) {
			t.Helper()
			info, err := os.Stat(p)
			must(t, err)
			content("other cont")(t, p)
			must(t, os.Chtimes(p, info.ModTime(), info.ModTime()))
		}},
		{"another file", func(t *testing.T, p string) {
			t.Helper()
			content("some conte")(t, p+".new")
			must(t, os.Rename(p+".new", p))
		}},
		{"a pipe", func(t *testing.T, p string) { t.Helper(); must(t, errors.Join(os.Remove(p), unix.Mkfifo(p, 0o644))) }},
		{"a symlink", func(t *testing.T, p string) {
			t.Helper()
			must(t, errors.Join(os.Remove(p), os.Symlink("/etc/passwd", p)))
		}},
		{"gone", func(t *testing.T, p string) { t.Helper(); must(t, os.Remove(p)) }},
		{"its directory a symlink", func(t *testing.T, p string) {
			t.Helper()
			dir := filepath.Dir(p)
			must(t, errors.Join(os.Rename(dir, dir+".moved"), os.Symlink(dir+".moved", dir)))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, "d", "f")
			must(t, os.Mkdir(filepath.Dir(path), 0o755))
			content("some conte")(t, path)
			f := openFolder(t, root, FolderOptions{})
			e, _ := scanFolder(t, f)
			time.Sleep(20 * time.Millisecond) // file times are coarse
			test.change(t, path)
			if r, err := f.Open(t.Context(), e, 2); err == nil {
				b, err := io.ReadAll(r)
				t.Errorf("read %q, %v", b, err)
			}
			if b, err := f.Body(t.Context(), e, 2); err == nil {
				t.Errorf("got a body of %d bytes", b.Size())
			}
			if err := Sum(t.Context(), f, e, []int{2}); err != nil {
				t.Error(err)
			}
			if _, _, known := e.Checksum(2); known {
				t.Error("got a checksum")
			}
		})
	}
	t.Run("during the read", func(t *testing.T) {
		root := t.TempDir()
		path := filepath.Join(root, "f")
		content(strings.Repeat("x", 1<<20))(t, path)
		f := openFolder(t, root, FolderOptions{})
		e, _ := scanFolder(t, f)
		r, err := f.Open(t.Context(), e, 1)
		must(t, err)
		body, err := f.Body(t.Context(), e, 1)
		must(t, err)
		_, err = io.ReadFull(r, make([]byte, 1000))
		must(t, err)
		time.Sleep(20 * time.Millisecond)
		content(strings.Repeat("y", 1<<20))(t, path)
		if _, err := io.Copy(io.Discard, r); !errors.Is(err, ErrChanged) {
			t.Errorf("got %v", err)
		}
		if _, err := body.ReadAt(t.Context(), make([]byte, 10), 5); !errors.Is(err, ErrChanged) {
			t.Errorf("got %v", err)
		}
		must(t, errors.Join(r.Close(), body.Close()))
	})
}

// TestFolderMoving scans a tree in which names are constantly swapped with symlinks that lead
// out of it. Nothing from outside may ever be listed.
func TestFolderMoving(t *testing.T) {
	root, out := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(out, "secret"), []byte("outside"), 0o644))
	for i := range 20 {
		must(t, os.MkdirAll(filepath.Join(root, fmt.Sprint("d", i), "in"), 0o755))
		must(t, os.WriteFile(filepath.Join(root, fmt.Sprint("d", i), "in", "f"), []byte("1"), 0o644))
	}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		r := rand.New(rand.NewPCG(1, 2))
		for ctx.Err() == nil {
			d := filepath.Join(root, fmt.Sprint("d", r.IntN(20)))
			in := filepath.Join(d, "in")
			_ = os.Rename(in, in+".moved")
			_ = os.Symlink(out, in)
			_ = os.Remove(in)
			_ = os.Rename(in+".moved", in)
			_ = os.Rename(in, filepath.Join(root, "elsewhere"))
			_ = os.Rename(filepath.Join(root, "elsewhere"), in)
		}
	})
	f := openFolder(t, root, FolderOptions{})
	for range testkit.Size(200, 20) {
		s, err := f.Scan(ctx, ScanOptions{})
		must(t, err)
		for i := range s.Entries.Len() {
			e := s.Entries.At(i)
			if strings.Contains(e.Name, "secret") {
				t.Fatalf("listed %q", e.Name)
			}
			if e.Type != File {
				continue
			}
			if r, err := f.Open(ctx, s.Entries, i); err == nil {
				b, err := io.ReadAll(r)
				if err == nil && string(b) != "1" {
					t.Fatalf("read %q of %q", b, e.Name)
				}
				must(t, r.Close())
			}
		}
	}
	stop()
	group.Wait()
}

// TestFolderSums compares files with the same and with different content, including files with
// holes.
func TestFolderSums(t *testing.T) {
	root := t.TempDir()
	for name, file := range map[string]fileSpec{
		"a": content("same"), "b": content("same"), "c": content("else"),
		"hole1": holeOf(1<<40, 1<<30, "data"), "hole2": holeOf(1<<40, 1<<30, "data"), "hole3": holeOf(1<<40, 1<<31, "data"),
	} {
		file(t, filepath.Join(root, name))
	}
	f := openFolder(t, root, FolderOptions{})
	e, _ := scanFolder(t, f)
	must(t, Sum(t.Context(), f, e, []int{1, 2, 3, 4, 5, 6}))
	same := func(i, j int) bool {
		a, ak, ok1 := e.Checksum(i)
		b, bk, ok2 := e.Checksum(j)
		return ok1 && ok2 && ak == bk && a == b
	}
	if !same(1, 2) || same(1, 3) || !same(4, 5) || same(4, 6) {
		t.Error("checksums don't show the difference")
	}
}

// TestSumOfHoles checks that a file with too many holes has the same checksum in a layer read
// in one pass, in a plain tar whose files are hashed later, and in a folder.
func TestSumOfHoles(t *testing.T) {
	root := t.TempDir()
	holeOf(1<<40, 1<<30, strings.Repeat("data", 2048))(t, filepath.Join(root, "hole"))
	f := openFolder(t, root, FolderOptions{})
	e, _ := scanFolder(t, f)
	must(t, Sum(t.Context(), f, e, []int{1}))
	file, err := os.Open(filepath.Join(root, "hole"))
	must(t, err)
	defer file.Close()
	fragments, ok := dataOf(file, 1<<40)
	if !ok || len(fragments) != 1 {
		t.Skipf("the file system doesn't report holes: %v", fragments)
	}
	data := make([]byte, fragments[0].length)
	_, err = file.ReadAt(data, fragments[0].offset)
	must(t, err)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	sparse := fmt.Sprintf("1\n%d\n%d\n", fragments[0].offset, fragments[0].length)
	body := append([]byte(sparse), make([]byte, 512-len(sparse))...)
	must(t, w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: "GNUSparseFile.0/hole", Size: int64(len(body) + len(data)), Format: tar.FormatPAX,
		PAXRecords: map[string]string{"PEEL.x": "1"},
	}))
	_, err = w.Write(append(body, data...))
	must(t, errors.Join(err, w.Close()))
	// archive/tar writes no sparse files, so insert the records by hand.
	records := ""
	for _, r := range []string{"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=hole", "GNU.sparse.realsize=1099511627776"} {
		n := len(r) + 2
		n += len(fmt.Sprint(n + len(fmt.Sprint(n))))
		records += fmt.Sprintf("%d %s\n", n, r)
	}
	packed := b.Bytes()
	copy(packed[512:1024], append([]byte(records), make([]byte, 512-len(records))...))
	copy(packed[124:136], fmt.Sprintf("%011o\x00", len(records)))
	sum := 8 * int(' ')
	for i, c := range packed[:512] {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	copy(packed[148:156], fmt.Sprintf("%06o\x00 ", sum))

	want, kind, known := e.Checksum(1)
	if !known || kind != SparseSum {
		t.Fatalf("no checksum in the folder: %v %v", kind, known)
	}
	passed, err := Pass(t.Context(), Plain, bufio.NewReaderSize(bytes.NewReader(packed), streamBuffer), ScanOptions{})
	must(t, err)
	plain := Open(bytes.NewReader(packed), int64(len(packed)), "tar", nil)
	for name, r := range map[string]Reader{"passed": passed, "plain": plain} {
		s, err := r.Scan(t.Context(), ScanOptions{})
		must(t, err)
		must(t, Sum(t.Context(), r, s.Entries, []int{0}))
		if got, kind, known := s.Entries.Checksum(0); !known || kind != SparseSum || got != want {
			t.Errorf("%s: %x %v %v, want %x", name, got, kind, known, want)
		}
	}
}
