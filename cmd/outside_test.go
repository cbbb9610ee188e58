package cmd

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestCopyForPrograms checks that a copy is readable only by its owner, has the version's
// content, and is deleted when it's released or the program ends.
func TestCopyForPrograms(t *testing.T) {
	a := openSample(t)
	n, _ := a.Tree.Lookup("/srv/shop/.env")
	v, _ := a.Tree.InLayer(n, 6)
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("PAGER", "mypager -x")
	for _, edit := range []bool{false, true} {
		o := &outside{files: &scratch{}}
		told := int64(0)
		c, err := o.copy(t.Context(), a, v, edit, func(done, _ int64) { told = done })
		if err != nil {
			t.Fatal(err)
		}
		if want := pager()[0]; !edit && (c.Program != want || want != "mypager") {
			t.Errorf("got program %s", c.Program)
		}
		files, _ := filepath.Glob(filepath.Join(os.TempDir(), "peel-*", "*"))
		if len(files) != 1 || filepath.Base(files[0]) != "_.env" {
			t.Fatalf("files %v", files)
		}
		data, err := os.ReadFile(files[0])
		if err != nil || int64(len(data)) != v.Size() || told != v.Size() {
			t.Errorf("got %d bytes, %d reported, %v", len(data), told, err)
		}
		if runtime.GOOS != "windows" {
			want := os.FileMode(0o600)
			if edit {
				want = 0o400
			}
			file, _ := os.Stat(files[0])
			dir, _ := os.Stat(filepath.Dir(files[0]))
			if file.Mode().Perm() != want || dir.Mode().Perm() != 0o700 {
				t.Errorf("modes %v and %v", file.Mode(), dir.Mode())
			}
		}
		if edit {
			o.files.end()
			if _, err := o.copy(t.Context(), a, v, edit, func(_, _ int64) {}); err == nil {
				t.Error("made a copy after the end")
			}
		} else {
			c.Remove()
		}
		if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "peel-*")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// TestCopyThatFails checks that a cancelled or failed copy leaves nothing behind.
func TestCopyThatFails(t *testing.T) {
	a := openSample(t)
	t.Setenv("TMPDIR", t.TempDir())
	n, _ := a.Tree.Lookup("/srv/shop/.env")
	v, _ := a.Tree.InLayer(n, 6)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	o := &outside{files: &scratch{}}
	if _, err := o.copy(stopped, a, v, false, func(_, _ int64) {}); err == nil {
		t.Error("it wasn't cancelled")
	}
	dir, _ := a.Tree.Lookup("/srv")
	if _, err := o.copy(t.Context(), a, a.Tree.Versions(dir)[0], false, func(_, _ int64) {}); err == nil {
		t.Error("a directory was copied")
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "peel-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestTempName(t *testing.T) {
	for name, want := range map[string]string{
		"/etc/nginx.conf":                      "nginx.conf",
		"/a/-rf":                               "_-rf",
		"/a/.env":                              "_.env",
		"/a/$(touch x);\n\x1b.sh":              "__touch_x____.sh",
		"/a/" + strings.Repeat("é", 99):        strings.Repeat("_", 99),
		"/" + strings.Repeat("x", 300) + ".go": strings.Repeat("x", 97) + ".go",
		"/":                                    "_",
	} {
		if got := tempName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestCapture checks that a program's output is captured up to a bound, that it gets its
// arguments unchanged, and that it ends with its context.
func TestCapture(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no sh")
	}
	o := &outside{files: &scratch{}}
	out, err := o.capture(t.Context(), []string{"printf", "%s|", "a b", "$(x)", "-rf", "\n"})
	if err != nil || string(out) != "a b|$(x)|-rf|\n|" {
		t.Errorf("%q, %v", out, err)
	}
	out, err = o.capture(t.Context(), []string{"sh", "-c", "head -c 3000000 /dev/zero; echo no >&2; exit 3"})
	if len(out) != maxCaptured || err == nil || !strings.Contains(err.Error(), "3") {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	if _, err := o.capture(t.Context(), []string{"/no/such/program"}); err == nil {
		t.Error("ran a program that doesn't exist")
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	began := time.Now()
	if _, err := o.capture(ctx, []string{"sleep", "60"}); err == nil || time.Since(began) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}
