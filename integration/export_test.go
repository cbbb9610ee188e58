package integration

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
)

// containersOwn are the mount points that the engine adds to a container. The image doesn't
// have them.
var containersOwn = map[string]bool{
	"/.dockerenv": true, "/dev": true, "/proc": true, "/sys": true,
	"/etc/hosts": true, "/etc/hostname": true, "/etc/resolv.conf": true, "/etc/mtab": true,
}

// touched are the parent directories of these: adding a mount point changes the directory's
// time.
var touched = map[string]bool{"/": true, "/etc": true}

// row is one path as a container or the union shows it. Hard links all have the type file;
// group shows which names belong together.
type row struct {
	kind     string
	mode     uint32
	uid, gid int64
	time     int64 // in seconds
	size     int64
	link     string // target of a symlink
	device   string
	sum      string // of content and capabilities
	group    string // alphabetically first of the file's names, if there are several
}

// TestTreeMatchesContainer compares the union after the last layer with "docker export" of a
// container created from the image.
func TestTreeMatchesContainer(t *testing.T) {
	b := builtImage(t)
	want, visible := exported(t, b.name)
	a := open(t, b.forms[0])
	got := unionRows(t, a)

	for name, w := range want {
		g, ok := got[name]
		if !ok {
			t.Errorf("%s is in the container, but not in the tree", name)
			continue
		}
		if touched[name] {
			g.time, w.time = 0, 0
		}
		if g != w {
			t.Errorf("%s\n tree      %+v\n container %+v", name, g, w)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is in the tree, but not in the container", name)
		}
	}
	if len(want) < 30 {
		t.Errorf("compared only %d paths", len(want))
	}

	// The figures, computed without the tree: visible bytes are those of the files in the
	// export, stored bytes those of the files in the layers' tars.
	if a.Totals.Visible != visible {
		t.Errorf("got %d visible bytes, but the container's files have %d", a.Totals.Visible, visible)
	}
	if stored := storedIn(t, b.saved); a.Totals.Stored != stored {
		t.Errorf("got %d stored bytes, but the files in the layers have %d", a.Totals.Stored, stored)
	}
	if a.Totals.Wasted != a.Totals.Stored-a.Totals.Visible {
		t.Errorf("got %d wasted bytes, but %d are stored and %d visible", a.Totals.Wasted, a.Totals.Stored, a.Totals.Visible)
	}
}

// exported returns the paths that a container of the image shows, and the bytes of its files.
func exported(t *testing.T, image string) (map[string]row, int64) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "export.tar")
	container := strings.TrimSpace(run(t, "docker", "create", image))
	run(t, "docker", "export", "-o", file, container)
	run(t, "docker", "rm", container)

	rows := map[string]row{}
	groups := map[string][]string{} // maps a file's first name to all its names
	var total int64
	eachMember(t, file, func(h *tar.Header, body io.Reader) {
		name := path.Clean("/" + h.Name)
		for p := name; p != "/"; p = path.Dir(p) {
			if containersOwn[p] {
				return
			}
		}
		r := row{mode: uint32(h.Mode & 0o7777), uid: int64(h.Uid), gid: int64(h.Gid), time: h.ModTime.Unix()}
		switch h.Typeflag {
		case tar.TypeReg:
			r.kind, r.size, r.sum = "file", h.Size, contentSum(t, body)
			r.sum += capability(h.PAXRecords["SCHILY.xattr.security.capability"])
			groups[name] = []string{name}
			total += h.Size
		case tar.TypeLink:
			first := path.Clean("/" + h.Linkname)
			r = rows[first]
			groups[first] = append(groups[first], name)
		case tar.TypeDir:
			r.kind = "dir"
		case tar.TypeSymlink:
			r.kind, r.link = "symlink", h.Linkname
		case tar.TypeFifo:
			r.kind = "fifo"
		case tar.TypeChar, tar.TypeBlock:
			r.kind, r.device = "char", fmt.Sprint(h.Devmajor, ":", h.Devminor)
		default:
			t.Errorf("%s has the type %q", name, h.Typeflag)
		}
		rows[name] = r
	})
	group(rows, groups)
	return rows, total
}

// unionRows returns the union after the last layer.
func unionRows(t *testing.T, a *analyze.Analysis) map[string]row {
	t.Helper()
	rows := map[string]row{}
	groups := map[string][]string{}
	last := a.Tree.LayerCount() - 1
	for n := range a.Tree.Len() {
		node := analyze.NodeID(n)
		v, ok := a.Tree.At(node, last)
		if !ok || node == 0 {
			continue // the root: neither layers nor exports name it
		}
		name := a.Tree.Path(node)
		r := row{kind: v.Kind().String(), mode: v.Mode(), uid: v.UID(), gid: v.GID(), time: v.Time().Unix()}
		e, _ := v.Entry()
		switch v.Kind() {
		case source.File:
			r.size, r.sum = v.Size(), sum(t, v)
			r.sum += capability(e.Xattrs["security.capability"])
			first := name
			if v.Type() == source.Hardlink {
				first = v.Link()
			}
			groups[first] = append(groups[first], name)
		case source.Symlink:
			r.link = v.Link()
		case source.Char, source.Block:
			r.device = fmt.Sprint(e.Major, ":", e.Minor)
		}
		rows[name] = r
	}
	group(rows, groups)
	return rows
}

// group records in the rows which names belong to the same file.
func group(rows map[string]row, groups map[string][]string) {
	for _, names := range groups {
		if len(names) < 2 {
			continue
		}
		for _, name := range names {
			r := rows[name]
			r.group = slices.Min(names)
			rows[name] = r
		}
	}
}

// storedIn adds up the sizes of the files in the layers of a docker save archive.
func storedIn(t *testing.T, file string) int64 {
	t.Helper()
	var total int64
	eachMember(t, file, func(h *tar.Header, body io.Reader) {
		if h.Typeflag != tar.TypeReg || strings.HasSuffix(h.Name, "json") || h.Size < 1024 {
			return
		}
		layer := tar.NewReader(body)
		for {
			inner, err := layer.Next()
			if err != nil { // the end, or not a tar
				return
			}
			total += inner.Size
		}
	})
	return total
}

func eachMember(t *testing.T, file string, do func(*tar.Header, io.Reader)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("reading %s: %v", file, err)
		}
		do(h, r)
	}
}

func contentSum(t *testing.T, r io.Reader) string {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func capability(value string) string {
	if value == "" {
		return ""
	}
	return " capability " + hex.EncodeToString([]byte(value))
}
