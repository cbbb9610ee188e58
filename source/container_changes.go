package source

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/peelhq/peel/source/engine"
	"github.com/peelhq/peel/source/layer"
)

// changes are the changed paths of a container, without the leading slash.
type changes struct {
	kinds map[string]engine.ChangeKind
	paths []string // in an order that puts a directory before its content
}

func newChanges(listed []engine.Change) *changes {
	ch := &changes{kinds: make(map[string]engine.ChangeKind, len(listed))}
	for _, c := range listed {
		name := strings.Trim(path.Clean(c.Path), "/")
		if name == "" {
			continue // the root is always there
		}
		if _, ok := ch.kinds[name]; !ok {
			ch.paths = append(ch.paths, name)
		}
		ch.kinds[name] = c.Kind
	}
	slices.SortFunc(ch.paths, comparePaths)
	return ch
}

// comparePaths orders paths so that everything inside a directory follows it directly.
func comparePaths(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		switch {
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		}
		return int(a[i]) - int(b[i])
	}
	return len(a) - len(b)
}

// below reports whether anything below a directory has changed.
func (ch *changes) below(dir string) bool {
	i, found := slices.BinarySearchFunc(ch.paths, dir, comparePaths)
	if found {
		i++
	}
	return i < len(ch.paths) && strings.HasPrefix(ch.paths[i], dir+"/")
}

// opaque reports whether a path reported as deleted is a recreated directory: something else
// below it exists.
func (ch *changes) opaque(name string) bool {
	if ch.kinds[name] != engine.Deleted {
		return false
	}
	i, _ := slices.BinarySearchFunc(ch.paths, name, comparePaths)
	for _, x := range ch.paths[i+1:] {
		if !strings.HasPrefix(x, name+"/") {
			return false
		}
		if ch.kinds[x] != engine.Deleted {
			return true
		}
	}
	return false
}

// A fetch is one archive to request.
type fetch struct {
	path  string
	below bool // include everything below; otherwise only path itself
}

// fetches returns the archives that together hold all changes.
func (ch *changes) fetches() []fetch {
	var out []fetch
	whole := "" // last directory fetched with everything below it
	for _, p := range ch.paths {
		kind := ch.kinds[p]
		if whole != "" && strings.HasPrefix(p, whole+"/") || kind == engine.Deleted && !ch.opaque(p) {
			continue
		}
		below := kind != engine.Modified
		if below {
			whole = p
		}
		out = append(out, fetch{p, below})
	}
	return out
}

// differ logs each path that was changed in a different way before.
func (ch *changes) differ(before *changes, tell func(path, problem string)) {
	for _, p := range ch.paths {
		if kind, ok := before.kinds[p]; !ok || kind != ch.kinds[p] {
			tell(p, "the container changed it while it was read")
		}
	}
	for _, p := range before.paths {
		if _, ok := ch.kinds[p]; !ok {
			tell(p, "the container changed it back while it was read")
		}
	}
}

// A changeFilter selects the changed entries from tars.
type changeFilter struct {
	*changes
	a     *layer.Assembly
	call  int // number of the current archive
	name  []byte
	link  []byte
	taken map[string]bool
	calls []int // by entry: the archive that it came from
}

// take reports whether a member is a change. Its name and its hard link target are relative to
// parent.
func (f *changeFilter) take(m *layer.Record, parent string) layer.Take {
	f.name = appendClean(f.name[:0], parent, m.Name)
	kind, ok := f.kinds[string(f.name)]
	if !ok || f.taken[string(f.name)] || kind == engine.Deleted && m.Type != Dir {
		return layer.Skip
	}
	if f.taken == nil {
		f.taken = map[string]bool{}
	}
	f.taken[string(f.name)] = true
	m.Name = f.name
	if m.Type == Hardlink {
		f.link = appendClean(f.link[:0], parent, m.Link)
		m.Link = f.link
	}
	f.calls = append(f.calls, f.call)
	return layer.Keep
}

// appendClean appends a member's name, relative to parent, without leading and trailing slashes.
func appendClean(b []byte, parent string, name []byte) []byte {
	return append(append(b, parent...), bytes.Trim([]byte(path.Clean("/"+string(name))), "/")...)
}

// maybeLinked reports whether two files in different archives may be hard links to each other: an
// archive only names hard links within itself.
func (f *changeFilter) maybeLinked() bool {
	type file struct {
		size, uid, gid, sec int64
		mode                uint32
		sum                 uint64
	}
	seen := map[file]int{}
	e := f.a.Entries()
	for i := range e.Len() {
		if e.Type(i) != File {
			continue
		}
		x := e.Attributes(i)
		key := file{x.Size, x.UID, x.GID, x.Time.Unix(), x.Mode, x.Sum}
		if call, ok := seen[key]; ok && call != f.calls[i] {
			return true
		}
		seen[key] = f.calls[i]
	}
	return false
}

// addDeleted adds the deleted paths, and flags changed paths that no archive contained.
func (f *changeFilter) addDeleted() error {
	for _, p := range f.paths {
		dir, base := path.Split(p)
		mark := dir + ".wh." + base
		switch deleted := f.kinds[p] == engine.Deleted; {
		case deleted && f.taken[p]:
			mark = p + "/.wh..wh..opq"
		case deleted:
		case !f.taken[p]:
			f.a.Flaw("/"+p, "not in the engine's archive: a socket, or the container removed it while it was read")
			continue
		default:
			continue
		}
		if err := f.a.Add(&layer.Record{Name: []byte(mark), Type: File, Mode: 0o600}); err != nil {
			return err
		}
	}
	return nil
}
