package source

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/peelhq/peel/source/engine"
	"github.com/peelhq/peel/source/layer"
)

// changes are the paths of a container that are not as in its image, without the
// slash that they begin with.
type changes struct {
	kinds map[string]engine.ChangeKind
	paths []string // in an order in which a directory comes before what is in it
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

// comparePaths orders paths so that all that is in a directory follows it.
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

// below reports whether something is changed below a directory.
func (ch *changes) below(dir string) bool {
	i, found := slices.BinarySearchFunc(ch.paths, dir, comparePaths)
	if found {
		i++
	}
	return i < len(ch.paths) && strings.HasPrefix(ch.paths[i], dir+"/")
}

// opaque reports whether a path that is said to be deleted is a directory that was
// made again: something else below it is there.
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

// A fetch is one archive to ask for.
type fetch struct {
	path  string
	below bool // with all below it; else only what is at path itself
}

// fetches are the archives that give all that was changed.
func (ch *changes) fetches() []fetch {
	var out []fetch
	whole := "" // the last directory that is fetched with all below it
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

// differ tells of each path that was not changed in the same way before.
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

// A changeFilter takes from tars what is changed.
type changeFilter struct {
	*changes
	a     *layer.Assembly
	call  int // the number of the archive that is read
	name  []byte
	link  []byte
	taken map[string]bool
	calls []int // by entry: the archive that it is from
}

// take says whether a member is changed. Its name, and that of a hard link's
// target, are below parent.
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

// appendClean appends a member's name below parent, without a slash at either end.
func appendClean(b []byte, parent string, name []byte) []byte {
	return append(append(b, parent...), bytes.Trim([]byte(path.Clean("/"+string(name))), "/")...)
}

// maybeLinked reports whether two files of different archives may be one file: an
// archive names hard links only among what is in it.
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

// addDeleted adds what was deleted, and flags what has not come.
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
