//go:build unix

package cmd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// tree lists the files below a folder: "mode path", with " -> target" for symlinks.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := info.Mode().String() + " " + filepath.ToSlash(strings.TrimPrefix(path, dir+string(filepath.Separator)))
		if d.Type() == fs.ModeSymlink {
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line = "L " + strings.TrimPrefix(line, info.Mode().String()+" ") + " -> " + target
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sameTree(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := tree(t, dir); !slices.Equal(got, want) {
		t.Errorf("%s holds\n  %s\nwant\n  %s", dir, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func extracted(t *testing.T, args ...string) string {
	t.Helper()
	r := peel(append([]string{"extract", "app.tar"}, args...)...)
	if r.code != 0 || r.out != "" {
		t.Fatalf("peel extract %q: got exit code %d, standard output %q, standard error:\n%s", args, r.code, r.out, r.err)
	}
	return r.err
}

func TestExtract(t *testing.T) {
	inFolder(t, "docker-25", story)
	if said := extracted(t, "/srv", "usr/bin/tool", "/lib", "-o", "out"); said != "4 files, 728 B written to out\n" {
		t.Errorf("it says %q", said)
	}
	sameTree(t, "out",
		"L lib -> usr/lib",
		"drwxr-xr-x srv",
		"drwxr-xr-x srv/app",
		"-rw-r--r-- srv/app/again.py",
		"-rw-r--r-- srv/app/config",
		"-rw-r--r-- srv/app/main.py",
		"L srv/app/sym -> main.py",
		"drwxr-xr-x usr",
		"drwxr-xr-x usr/bin",
		"urwxr-xr-x usr/bin/tool")
	if got := read(t, "out/srv/app/main.py"); got != "print('hello')\n" {
		t.Errorf("got main.py %q", got)
	}
	a, b := lstat(t, "out/srv/app/main.py"), lstat(t, "out/srv/app/again.py")
	if !os.SameFile(a, b) {
		t.Error("the hard link is a separate file")
	}
	for _, name := range []string{"srv", "srv/app", "srv/app/main.py", "srv/app/sym", "usr", "usr/bin/tool"} {
		if got := lstat(t, "out/"+name).ModTime(); !got.Equal(testkit.DefaultTime) {
			t.Errorf("%s: time %v, want %v", name, got, testkit.DefaultTime)
		}
	}
}

func lstat(t *testing.T, name string) os.FileInfo {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestExtractMoments(t *testing.T) {
	inFolder(t, "docker-25", story)
	extracted(t, "/srv/app/model.bin", "--at", "3", "-o", "at")
	sameTree(t, "at", "drwxr-xr-x srv", "drwxr-xr-x srv/app", "-rw------- srv/app/model.bin")
	extracted(t, "/", "--layer", "2", "-o", "layer")
	sameTree(t, "layer", "drwxr-xr-x srv", "drwxr-xr-x srv/app", "-rw------- srv/app/model.bin")
	extracted(t, "/srv/app/model.bin", "--layer", "1", "-o", "older")
	sameTree(t, "older", "drwxr-xr-x srv", "drwxr-xr-x srv/app", "-rw-r--r-- srv/app/model.bin")
	if read(t, "older/srv/app/model.bin") != must(t, "cat", "app.tar", "/srv/app/model.bin", "--at", "2") {
		t.Error("the content differs")
	}
	// The layer only removes files, so it has nothing to write.
	extracted(t, "/", "--layer", "4", "-o", "removed")
	sameTree(t, "removed")
}

func TestExtractDirectoryAttributes(t *testing.T) {
	inFolder(t, "docker-25", `
-- layer --
dir a mode=0555 mtime=1000
dir a/b mode=0500 mtime=2000
file a/b/f 1 mode=0400 mtime=3000.5
dir t mode=3777
`)
	extracted(t, "/", "-o", "out")
	t.Cleanup(func() { // otherwise the folder can't be removed
		_ = os.Chmod("out/a", 0o755)
		_ = os.Chmod("out/a/b", 0o755)
	})
	sameTree(t, "out", "dr-xr-xr-x a", "dr-x------ a/b", "-r-------- a/b/f", "dgtrwxrwxrwx t")
	for name, want := range map[string]time.Time{
		"a": time.Unix(1000, 0), "a/b": time.Unix(2000, 0), "a/b/f": time.Unix(3000, 500_000_000),
	} {
		if got := lstat(t, "out/"+name).ModTime(); !got.Equal(want) {
			t.Errorf("%s: time %v, want %v", name, got, want)
		}
	}
}

func TestExtractStaysInside(t *testing.T) {
	for name, fixture := range map[string]string{
		"names that climb": `
-- layer --
file ../../escaped 5
file a/../../../escaped2 5
file /escaped3 5
`,
		"a directory through a symlink of the same layer": `
-- layer --
symlink a -> ../outside
file a/escaped 5
`,
		"a directory through an absolute symlink": `
-- layer --
symlink a -> /tmp
-- layer --
file a/escaped 5
`,
		"a file over a symlink": `
-- layer --
symlink escaped -> ../outside/escaped
-- layer --
file escaped 5
`,
		"a hard link out": `
-- layer --
hardlink escaped -> ../outside/secret
hardlink escaped2 -> /outside/secret
`,
		"a hard link through a symlink": `
-- layer --
symlink a -> ../outside
hardlink b -> a/secret
file c 5
hardlink a/escaped -> c
`,
	} {
		for _, moment := range [][]string{nil, {"--layer", "0"}, {"--at", "0"}, {"--force"}} {
			t.Run(name+strings.Join(moment, " "), func(t *testing.T) {
				inFolder(t, "docker-25", fixture)
				write(t, "outside/secret", []byte("secret"))
				write(t, "in/out/.keep", nil)
				peel(append([]string{"extract", "app.tar", "/", "-o", "in/out"}, moment...)...)
				peel(append([]string{"extract", "app.tar", "/", "-o", "in/out"}, moment...)...)
				sameTree(t, "outside", "-rw-r--r-- secret")
				for _, line := range append(tree(t, "in"), tree(t, ".")...) {
					path := line[strings.Index(line, " ")+1:]
					if strings.Contains(path, "escaped") && !strings.HasPrefix(path, "out/") && !strings.HasPrefix(path, "in/out/") {
						t.Errorf("it wrote %s", path)
					}
				}
				if info := lstat(t, "outside/secret"); info.Sys().(*syscall.Stat_t).Nlink != 1 || read(t, "outside/secret") != "secret" {
					t.Error("it reached the file outside")
				}
			})
		}
	}
}

// TestExtractLeavesWhatIsInTheWay checks that existing files in the way are left alone, and
// that the other paths are written.
func TestExtractLeavesWhatIsInTheWay(t *testing.T) {
	for name, c := range map[string]struct {
		before func(t *testing.T)
		args   []string
		says   string
		after  func(t *testing.T)
	}{
		"an existing file": {
			before: func(t *testing.T) { write(t, "out/srv/app/config", []byte("mine")) },
			says: `peel: 2 files, 15 B written to out; 1 of 6 paths not written
  - srv/app/config: it already exists
try: --force to replace files, or another directory
`,
			after: func(t *testing.T) {
				sameTree(t, "out", "drwxr-xr-x srv", "drwxr-xr-x srv/app", "-rw-r--r-- srv/app/again.py", "-rw-r--r-- srv/app/config",
					"-rw-r--r-- srv/app/main.py", "L srv/app/sym -> main.py")
				if read(t, "out/srv/app/config") != "mine" {
					t.Error("the existing file was written to")
				}
			},
		},
		"the first of two names": {
			before: func(t *testing.T) { write(t, "out/srv/app/again.py", []byte("mine")) },
			says:   "peel: 2 files, 28 B written to out; 1 of 6 paths not written\n  - srv/app/again.py: it already exists\n",
			after: func(t *testing.T) {
				if read(t, "out/srv/app/again.py") != "mine" || read(t, "out/srv/app/main.py") != "print('hello')\n" {
					t.Error("the wrong file was written")
				}
			},
		},
		"a symlink for a parent": {
			before: func(t *testing.T) { mkdir(t, "out", "other"); symlinked(t, "../other", "out/srv") },
			says:   "0 files, 0 B written to out; 6 of 6 paths not written\n  - srv, with all below it: it already exists and is not a directory",
			after:  func(t *testing.T) { sameTree(t, "other") },
		},
		"a symlink for a parent, with force": {
			before: func(t *testing.T) { mkdir(t, "out", "out/other"); symlinked(t, "other", "out/srv") },
			args:   []string{"--force"},
			says:   "srv, with all below it: it already exists and is not a directory",
			after:  func(t *testing.T) { sameTree(t, "out/other") },
		},
		"a dangling symlink for a file": {
			before: func(t *testing.T) { mkdir(t, "out/srv/app"); symlinked(t, "../../../elsewhere", "out/srv/app/config") },
			says:   "srv/app/config: it already exists",
			after:  func(t *testing.T) { missing(t, "elsewhere") },
		},
		"a directory for a file, with force": {
			before: func(t *testing.T) { mkdir(t, "out/srv/app/config") },
			args:   []string{"--force"},
			says:   "srv/app/config: it already exists and is a directory",
			after: func(t *testing.T) {
				sameTree(t, "out", "drwxr-xr-x srv", "drwxr-xr-x srv/app", "-rw-r--r-- srv/app/again.py", "drwxr-xr-x srv/app/config",
					"-rw-r--r-- srv/app/main.py", "L srv/app/sym -> main.py")
			},
		},
		"a file for the directory to write to": {
			before: func(t *testing.T) { write(t, "out", []byte("mine")) },
			says:   "cannot make the directory to write to",
			after:  func(*testing.T) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inFolder(t, "docker-25", story)
			c.before(t)
			r := peel(append([]string{"extract", "app.tar", "/srv", "-o", "out"}, c.args...)...)
			if r.code != exitWork || !strings.Contains(r.err, c.says) {
				t.Errorf("got exit code %d, want %d with %q; standard error:\n%s", r.code, exitWork, c.says, r.err)
			}
			c.after(t)
		})
	}
}

func mkdir(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.MkdirAll(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func symlinked(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func missing(t *testing.T, name string) {
	t.Helper()
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s exists (%v)", name, err)
	}
}

func TestExtractForce(t *testing.T) {
	inFolder(t, "docker-25", story)
	mkdir(t, "out/srv/app")
	write(t, "precious", []byte("mine"))
	symlinked(t, "../../../precious", "out/srv/app/config")
	if err := os.Link("precious", "out/srv/app/main.py"); err != nil {
		t.Fatal(err)
	}
	write(t, "out/srv/app/own", []byte("mine"))
	extracted(t, "/srv", "-o", "out", "--force")
	extracted(t, "/srv", "-o", "out", "--force")
	if read(t, "precious") != "mine" {
		t.Error("a file was written to through a link")
	}
	sameTree(t, "out",
		"drwxr-xr-x srv",
		"drwxr-xr-x srv/app",
		"-rw-r--r-- srv/app/again.py",
		"-rw-r--r-- srv/app/config",
		"-rw-r--r-- srv/app/main.py",
		"-rw-r--r-- srv/app/own",
		"L srv/app/sym -> main.py")
	if got := lstat(t, "out/srv").ModTime(); !got.Equal(testkit.DefaultTime) {
		t.Errorf("srv has the time %v", got)
	}
}

func TestExtractKeepsExistingDirectories(t *testing.T) {
	inFolder(t, "docker-25", story)
	mkdir(t, "out")
	if err := os.Mkdir("out/srv", 0o700); err != nil {
		t.Fatal(err)
	}
	extracted(t, "/srv/app/config", "-o", "out")
	sameTree(t, "out", "drwx------ srv", "drwxr-xr-x srv/app", "-rw-r--r-- srv/app/config")
}
