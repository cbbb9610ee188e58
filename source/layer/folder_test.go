//go:build linux

package layer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/peelhq/peel/internal/testkit"
)

// A fileSpec makes a file at a path.
type fileSpec func(t *testing.T, path string)

func content(s string) fileSpec {
	return func(t *testing.T, path string) {
		t.Helper()
		must(t, os.WriteFile(path, []byte(s), 0o644))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holeOf makes a file of size bytes with data in the middle of a hole.
func holeOf(size, at int64, data string) fileSpec {
	return func(t *testing.T, path string) {
		t.Helper()
		f, err := os.Create(path)
		must(t, err)
		must(t, f.Truncate(size))
		if data != "" {
			_, err = f.WriteAt([]byte(data), at)
			must(t, err)
		}
		must(t, f.Close())
	}
}

// scanFolder scans a folder and returns its entries, also as text with one per line.
func scanFolder(t *testing.T, f *Folder) (*Entries, string) {
	t.Helper()
	s, err := f.Scan(t.Context(), ScanOptions{})
	must(t, err)
	var b strings.Builder
	for i := range s.Entries.Len() {
		e := s.Entries.At(i)
		fmt.Fprintf(&b, "%q %s %04o", e.Name, e.Type, e.Mode)
		if e.Link != "" {
			fmt.Fprintf(&b, " -> %q", e.Link)
		}
		if e.Type == File {
			fmt.Fprintf(&b, " %d", e.Size)
		}
		if e.Stored != e.Size {
			fmt.Fprintf(&b, " stores %d", e.Stored)
		}
		if e.Type == Char || e.Type == Block {
			fmt.Fprintf(&b, " %d/%d", e.Major, e.Minor)
		}
		if len(e.Xattrs) > 0 {
			fmt.Fprintf(&b, " %v", e.Xattrs)
		}
		b.WriteByte('\n')
	}
	for _, f := range s.Entries.Flaws() {
		fmt.Fprintf(&b, "flaw %q: %s\n", f.Path, f.Problem)
	}
	return s.Entries, b.String()
}

func openFolder(t *testing.T, dir string, o FolderOptions) *Folder {
	t.Helper()
	f, err := OpenFolder(dir, o)
	must(t, err)
	t.Cleanup(func() { must(t, f.Close()) })
	return f
}

// TestFolder checks that files of every kind are listed in order, in the form that a layer has.
func TestFolder(t *testing.T) {
	old := unix.Umask(0o022)
	defer unix.Umask(old)
	device := func(mode uint32, major, minor uint32) fileSpec {
		return func(t *testing.T, path string) {
			t.Helper()
			if err := unix.Mknod(path, mode|0o600, int(unix.Mkdev(major, minor))); errors.Is(err, unix.EPERM) {
				t.Skip("only root can make devices")
			} else {
				must(t, err)
			}
		}
	}
	xattr := func(key, value string) fileSpec {
		return func(t *testing.T, path string) {
			t.Helper()
			if err := unix.Lsetxattr(path, key, []byte(value), 0); errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EPERM) {
				t.Skipf("no %s here: %v", key, err)
			} else {
				must(t, err)
			}
		}
	}
	dir := func(t *testing.T, path string) { t.Helper(); must(t, os.MkdirAll(path, 0o755)) }
	type named struct {
		name string
		make fileSpec
	}
	for _, test := range []struct {
		name  string
		files []named
		want  string
	}{
		{"empty", nil, ""},
		{
			"order is by bytes, a directory before what lies in it",
			[]named{{"b", dir}, {"b/x", content("1")}, {"b.c", content("12")}, {"a", content("")}, {"B", dir}},
			`"B/" dir 0755
"a" file 0644 0
"b/" dir 0755
"b/x" file 0644 1
"b.c" file 0644 2
`,
		},
		{
			"names are bytes",
			[]named{{"new\nline", content("1")}, {"\xff\xfe", content("12")}, {".wh.x", content("")}, {`back\slash`, content("")}},
			`".wh.x" file 0644 0
"back\\slash" file 0644 0
"new\nline" file 0644 1
"\xff\xfe" file 0644 2
`,
		},
		{
			"hard links name the first",
			[]named{
				{"d", dir}, {"d/first", content("four")},
				{"e", func(t *testing.T, p string) {
					t.Helper()
					must(t, os.Link(filepath.Join(filepath.Dir(p), "d/first"), p))
				}},
				{"a", func(t *testing.T, p string) {
					t.Helper()
					must(t, os.Link(filepath.Join(filepath.Dir(p), "d/first"), p))
				}},
			},
			`"a" file 0644 4
"d/" dir 0755
"d/first" hardlink 0644 -> "a"
"e" hardlink 0644 -> "a"
`,
		},
		{
			"a link whose other name lies outside is a file",
			[]named{{"d", dir}, {"d/x", func(t *testing.T, p string) {
				t.Helper()
				out := filepath.Join(t.TempDir(), "out")
				must(t, os.WriteFile(out, []byte("12"), 0o600))
				must(t, os.Link(out, p))
			}}},
			"\"d/\" dir 0755\n\"d/x\" file 0600 2\n",
		},
		{
			"symlinks are never followed",
			[]named{
				{"loop", func(t *testing.T, p string) { t.Helper(); must(t, os.Symlink("loop", p)) }},
				{"out", func(t *testing.T, p string) { t.Helper(); must(t, os.Symlink("/etc", p)) }},
				{"up", func(t *testing.T, p string) { t.Helper(); must(t, os.Symlink("..", p)) }},
				{"long", func(t *testing.T, p string) { t.Helper(); must(t, os.Symlink(strings.Repeat("n/", 500), p)) }},
			},
			fmt.Sprintf(`"long" symlink 0777 -> %q
"loop" symlink 0777 -> "loop"
"out" symlink 0777 -> "/etc"
"up" symlink 0777 -> ".."
`, strings.Repeat("n/", 500)),
		},
		{
			"holes are not stored",
			[]named{{"end", holeOf(1<<30, 1<<20, strings.Repeat("x", 4096))}, {"none", holeOf(1<<40, 0, "")}},
			`"end" file 0644 1073741824 stores 4096
"none" file 0644 1099511627776 stores 0
`,
		},
		{
			"pipes and sockets are never opened",
			[]named{
				{"pipe", func(t *testing.T, p string) { t.Helper(); must(t, unix.Mkfifo(p, 0o640)) }},
				{"sock", func(t *testing.T, p string) {
					t.Helper()
					l, err := net.Listen("unix", p)
					must(t, err)
					t.Cleanup(func() { _ = l.Close() })
				}},
			},
			`"pipe" fifo 0640
"sock" fifo 0755
flaw "sock": a socket: listed as a named pipe, since layers hold no sockets
`,
		},
		{
			"devices",
			[]named{{"null", device(unix.S_IFCHR, 1, 3)}, {"sda", device(unix.S_IFBLK, 8, 1)}, {"wh", device(unix.S_IFCHR, 0, 0)}},
			"\"null\" char 0600 1/3\n\"sda\" block 0600 8/1\n\"wh\" char 0600 0/0\n",
		},
		{
			"whiteouts that overlay links to each other are devices each",
			[]named{{"a", device(unix.S_IFCHR, 0, 0)}, {"b", func(t *testing.T, p string) {
				t.Helper()
				must(t, os.Link(filepath.Join(filepath.Dir(p), "a"), p))
			}}},
			"\"a\" char 0600 0/0\n\"b\" char 0600 0/0\n",
		},
		{
			"attributes that belong to files",
			[]named{
				{"f", content("1")}, {"f", xattr("user.comment", "mine")},
				{"f", xattr("user.overlay.opaque", "y")}, {"f", xattr("user.containers.override_stat", "0:0:0755")},
			},
			"\"f\" file 0644 1 map[user.comment:mine]\n",
		},
		{
			"attributes for root alone",
			[]named{{"f", content("1")}, {"f", xattr("trusted.own", "1")}, {"f", xattr("trusted.overlay.opaque", "y")}},
			"\"f\" file 0644 1 map[trusted.own:1]\n",
		},
		{
			"set-id bits",
			[]named{{"su", func(t *testing.T, p string) {
				t.Helper()
				must(t, os.WriteFile(p, []byte("1"), 0o755))
				must(t, unix.Chmod(p, 0o6755))
			}}, {"tmp", func(t *testing.T, p string) { t.Helper(); dir(t, p); must(t, unix.Chmod(p, 0o1777)) }}},
			"\"su\" file 6755 1\n\"tmp/\" dir 1777\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			must(t, os.Chmod(root, 0o755))
			for _, f := range test.files {
				f.make(t, filepath.Join(root, f.name))
			}
			_, got := scanFolder(t, openFolder(t, root, FolderOptions{}))
			if want := "\"./\" dir 0755\n" + test.want; got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

// TestFolderTimes checks nanoseconds and owners.
func TestFolderTimes(t *testing.T) {
	root := t.TempDir()
	at := time.Unix(1_600_000_000, 123_456_789).UTC()
	name := filepath.Join(root, "f")
	must(t, os.WriteFile(name, nil, 0o644))
	must(t, os.Chtimes(name, at, at))
	e, _ := scanFolder(t, openFolder(t, root, FolderOptions{}))
	got := e.At(1)
	if !got.Time.Equal(at) || got.UID != int64(os.Getuid()) || got.GID != int64(os.Getgid()) {
		t.Errorf("got %+v", got)
	}
}

// deepFolder makes nested directories, deeper than the longest possible path.
func deepFolder(t *testing.T, levels int) string {
	t.Helper()
	root := t.TempDir()
	dir, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	must(t, err)
	for range levels {
		must(t, unix.Mkdirat(dir, "d", 0o755))
		next, err := unix.Openat(dir, "d", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		must(t, err)
		must(t, unix.Close(dir))
		dir = next
	}
	fd, err := unix.Openat(dir, "file", unix.O_CREAT|unix.O_WRONLY, 0o644)
	must(t, err)
	_, err = unix.Write(fd, []byte("deep down"))
	must(t, err)
	must(t, errors.Join(unix.Close(fd), unix.Close(dir)))
	return root
}

// TestFolderDeep lists and reads files deeper than the system's limit on paths, with few
// directories open.
func TestFolderDeep(t *testing.T) {
	testkit.Long(t, "it makes 3,000 folders inside of each other")
	const levels = 3_000 // a path through all of them has 6,000 bytes; the system accepts 4,095
	root := deepFolder(t, levels)
	var before, limit unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &before))
	limit = before
	limit.Cur = min(limit.Cur, 256)
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	defer func() { must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &before)) }()

	f := openFolder(t, root, FolderOptions{})
	s, err := f.Scan(t.Context(), ScanOptions{Budget: NewBudget(384 << 20)})
	must(t, err)
	e := s.Entries
	if e.Len() != levels+2 || len(e.Flaws()) > 0 {
		t.Fatalf("%d entries, flaws %v", e.Len(), e.Flaws())
	}
	r, err := f.Open(t.Context(), e, e.Len()-1)
	must(t, err)
	b, err := io.ReadAll(r)
	must(t, errors.Join(err, r.Close()))
	if string(b) != "deep down" {
		t.Errorf("read %q", b)
	}
}

// TestFolderTranslate lets the caller change files during the scan, as overlay's upper
// directories need.
func TestFolderTranslate(t *testing.T) {
	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "skipped", "below"), 0o755))
	content("1")(t, filepath.Join(root, "gone"))
	content("old")(t, filepath.Join(root, "moved"))
	must(t, os.Link(filepath.Join(root, "gone"), filepath.Join(root, "zlink")))
	f := openFolder(t, root, FolderOptions{Translate: func(f *FolderFile, list *FolderList) error {
		switch string(f.Name) {
		case "gone":
			return nil
		case "skipped/":
			list.Flaw(f.Name, "skipped")
			if err := list.Add(f); err != nil {
				return err
			}
			return fs.SkipDir
		case "moved":
			f.Name = []byte("here/content")
			f.Size, f.Stored = 5, 5
			f.Content = func(context.Context) (*Body, error) {
				return NewBody(5, func(_ context.Context, p []byte, off int64) (int, error) { return copy(p, "other"[off:]), nil }, nil), nil
			}
			if err := list.Add(f); err != nil {
				return err
			}
			return list.Add(&FolderFile{Record: Record{Name: []byte(".wh.moved")}})
		}
		return list.Add(f)
	}})
	e, _ := scanFolder(t, f)
	var names []string
	for i := range e.Len() {
		names = append(names, e.At(i).Name+" "+e.Type(i).String())
	}
	if want := []string{"./ dir", "here/content file", ".wh.moved file", "skipped/ dir", "zlink file"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	r, err := f.Open(t.Context(), e, 1)
	must(t, err)
	b, err := io.ReadAll(r)
	if must(t, errors.Join(err, r.Close())); string(b) != "other" {
		t.Errorf("read %q", b)
	}
	must(t, Sum(t.Context(), f, e, []int{1, 2, 4}))
	if _, kind, known := e.Checksum(1); !known || kind != XXH3 {
		t.Error("no checksum")
	}
}

// TestFolderBounds checks that a scan stops at its bounds.
func TestFolderBounds(t *testing.T) {
	testkit.Long(t, "it writes 3,000 files")
	root := t.TempDir()
	for i := range 3000 {
		content("")(t, filepath.Join(root, fmt.Sprintf("%0100d", i)))
	}
	f := openFolder(t, root, FolderOptions{})
	if _, err := f.Scan(t.Context(), ScanOptions{Budget: NewBudget(100 << 10)}); err == nil || !strings.Contains(err.Error(), "take more than") {
		t.Errorf("got %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var unfinished *Unfinished
	if _, err := f.Scan(ctx, ScanOptions{}); !errors.As(err, &unfinished) {
		t.Errorf("got %v", err)
	}
	budget := NewBudget(10 << 20)
	s, err := f.Scan(t.Context(), ScanOptions{Budget: budget})
	must(t, err)
	if taken := budget.limit - budget.left.Load(); taken > int64(s.Entries.Len())*300 {
		t.Errorf("charged %d bytes for %d entries", taken, s.Entries.Len())
	}
	if _, err := OpenFolder(filepath.Join(root, "nothing"), FolderOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := OpenFolder("/dev/null", FolderOptions{}); err == nil {
		t.Error("a device was opened")
	}
}
