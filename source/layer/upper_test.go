//go:build linux

package layer

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// madeFile describes a file that a test makes in a folder: "dir/", "file=content",
// "link->target", or "name~" for a device 0/0; xattrs follow.
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
				t.Skip("this user can't make whiteouts on this system")
			}
		case isFile:
			err = os.WriteFile(at, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range f.xattrs {
			if err := unix.Lsetxattr(at, key, []byte(value), 0); err != nil {
				t.Skipf("can't set %s on this system: %v", key, err)
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

// readUpperDir lists an upper directory, one line per name: directories with a slash, files
// with their content, symlinks with their target.
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
		t.Errorf("%s: got %d bytes, but it's listed with %d", e.At(i).Name, len(b), want)
	}
	return string(b)
}

// TestUpper checks the entries that each form of an upper directory gives.
func TestUpper(t *testing.T) {
	const overlay, fuse = "user.overlay.", "user.fuseoverlayfs."
	tests := []struct {
		name    string
		upper   []madeFile
		lower   [][]madeFile // topmost first
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
			want:  []string{`f=!"f": no file at "f"`},
			flaws: []string{`f: its content, which lies in a lower layer, cannot be read: no file at "f"`},
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
				t.Errorf("got list\n%q\nwant\n%q", lines, tt.want)
			}
			if !slices.Equal(flaws, tt.flaws) {
				t.Errorf("flaws %q, want %q", flaws, tt.flaws)
			}
		})
	}
}

// TestUpperAttributes checks how the attributes of a file in an upper directory appear in a
// layer.
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

// TestCapabilitiesWithoutRoot checks that capabilities set by a user namespace's root count
// like those set by any root.
func TestCapabilitiesWithoutRoot(t *testing.T) {
	const second = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	third := second[:3] + "\x03" + second[4:] + "\xa0\x86\x01\x00"
	for text, want := range map[string]string{third: second, second: second, "": "", "\x03": "\x03", third[:20]: third[:20]} {
		if got := withoutRoot(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// change makes a random change and returns a description of it.
func (m *madeOverlay) change(seed uint64) string {
	rnd := rand.New(rand.NewPCG(seed, 11))
	var did []string
	for range 12 {
		did = append(did, changeAtRandom(rnd, m.merged))
	}
	return strings.Join(did, "\n")
}

// compare checks that the upper directory over the lower ones gives what the overlay showed.
func (m *madeOverlay) compare(t *testing.T, o UpperOptions, want map[string]string, what string) {
	t.Helper()
	got := map[string]string{}
	for _, dir := range slices.Backward(m.low) {
		got = shownBy(t, OpenFolder, dir, got)
	}
	got = shownBy(t, func(dir string, _ FolderOptions) (*Folder, error) { return OpenUpper(dir, o) }, m.upper, got)
	for _, name := range slices.Sorted(mapsKeys(want, got)) {
		if want[name] != got[name] {
			t.Errorf("%s is %q, but the overlay shows %q; %s", name, got[name], want[name], what)
		}
	}
}
