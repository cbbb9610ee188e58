//go:build unix

package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestExtractGoesOn checks that a path that can't be written is reported, and the others are
// written.
func TestExtractGoesOn(t *testing.T) {
	long := strings.Repeat("n", 256)
	fits := strings.Repeat("n", 255)
	told := long[:nameShown/2-2] + "…" + long[:nameShown/2-2]
	deep := strings.Repeat(fits[:200]+"/", 25) // 5,025 bytes
	for _, c := range []struct {
		name, image string
		says        string // the whole of standard error
		wrote       []string
	}{
		{
			"a name that is too long",
			"file a 3\nfile " + long + " 5\nfile " + fits + " 7\nfile z 11",
			"peel: 3 files, 21 B written to out; 1 of 4 paths not written\n  - " + told + ": file name too long\n",
			[]string{"a", fits, "z"},
		},
		{
			"a large file with a name that is too long",
			"file a 3\nfile " + long + " 200000\nfile z 11",
			"peel: 2 files, 14 B written to out; 1 of 3 paths not written\n  - " + told + ": file name too long\n",
			[]string{"a", "z"},
		},
		{
			"a directory with a name that is too long",
			"file a 3\ndir " + long + "\ndir " + long + "/sub\nfile " + long + "/sub/f 5\nfile " + long + "/g 5\nsymlink " + long + "/s -> g\nfile z 11",
			"peel: 2 files, 14 B written to out; 5 of 7 paths not written\n  - " + told + ", with all below it: file name too long\n",
			[]string{"a", "z"},
		},
		{
			"a symlink with a name that is too long, and one to such a path",
			"file a 3\nsymlink " + long + " -> a\nsymlink s -> " + strings.Repeat(fits+"/", 17) + "\nsymlink z -> a",
			"peel: 1 file, 3 B written to out; 2 of 4 paths not written\n  - " + told + ": file name too long\n  - s: file name too long\n",
			[]string{"a", "z"},
		},
		{
			"a first name that is too long, of a file with three",
			"file " + long + " 200000\nhardlink o -> " + long + "\nhardlink z -> " + long,
			"peel: 2 files, 200 kB written to out; 1 of 3 paths not written\n  - " + told + ": file name too long\n",
			[]string{"o", "z"},
		},
		{
			"a link with a name that is too long",
			"file a 5000\nhardlink " + long + " -> a\nhardlink z -> a",
			"peel: 2 files, 5.00 kB written to out; 1 of 3 paths not written\n  - " + told + ": file name too long\n",
			[]string{"a", "z"},
		},
		{
			"a path that is longer than any path may be in a call of the system",
			"file " + deep + "f 5\nfile z 11",
			"2 files, 16 B written to out\n",
			[]string{fits[:200], "z"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			inFolder(t, "docker-25", "-- layer --\n"+c.image+"\n")
			r := peel("extract", "app.tar", "/", "-o", "out")
			want := exitFine
			if strings.HasPrefix(c.says, "peel: ") {
				want = exitWork
			}
			if r.code != want || r.err != c.says {
				t.Errorf("got exit code %d, want %d; standard error:\n%s\nwant\n%s", r.code, want, r.err, c.says)
			}
			wroteNames(t, "out", c.wrote...)
		})
	}
}

// wroteNames checks the names in a folder.
func wroteNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s holds %.300q, want %.300q", dir, got, want)
	}
}

// TestExtractTellsTheFirst checks that the message is short however many paths fail.
func TestExtractTellsTheFirst(t *testing.T) {
	var image strings.Builder
	image.WriteString("-- layer --\nfile a 1\n")
	for i := range 50 {
		fmt.Fprintf(&image, "file b%02d%s 1\n", i, strings.Repeat("n", 300))
	}
	inFolder(t, "docker-25", image.String())
	r := peel("extract", "app.tar", "/", "-o", "out")
	if r.code != exitWork || !strings.HasPrefix(r.err, "peel: 1 file, 1 B written to out; 50 of 51 paths not written\n  - b00n") ||
		!strings.HasSuffix(r.err, "  - and 30 more\n") || strings.Count(r.err, "\n") != 22 || len(r.err) > 22*(nameShown+100) {
		t.Errorf("exit code %d:\n%s", r.code, r.err)
	}
}

// asNobody runs the program as an unprivileged user.
func asNobody(t *testing.T, args ...string) result {
	t.Helper()
	c := program(t, args...)
	if os.Getuid() == 0 {
		if runtime.GOOS != "linux" {
			t.Skip("root may write anywhere")
		}
		c.Path = "/proc/self/exe" // the program's own path isn't accessible to others
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil && !isExit(err) {
		t.Fatal(err)
	}
	return result{c.ProcessState.ExitCode(), out.String(), said.String()}
}

func isExit(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit)
}

// TestExtractWithoutPermission checks that attributes that the user may not set don't end an
// extraction.
func TestExtractWithoutPermission(t *testing.T) {
	const image = `
-- layer --
file a/f 3
file a/g 5
dir b
dir b/sub
file b/sub/f 7
file z 11
`
	for _, c := range []struct {
		name   string
		before func(t *testing.T)
		says   string
		wrote  []string
	}{
		{
			"a folder that may not be written to",
			func(t *testing.T) { mkdir(t, "out/a"); mode(t, "out/a", 0o555) },
			"peel: 2 files, 18 B written to out; 2 of 7 paths not written\n  - a/f: permission denied\n  - a/g: permission denied\n",
			[]string{"a", "b", "z"},
		},
		{
			"a folder that may not be entered",
			func(t *testing.T) { mkdir(t, "out/a"); mode(t, "out/a", 0o600) },
			"peel: 2 files, 18 B written to out; 2 of 7 paths not written\n  - a, with all below it: permission denied\n",
			[]string{"a", "b", "z"},
		},
		{
			"a folder in which no folder can be made",
			func(t *testing.T) { mkdir(t, "out/b"); mode(t, "out/b", 0o555) },
			"peel: 3 files, 19 B written to out; 2 of 7 paths not written\n  - b/sub, with all below it: permission denied\n",
			[]string{"a", "b", "z"},
		},
		{
			"a target that may not be written to",
			func(t *testing.T) { mode(t, "out", 0o555) },
			"peel: 0 files, 0 B written to out; 7 of 7 paths not written\n  - a, with all below it: permission denied\n  - b, with all below it: permission denied\n  - z: permission denied\n",
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			inFolder(t, "docker-25", image)
			mkdir(t, "out")
			mode(t, "out", 0o777)
			c.before(t)
			t.Cleanup(func() { _ = os.Chmod("out", 0o700); _ = os.Chmod("out/a", 0o700); _ = os.Chmod("out/b", 0o700) })
			r := asNobody(t, "extract", "app.tar", "/", "-o", "out", "--no-cache")
			if r.code != exitWork || r.err != c.says {
				t.Errorf("got exit code %d, standard error:\n%s\nwant\n%s", r.code, r.err, c.says)
			}
			wroteNames(t, "out", c.wrote...)
		})
	}
}

func mode(t *testing.T, name string, m os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, m); err != nil {
		t.Fatal(err)
	}
}

// TestExtractEnds checks that errors that would affect all other paths too end an extraction: a
// full disk or a read-only one.
func TestExtractEnds(t *testing.T) {
	const image = `
-- layer --
file a 3000 seed=a
file b/large 300000 seed=b
file b/name255 3
file z 11
`
	for _, c := range []struct {
		name, options string
		says          string
	}{
		{"a full disk", "size=64k", "peel: cannot extract to out: b/large: no space left on device\n  - 1 file, 3.00 kB written to out before that\n"},
		{"no room for names", "nr_inodes=3", "peel: cannot extract to out: b/large: no space left on device\n  - 1 file, 3.00 kB written to out before that\n"},
		{"a file system that is read only", "ro", "peel: cannot extract to out: b: read-only file system\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inFolder(t, "docker-25", image)
			mountTemp(t, "out", c.options)
			r := peel("extract", "app.tar", "/", "-o", "out", "--no-cache")
			if r.code != exitWork || r.err != c.says {
				t.Errorf("got exit code %d, standard error:\n%s\nwant\n%s", r.code, r.err, c.says)
			}
			if _, err := os.Lstat("out/b/large"); err == nil {
				t.Error("a partial file is left")
			}
			if _, err := os.Lstat("out/z"); err == nil {
				t.Error("the extraction went on")
			}
		})
	}
}

// TestExtractNamesAlike checks that names that a file system treats as equal don't overwrite
// each other.
func TestExtractNamesAlike(t *testing.T) {
	inFolder(t, "docker-25", `
-- layer --
file Read.me 3
file read.ME 5
dir Sub
file Sub/f 7
dir sub
file sub/f 11
file "\u00e9" 13
file "e\u0301" 17
file other 19
`)
	// A file system that distinguishes them gets all files.
	if said := extracted(t, "/", "-o", "out"); said != "7 files, 75 B written to out\n" {
		t.Error(said)
	}
	a := newSameNames(&plan{})
	a.first = map[uint64]string{a.sum("Read.me"): "out/Read.me"}
	root, err := os.OpenRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	// Hard links simulate what such a file system would show.
	for name, same := range map[string]bool{"rEAD.ME": true, "reaD.me": false} {
		if same {
			if err := os.Link("out/Read.me", name); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.check(root, name); (err != nil) != same {
			t.Errorf("%s: %v", name, err)
		}
	}
}
