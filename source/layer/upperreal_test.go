//go:build linux

package layer

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/peelhq/peel/internal/testkit"
)

// TestUpperOfTheKernel changes files at random in an overlay mounted by the kernel, with and
// without redirects and metadata-only copies. The upper directory as peel reads it, laid over
// the lower ones, must be what the mount shows.
func TestUpperOfTheKernel(t *testing.T) {
	testkit.Long(t, "it mounts file systems")
	for name, options := range map[string]string{
		"plain":    "redirect_dir=off,metacopy=off",
		"redirect": "redirect_dir=on,metacopy=off",
		"metacopy": "redirect_dir=on,metacopy=on",
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(12) {
				overlayAtRandom(t, options, seed)
			}
		})
	}
}

// TestUpperOfFuse does the same with fuse-overlayfs, both as root and as it works where it may
// not change owners and modes. The reference is what a new mount shows.
func TestUpperOfFuse(t *testing.T) {
	testkit.Long(t, "it mounts file systems")
	program, err := exec.LookPath("fuse-overlayfs")
	if err != nil {
		t.Skip("fuse-overlayfs isn't installed")
	}
	for _, options := range []string{"", ",xattr_permissions=2"} {
		for seed := range uint64(8) {
			m := newOverlay(t)
			data := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s%s", strings.Join(m.low, ":"), m.upper, m.work, options)
			mount := func() {
				if out, err := exec.Command(program, "-o", data, m.merged).CombinedOutput(); err != nil {
					t.Skipf("fuse-overlayfs can't mount here: %v %s", err, out)
				}
			}
			unmount := func() {
				if err := unix.Unmount(m.merged, 0); err != nil {
					t.Error(err)
				}
			}
			mount()
			did := m.change(seed)
			unmount()
			mount()
			want := shownBy(t, OpenFolder, m.merged, nil)
			unmount()
			m.compare(t, UpperOptions{Lower: m.low, Fuse: true}, want, fmt.Sprintf("seed %d%s, after\n%s", seed, options, did))
		}
	}
}

// madeOverlay has the folders of an overlay.
type madeOverlay struct {
	low                 []string
	upper, work, merged string
}

func newOverlay(t *testing.T) *madeOverlay {
	t.Helper()
	dir := t.TempDir()
	m := &madeOverlay{
		low: []string{
			makeFiles(t, made("a/b/f=one"), made("a/b/g=two"), made("a/c/h=three"), made("d/e/i=four"), made("d/j=five"), made("k->a/b")),
			makeFiles(t, made("a/b/f=under"), made("a/m=six"), made("d/e/n/o=seven"), made("p/q=eight"), made("d/r=nine")),
		},
		upper: filepath.Join(dir, "upper"), work: filepath.Join(dir, "work"), merged: filepath.Join(dir, "merged"),
	}
	for _, name := range []string{m.upper, m.work, m.merged} {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func overlayAtRandom(t *testing.T, options string, seed uint64) {
	t.Helper()
	m := newOverlay(t)
	data := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,%s", strings.Join(m.low, ":"), m.upper, m.work, options)
	if err := unix.Mount("overlay", m.merged, "overlay", 0, data); err != nil {
		t.Skipf("can't mount an overlay here: %v", err)
	}
	did := m.change(seed)
	want := shownBy(t, OpenFolder, m.merged, nil)
	if err := unix.Unmount(m.merged, 0); err != nil {
		t.Error(err)
	}
	m.compare(t, UpperOptions{Lower: m.low}, want, fmt.Sprintf("%s, seed %d, after\n%s", options, seed, did))
}

func mapsKeys(all ...map[string]string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, m := range all {
			for name := range m {
				if !yield(name) {
					return
				}
			}
		}
	}
}

// shownBy lays a folder, read as a layer, over below and describes each path except the root.
func shownBy(t *testing.T, open func(string, FolderOptions) (*Folder, error), dir string, below map[string]string) map[string]string {
	t.Helper()
	f, err := open(dir, FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := f.Scan(t.Context(), ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	maps.Copy(out, below)
	remove := func(name string, itself bool) {
		for x := range out {
			if strings.HasPrefix(x, name+"/") || itself && x == name {
				delete(out, x)
			}
		}
	}
	e := s.Entries
	for i := range e.Len() {
		dir, base := path.Split(e.At(i).Name)
		switch {
		case base == opaqueName:
			remove(strings.TrimSuffix(dir, "/"), false)
		case strings.HasPrefix(base, whiteoutPrefix):
			remove(dir+strings.TrimPrefix(base, whiteoutPrefix), true)
		}
	}
	for i := range e.Len() {
		x := e.At(i)
		name := strings.Trim(x.Name, "/")
		if strings.HasPrefix(path.Base(name), whiteoutPrefix) || name == "." {
			continue
		}
		is := fmt.Sprintf("%s %o %d:%d %d", x.Type, x.Mode, x.UID, x.GID, x.Time.Unix())
		switch x.Type {
		case File:
			is += " " + contentOfEntry(t, f, e, i)
		case Symlink:
			is += " " + x.Link
		case Hardlink:
			is = out[strings.Trim(x.Link, "/")]
		}
		if x.Type != Dir {
			remove(name, false)
		}
		out[name] = is
	}
	return out
}

// changeAtRandom makes a random change below root and returns a description of it.
func changeAtRandom(rnd *rand.Rand, root string) string {
	var files, dirs []string
	_ = filepath.WalkDir(root, func(p string, e os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			dirs = append(dirs, p)
		case e.Type().IsRegular():
			files = append(files, p)
		}
		return nil
	})
	dir := dirs[rnd.IntN(len(dirs))]
	fresh := filepath.Join(dir, fmt.Sprintf("n%d", rnd.IntN(4)))
	file := fresh
	if len(files) > 0 {
		file = files[rnd.IntN(len(files))]
	}
	var err error
	what := ""
	switch rnd.IntN(10) {
	case 0:
		what, err = "write "+fresh, os.WriteFile(fresh, []byte(fresh[len(root):]), 0o640)
	case 1:
		what, err = "append to "+file, appendTo(file)
	case 2:
		what, err = "chmod "+file, os.Chmod(file, os.FileMode(0o600+rnd.IntN(0o100)))
	case 3:
		what, err = "chown "+file, os.Lchown(file, rnd.IntN(5), rnd.IntN(5))
	case 4:
		what, err = "remove "+file, os.Remove(file)
	case 5:
		if what = "remove all of " + dir; dir != root {
			err = os.RemoveAll(dir)
		}
	case 6:
		what, err = "make "+fresh, os.Mkdir(fresh, 0o750)
	case 7, 8:
		if what = "rename " + dir + " to " + fresh; dir != root {
			to := filepath.Join(dirs[rnd.IntN(len(dirs))], fmt.Sprintf("m%d", rnd.IntN(4)))
			what, err = "rename "+dir+" to "+to, os.Rename(dir, to)
		}
	case 9:
		if rnd.IntN(2) == 0 {
			what, err = "link "+file+" to "+fresh, os.Link(file, fresh)
		} else {
			what, err = "rename "+file+" to "+fresh, os.Rename(file, fresh)
		}
	}
	if err != nil {
		what += " (failed)"
	}
	return strings.ReplaceAll(what, root, "")
}

func appendTo(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("+")
	return errors.Join(err, f.Close())
}
