//go:build linux

package layer

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// madeFile is a file of a folder that a test makes: "dir/", "file=content",
// "link->target", "name~" for a device 0/0; xattrs follow.
type madeFile struct {
	name   string
	xattrs map[string]string
}

// makeFiles makes files in a new folder.
func makeFiles(t *testing.T, files ...madeFile) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range files {
		name, content, isFile := strings.Cut(f.name, "=")
		at, link, isLink := strings.Cut(filepath.Join(root, name), "->")
		whiteout := strings.HasSuffix(at, "~")
		at = strings.TrimSuffix(at, "~")
		var err error
		if err = os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasSuffix(f.name, "/"):
			err = os.Mkdir(at, 0o755)
		case isLink:
			err = os.Symlink(link, at)
		case whiteout:
			if err = unix.Mknod(at, unix.S_IFCHR, 0); errors.Is(err, unix.EPERM) {
				t.Skip("this user cannot make whiteouts here")
			}
		case isFile:
			err = os.WriteFile(at, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range f.xattrs {
			if err := unix.Lsetxattr(at, key, []byte(value), 0); err != nil {
				t.Skipf("%s cannot be set here: %v", key, err)
			}
		}
	}
	return root
}

func made(name string, xattrs ...string) madeFile {
	f := madeFile{name: name}
	for i := 0; i+1 < len(xattrs); i += 2 {
		if f.xattrs == nil {
			f.xattrs = map[string]string{}
		}
		f.xattrs[xattrs[i]] = xattrs[i+1]
	}
	return f
}

// readUpperDir lists what is in an upper directory, a line each: names, with a
// directory's slash, files with their content, symlinks with their target.
func readUpperDir(t *testing.T, dir string, o UpperOptions) (lines, flaws []string) {
	t.Helper()
	f, err := OpenUpper(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := f.Scan(t.Context(), ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Entries.Len() {
		e := s.Entries.At(i)
		line := e.Name
		switch e.Type {
		case File:
			line += "=" + contentOfEntry(t, f, s.Entries, i)
		case Symlink, Hardlink:
			line += "->" + e.Link
		case Char, Block, Fifo:
			line += fmt.Sprintf(" %s %d,%d", e.Type, e.Major, e.Minor)
		}
		lines = append(lines, line)
	}
	for _, flaw := range s.Entries.Flaws() {
		flaws = append(flaws, flaw.Path+": "+flaw.Problem)
	}
	return lines, flaws
}

func contentOfEntry(t *testing.T, f *Folder, e *Entries, i int) string {
	t.Helper()
	r, err := f.Open(t.Context(), e, i)
	if err != nil {
		return "!" + err.Error()
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if want := e.At(i).Size; int64(len(b)) != want {
		t.Errorf("%s: %d bytes, listed with %d", e.At(i).Name, len(b), want)
	}
	return string(b)
}

// TestUpper holds each form of an upper directory against the entries that it gives.
func TestUpper(t *testing.T) {
	const overlay, fuse = "user.overlay.", "user.fuseoverlayfs."
	tests := []struct {
		name    string
		upper   []madeFile
		lower   [][]madeFile // the topmost first
		options UpperOptions
		want    []string
		flaws   []string
	}{
		{name: "files", upper: []madeFile{made("a/b=x"), made("c->a/b")}, want: []string{"a/", "a/b=x", "c->a/b"}},
		{name: "whiteout-device", upper: []madeFile{made("a/b~"), made("c~")}, want: []string{"a/", "a/.wh.b=", ".wh.c="}},
		{name: "whiteout-xattr", upper: []madeFile{made("a/", overlay+"opaque", "x"), made("a/b=", overlay+"whiteout", "y")}, want: []string{"a/", "a/.wh.b="}},
		{name: "whiteout-xattr-with-content", upper: []madeFile{made("b=x", overlay+"whiteout", "y")}, want: []string{"b=x"}},
		{name: "opaque-y", upper: []madeFile{made("a/", overlay+"opaque", "y"), made("a/b=x")}, want: []string{"a/", "a/.wh..wh..opq=", "a/b=x"}},
		{name: "opaque-x", upper: []madeFile{made("a/", overlay+"opaque", "x"), made("a/b=x")}, want: []string{"a/", "a/b=x"}},
		{name: "opaque-in-opaque", upper: []madeFile{made("a/", overlay+"opaque", "y"), made("a/b/", overlay+"opaque", "y"), made("a/c~")}, want: []string{"a/", "a/.wh..wh..opq=", "a/b/"}},
		{
			name:  "another-namespace",
			upper: []madeFile{made("a/", overlay+"opaque", "y"), made("b=", overlay+"whiteout", "y")}, options: UpperOptions{Keep: func(string) bool { return true }},
			want: []string{"a/", "b="},
		},
		{
			name:  "redirect-relative",
			upper: []madeFile{made("d/new/", overlay+"redirect", "old"), made("d/old~")},
			lower: [][]madeFile{{made("d/old/x=1"), made("d/old/y/z=2"), made("d/old/l->x"), made("d/other=3")}},
			want:  []string{"d/", "d/new/", "d/new/.wh..wh..opq=", "d/new/l->x", "d/new/x=1", "d/new/y/", "d/new/y/z=2", "d/.wh.old="},
		},
		{
			name:  "redirect-absolute",
			upper: []madeFile{made("new/", overlay+"redirect", "/d/old"), made("new/x~"), made("new/y/w=4"), made("d/old~")},
			lower: [][]madeFile{{made("d/old/x=1"), made("d/old/y/z=2")}},
			want:  []string{"d/", "d/.wh.old=", "new/", "new/.wh..wh..opq=", "new/y/", "new/y/z=2", "new/y/w=4"},
		},
		{
			name:  "redirect-below-redirect",
			upper: []madeFile{made("new/", overlay+"redirect", "old"), made("new/b/", overlay+"redirect", "a"), made("new/a~"), made("new/c/", overlay+"redirect", "/other")},
			lower: [][]madeFile{{made("old/a/x=1"), made("old/f=2"), made("other/y=3")}},
			want:  []string{"new/", "new/.wh..wh..opq=", "new/f=2", "new/b/", "new/b/x=1", "new/c/", "new/c/y=3"},
		},
		{
			name:  "redirect-to-nothing",
			upper: []madeFile{made("new/", overlay+"redirect", "/gone"), made("new/x=1"), made("new/d/"), made("new/d/y~")},
			lower: [][]madeFile{{made("new/z=3")}},
			want:  []string{"new/", "new/.wh..wh..opq=", "new/d/", "new/x=1"},
		},
		{
			name:  "redirect-over-several-layers",
			upper: []madeFile{made("new/", overlay+"redirect", "old")},
			lower: [][]madeFile{
				{made("old/gone~"), made("old/a=upper"), made("old/o/", overlay+"opaque", "y"), made("old/o/mine=1")},
				{made("old/a=lower"), made("old/gone=1"), made("old/o/theirs=2"), made("old/kept=3"), made("old/x=", overlay+"whiteout", "y")},
				{made("old/x=deep"), made("old/deep=4")},
			},
			want: []string{"new/", "new/.wh..wh..opq=", "new/a=upper", "new/deep=4", "new/kept=3", "new/o/", "new/o/mine=1"},
		},
		{
			name:  "metacopy",
			upper: []madeFile{made("d/f=\x00\x00\x00", overlay+"metacopy", "")},
			lower: [][]madeFile{{made("d/e=1")}, {made("d/f=old")}},
			want:  []string{"d/", "d/f=old"},
		},
		{
			name:  "metacopy-redirect",
			upper: []madeFile{made("a/f=\x00\x00\x00", overlay+"metacopy", "", overlay+"redirect", "/b/g"), made("h=\x00", overlay+"metacopy", "", overlay+"redirect", "i")},
			lower: [][]madeFile{{made("b/g=old"), made("i=2")}},
			want:  []string{"a/", "a/f=old", "h=2"},
		},
		{
			name:  "metacopy-of-metacopy",
			upper: []madeFile{made("f=\x00\x00\x00", overlay+"metacopy", "")},
			lower: [][]madeFile{{made("f=\x00\x00\x00", overlay+"metacopy", "", overlay+"redirect", "g")}, {made("g=old")}},
			want:  []string{"f=old"},
		},
		{
			name:  "metacopy-of-nothing",
			upper: []madeFile{made("f=\x00", overlay+"metacopy", "")},
			lower: [][]madeFile{{made("g=old")}},
			want:  []string{`f=!"f": there is no file at "f"`},
			flaws: []string{`f: its content, which lies in a lower layer, cannot be read: there is no file at "f"`},
		},
		{
			name:  "metacopy-without-layers",
			upper: []madeFile{made("f=\x00", overlay+"metacopy", "")},
			want:  []string{`f=!"f": the folders of the layers below are not known`},
			flaws: []string{"f: its content, which lies in a lower layer, cannot be read: the folders of the layers below are not known"},
		},
		{name: "fuse-whiteout-file", upper: []madeFile{made(".wh.b="), made("a/.wh..wh..opq=")}, options: UpperOptions{Fuse: true}, want: []string{".wh.b=", "a/", "a/.wh..wh..opq="}},
		{name: "fuse-opaque", upper: []madeFile{made("a/", fuse+"opaque", "y")}, options: UpperOptions{Fuse: true}, want: []string{"a/", "a/.wh..wh..opq="}},
		{name: "fuse-rootless-opaque", upper: []madeFile{made("a/", overlay+"opaque", "y")}, options: UpperOptions{Fuse: true}, want: []string{"a/", "a/.wh..wh..opq="}},
		{name: "fuse-attributes-elsewhere", upper: []madeFile{made("a/", fuse+"opaque", "y"), made("p=", "user.containers.override_stat", "1:2:600:pipe")}, want: []string{"a/", "p="}},
		{
			name: "fuse-override-stat",
			upper: []madeFile{
				made("p=", "user.containers.override_stat", "1:2:600:pipe"), made("c=", "user.containers.override_stat", "1:2:600:char-5-6"),
				made("b=", "user.containers.override_stat", "1:2:600:block-8-1"), made("f=x", "user.containers.override_stat", "1:2:600:file"),
				made("o=", fuse+"override_stat", "1:2:10600"),
			},
			options: UpperOptions{Fuse: true},
			want:    []string{"b block 8,1", "c char 5,6", "f=x", "o fifo 0,0", "p fifo 0,0"},
		},
		{
			name: "fuse-override-stat-malformed",
			upper: []madeFile{
				made("a=", "user.containers.override_stat", "1:2"), made("b=", "user.containers.override_stat", "1:2:600:char"),
				made("c=", "user.containers.override_stat", "-1:2:600"), made("d/", "user.containers.override_stat", "1:2:700:pipe"),
			},
			options: UpperOptions{Fuse: true},
			want:    []string{"a=", "b=", "c=", "d/"},
			flaws: []string{
				`a: malformed attribute user.containers.override_stat: "1:2"`, `b: malformed attribute user.containers.override_stat: "1:2:600:char"`,
				`c: malformed attribute user.containers.override_stat: "-1:2:600"`, `d/: malformed attribute user.containers.override_stat: "1:2:700:pipe"`,
			},
		},
		{name: "left-out", upper: []madeFile{made("etc/hosts="), made("run/x=1")}, options: UpperOptions{LeaveOut: map[string]bool{"etc/hosts": true, "run": true}}, want: []string{"etc/", "run/x=1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, files := range tt.lower {
				tt.options.Lower = append(tt.options.Lower, makeFiles(t, files...))
			}
			tt.options.User = !tt.options.Fuse && tt.options.Keep == nil && tt.name != "fuse-attributes-elsewhere"
			lines, flaws := readUpperDir(t, makeFiles(t, tt.upper...), tt.options)
			if !slices.Equal(lines, tt.want) {
				t.Errorf("it is listed as\n%q\nwant\n%q", lines, tt.want)
			}
			if !slices.Equal(flaws, tt.flaws) {
				t.Errorf("flaws %q, want %q", flaws, tt.flaws)
			}
		})
	}
}

// TestUpperAttributes looks at what a file of an upper directory is in a layer.
func TestUpperAttributes(t *testing.T) {
	dir := makeFiles(t, made("own=x", "user.containers.override_stat", "7:8:4755", "user.mine", "1", "user.other", "2"), made("plain=y", "user.other", "2"))
	when := time.Unix(1_600_000_000, 123_456_789)
	for _, name := range []string{"own", "plain"} {
		if err := os.Chtimes(filepath.Join(dir, name), when, when); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(filepath.Join(dir, "plain"), 10<<20); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	outside := int64(os.Getuid())
	f, err := OpenUpper(dir, UpperOptions{
		Fuse: true, Keep: func(name string) bool { return name == "user.mine" },
		UIDs: IDMap{{Inside: 1000, Outside: outside, Count: 1}}, GIDs: IDMap{{Inside: 0, Outside: 1 << 40, Count: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := f.Scan(t.Context(), ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n := s.Entries.Len(); n != 2 || len(s.Entries.Flaws()) != 1 || s.Entries.Flaws()[0].Problem != "a socket: left out, since layers hold no sockets" {
		t.Errorf("%d entries, flaws %v", n, s.Entries.Flaws())
	}
	own, plain := s.Entries.At(0), s.Entries.At(1)
	if own.UID != 7 || own.GID != 8 || own.Mode != 0o4755 || len(own.Xattrs) != 1 || own.Xattrs["user.mine"] != "1" {
		t.Errorf("%+v", own)
	}
	if plain.UID != 1000 || plain.GID != int64(os.Getgid()) || plain.Xattrs != nil || plain.Size != 10<<20 || plain.Stored != plain.Size {
		t.Errorf("%+v", plain)
	}
	if !own.Time.Equal(when.Truncate(time.Second)) {
		t.Errorf("time %v", own.Time)
	}
	if err := os.WriteFile(filepath.Join(dir, "own"), []byte("z"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.FlagChanged(t.Context(), s.Entries); err != nil {
		t.Fatal(err)
	}
	if flaws := s.Entries.Flaws(); len(flaws) != 2 || flaws[1] != (Flaw{Path: "own", Problem: "it changed while the container was read"}) {
		t.Errorf("flaws %v", flaws)
	}
}

// TestUpperOfTheKernel changes files at random in an overlay that the kernel mounts,
// with and without redirects and metadata-only copies. What its upper directory gives,
// laid over the lower ones, is what the mount shows.
func TestUpperOfTheKernel(t *testing.T) {
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

// TestUpperOfFuse does the same with fuse-overlayfs, as root and as it does where it
// may not change owners and modes. The directory is what it shows when it is mounted
// anew.
func TestUpperOfFuse(t *testing.T) {
	program, err := exec.LookPath("fuse-overlayfs")
	if err != nil {
		t.Skip("there is no fuse-overlayfs")
	}
	for _, options := range []string{"", ",xattr_permissions=2"} {
		for seed := range uint64(8) {
			m := newOverlay(t)
			data := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s%s", strings.Join(m.low, ":"), m.upper, m.work, options)
			mount := func() {
				if out, err := exec.Command(program, "-o", data, m.merged).CombinedOutput(); err != nil {
					t.Skipf("it does not mount here: %v %s", err, out)
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

// A madeOverlay are the folders of an overlay.
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

// change changes something at random, and returns what.
func (m *madeOverlay) change(seed uint64) string {
	rnd := rand.New(rand.NewPCG(seed, 11))
	var did []string
	for range 12 {
		did = append(did, changeAtRandom(rnd, m.merged))
	}
	return strings.Join(did, "\n")
}

// compare holds the upper directory over the lower ones against what the overlay has
// shown.
func (m *madeOverlay) compare(t *testing.T, o UpperOptions, want map[string]string, what string) {
	t.Helper()
	got := map[string]string{}
	for _, dir := range slices.Backward(m.low) {
		got = shownBy(t, OpenFolder, dir, got)
	}
	got = shownBy(t, func(dir string, _ FolderOptions) (*Folder, error) { return OpenUpper(dir, o) }, m.upper, got)
	for _, name := range slices.Sorted(mapsKeys(want, got)) {
		if want[name] != got[name] {
			t.Errorf("%s is %q, the overlay shows %q; %s", name, got[name], want[name], what)
		}
	}
}

func overlayAtRandom(t *testing.T, options string, seed uint64) {
	t.Helper()
	m := newOverlay(t)
	data := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,%s", strings.Join(m.low, ":"), m.upper, m.work, options)
	if err := unix.Mount("overlay", m.merged, "overlay", 0, data); err != nil {
		t.Skipf("an overlay cannot be mounted here: %v", err)
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

// shownBy lays what a folder holds as a layer over below: what each path is, without
// the root.
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

// changeAtRandom changes something below root, and returns what.
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
