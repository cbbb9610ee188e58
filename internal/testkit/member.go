package testkit

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A Member is one member of an archive, or one file of an image's folder.
type Member struct {
	Name string
	Data []byte
	Link string // target of a symlink
	Dir  bool
}

// TarOf returns the members as a tar, in order.
func TarOf(members []Member) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, m := range members {
		h := &tar.Header{Name: m.Name, Mode: 0o644, Size: int64(len(m.Data)), ModTime: DefaultTime, Typeflag: tar.TypeReg}
		switch {
		case m.Dir:
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		case m.Link != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, m.Link
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err) // the names are our own
		}
		w.Write(m.Data)
	}
	w.Close()
	return buf.Bytes()
}

// sparseTarOf returns the members as a tar that omits blocks of zeros, as `tar -S` does. It
// doesn't support links.
func sparseTarOf(members []Member, dialect string) []byte {
	l := Layer{}
	for _, m := range members {
		e := Entry{Type: tar.TypeReg, Name: m.Name, Mode: 0o644, Time: DefaultTime, Text: string(m.Data), Size: int64(len(m.Data))}
		if m.Dir {
			e.Type, e.Mode = tar.TypeDir, 0o755
		}
		for at := 0; at < len(m.Data); at += blockSize {
			block := m.Data[at:min(at+blockSize, len(m.Data))]
			switch last := len(e.Data) - 1; {
			case len(bytes.Trim(block, "\x00")) == 0:
			case last >= 0 && e.Data[last].Offset+e.Data[last].Length == int64(at):
				e.Data[last].Length += int64(len(block))
			default:
				e.Data = append(e.Data, Span{int64(at), int64(len(block))})
			}
		}
		if int64(len(m.Data)) > stored(e.Data) {
			e.Sparse = dialect
		}
		l.Entries = append(l.Entries, e)
	}
	return l.Tar()
}

func stored(spans []Span) (n int64) {
	for _, s := range spans {
		n += s.Length
	}
	return n
}

// WriteDir writes the members into a new folder and returns it.
func WriteDir(t testing.TB, members []Member) string {
	t.Helper()
	dir := t.TempDir()
	for _, m := range members {
		path := filepath.Join(dir, m.Name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil && m.Link != "" {
			err = os.Symlink(m.Link, path)
		} else if err == nil && !m.Dir {
			err = os.WriteFile(path, m.Data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// linkOut moves the blobs of a layout elsewhere, and leaves links to them, half of which are
// relative.
func linkOut(t testing.TB, dir string) {
	t.Helper()
	out := t.TempDir()
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, blob := range blobs {
		to := filepath.Join(out, filepath.Base(blob))
		if err := os.Rename(blob, to); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if to, err = filepath.Rel(filepath.Dir(blob), to); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(to, blob); err != nil {
			t.Fatal(err)
		}
	}
}

// Without returns the members except those with these names.
func Without(members []Member, names ...string) []Member {
	return slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return slices.Contains(names, m.Name) })
}

// unique drops members whose name an earlier one has, since the archive has data shared by two
// images only once.
func unique(members []Member) []Member {
	seen := map[string]bool{}
	return slices.DeleteFunc(members, func(m Member) bool {
		again := seen[m.Name]
		seen[m.Name] = true
		return again
	})
}

// reversed returns the members last first.
func reversed(members []Member) []Member {
	members = slices.Clone(members)
	slices.Reverse(members)
	return members
}

// sorted returns the members by name.
func sorted(members []Member) []Member {
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b Member) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return members
}

// shuffled returns the members in an order that is neither sorted nor the original: by the
// digest of their names.
func shuffled(members []Member) []Member {
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b Member) int {
		return bytes.Compare([]byte(digest([]byte(a.Name))), []byte(digest([]byte(b.Name))))
	})
	return members
}
