package draft

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// both runs a test with the system's kind of drafts, and with drafts that have a temporary
// name.
func both(t *testing.T, test func(t *testing.T, dir string, begin func(t *testing.T, content string) *Draft)) {
	for _, named := range []bool{false, true} {
		name := "as the system has them"
		if named {
			name = "with a temporary name"
		}
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { root.Close() })
			test(t, dir, func(t *testing.T, content string) *Draft {
				t.Helper()
				d, err := New(root, 0o640)
				if err != nil {
					t.Fatal(err)
				}
				if named && d.temp == "" {
					_ = d.Discard()
					temp := tempName()
					f, err := root.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
					if err != nil {
						t.Fatal(err)
					}
					d = &Draft{File: f, dir: root, temp: temp}
					underway.add(d)
				}
				if _, err := d.WriteString(content); err != nil {
					t.Fatal(err)
				}
				return d
			})
			if len(underway.all) > 0 {
				t.Errorf("%d drafts are still pending", len(underway.all))
			}
		})
	}
}

// holds checks the names and contents in a directory.
func holds(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if w, ok := want[e.Name()]; !ok || w != string(b) {
			t.Errorf("%s holds %q", e.Name(), b)
		}
	}
	if len(entries) != len(want) {
		t.Errorf("got %d files, want %d", len(entries), len(want))
	}
}

func TestCreate(t *testing.T) {
	both(t, func(t *testing.T, dir string, begin func(*testing.T, string) *Draft) {
		d := begin(t, "one")
		if d.temp == "" {
			holds(t, dir, nil)
		}
		if err := d.Create("a"); err != nil {
			t.Fatal(err)
		}
		if err := d.Discard(); err != nil {
			t.Error(err)
		}
		holds(t, dir, map[string]string{"a": "one"})
		d = begin(t, "two")
		if err := d.Create("a"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("over a file: %v", err)
		}
		if err := d.Create("b"); err != nil {
			t.Error(err)
		}
		holds(t, dir, map[string]string{"a": "one", "b": "two"})
	})
}

func TestReplace(t *testing.T) {
	both(t, func(t *testing.T, dir string, begin func(*testing.T, string) *Draft) {
		for _, content := range []string{"one", "two"} {
			d := begin(t, content)
			if err := d.Replace("a"); err != nil {
				t.Fatal(err)
			}
			if err := d.Discard(); err != nil {
				t.Error(err)
			}
			holds(t, dir, map[string]string{"a": content})
		}
		if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
			t.Fatal(err)
		}
		d := begin(t, "three")
		if err := d.Replace("d"); err == nil {
			t.Error("a draft replaced a directory")
		}
		if err := d.Discard(); err != nil {
			t.Error(err)
		}
		if err := os.Remove(filepath.Join(dir, "d")); err != nil {
			t.Fatal(err)
		}
		holds(t, dir, map[string]string{"a": "two"})
	})
}

func TestDiscard(t *testing.T) {
	both(t, func(t *testing.T, dir string, begin func(*testing.T, string) *Draft) {
		d := begin(t, "one")
		for range 2 {
			if err := d.Discard(); err != nil {
				t.Error(err)
			}
		}
		holds(t, dir, nil)
	})
}

func TestDiscardAll(t *testing.T) {
	both(t, func(t *testing.T, dir string, begin func(*testing.T, string) *Draft) {
		d := begin(t, "one")
		DiscardAll()
		holds(t, dir, nil)
		if err := d.Replace("a"); d.temp != "" && err == nil {
			t.Error("a draft became a file")
		}
		_ = d.File.Close()
	})
}

func TestScratch(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f, err := Scratch()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if runtime.GOOS != "windows" {
		holds(t, os.TempDir(), nil)
	}
	if _, err := f.WriteAt([]byte("content"), 3); err != nil {
		t.Error(err)
	}
	b := make([]byte, 7)
	if _, err := f.ReadAt(b, 3); err != nil || string(b) != "content" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestIsTemp(t *testing.T) {
	for name, want := range map[string]bool{tempName(): true, ".peel-00.tmp": false, "peel": false, "x" + tempName(): false} {
		if IsTemp(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
