package analyze_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// This file has a naive overlay, written from the rules alone (docs/rules.md): it copies whole
// maps, walks all paths for every layer, and compares contents byte by byte. peel must agree
// with it.

// overlay holds every version of every path, and the union after each layer.
type overlay struct {
	versions map[string][]*nversion // by path, oldest first
	unions   []map[string]*nversion // by layer
	inodes   []*inode               // those that carry bytes, in the order in which they are stored
	stored   []int64                // by layer
	entries  []int                  // by layer
	flaws    []string               // "LAYER PATH"
	hidden   map[string]*inode      // entries outside the filesystem: AUFS's own files, and markers
}

// nversion is a layer's version of one path.
type nversion struct {
	path     string
	layer    int
	index    int  // of the entry
	typ      byte // as stored: '0' file, '1' hard link ...; 0 if removed
	change   string
	implied  bool
	dup      bool   // covered by a later entry of its own layer
	cause    string // "" while it shows
	by       int    // the layer that hid it, -1 while it shows
	mode     int64
	uid, gid int64
	time     time.Time
	xattrs   map[string]string
	link     string
	inode    *inode // of everything but directories and removals
}

// inode is shared by hard links.
type inode struct {
	kind         byte
	carrier      *nversion // the entry that brought it
	link         string    // of a symlink
	major, minor int64
	content      []byte
	stored       int64
	missing      bool // of a hard link whose target is missing
	aside        bool // its entry isn't part of the filesystem
	layer        int
	stamp        *testkit.Entry // with its mode, owner and time: the last of its layer's headers
	names        []*nversion
	died         int             // the layer that hid its last name, -1 if none did
	causes       map[string]bool // causes that may explain that
}

// kind is the type that the path shows as.
func (v *nversion) kind() byte {
	if v.inode != nil {
		return v.inode.kind
	}
	return v.typ
}

func overlayOf(im *testkit.Image) *overlay {
	o := &overlay{versions: map[string][]*nversion{}, hidden: map[string]*inode{}}
	below := map[string]*nversion{}
	for l, layer := range im.Layers {
		a := &application{
			overlay: o, layer: l, below: below, own: map[string]*nversion{},
			opaque: map[string]bool{}, white: map[string]bool{}, devices: map[string]bool{},
			parents: map[string]bool{}, hosts: map[string]bool{},
		}
		o.stored, o.entries = append(o.stored, 0), append(o.entries, 0)
		if _, unreadable := testkit.Unreadable[layer.As]; !unreadable {
			a.run(layer)
		}
		below = a.apply()
		o.unions = append(o.unions, below)
	}
	o.bury()
	return o
}

// application applies one layer to the union below it: it unpacks the layer alone, in the order
// of its tar, and then lays it over the union.
type application struct {
	*overlay
	layer   int
	below   map[string]*nversion
	own     map[string]*nversion // the layer's versions, by path; the last entry counts
	lost    []*nversion          // of this layer, covered by this layer
	opaque  map[string]bool      // directories with an opaque marker or attribute
	white   map[string]bool      // paths with a whiteout beside them
	devices map[string]bool      // paths of character devices 0/0
	parents map[string]bool      // directories that have an entry below them
	hosts   map[string]bool      // directories with a marker in them or below
	links   []*nversion          // hard links whose target hasn't come yet
	linked  []*inode             // with several names
}

// cleanName returns the absolute path of a stored name.
func cleanName(name string) string { return path.Clean("/" + name) }

// climbs reports whether the name leads out of the root.
func climbs(name string) bool {
	depth := 0
	for part := range strings.SplitSeq(name, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

// marker classifies an entry by its path: "opaque" or "whiteout" of a path, "aufs",
// "malformed", or "" for a plain path. The first component that looks like a marker decides;
// only the last component can be a whiteout.
func marker(p string) (kind, of string) {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		x, ok := strings.CutPrefix(part, ".wh.")
		switch last := i == len(parts)-1; {
		case !ok:
		case last && part == ".wh..wh..opq":
			return "opaque", path.Dir(p)
		case strings.HasPrefix(x, ".wh."):
			return "aufs", ""
		case !last || x == "" || x == "." || x == "..":
			return "malformed", ""
		default:
			return "whiteout", path.Join(path.Dir(p), x)
		}
	}
	return "", ""
}

// above returns the parent directories of p, from the nearest to the root.
func above(p string) []string {
	var dirs []string
	for p != "/" {
		p = path.Dir(p)
		dirs = append(dirs, p)
	}
	return dirs
}

func (a *application) flaw(p string) { a.flaws = append(a.flaws, fmt.Sprintf("%d %s", a.layer, p)) }

// run goes through the entries.
func (a *application) run(layer *testkit.Layer) {
	members := layer.Members()
	a.entries[a.layer] = len(members)
	for i := range members {
		e := &members[i]
		a.stored[a.layer] += e.Stored()
		p := cleanName(e.Name)
		if climbs(e.Name) {
			a.flaw(e.Name)
		}
		kind, of := marker(p)
		if kind == "opaque" || kind == "whiteout" {
			a.mark(p, kind, of)
		}
		switch {
		case kind == "malformed", p == "/" && e.Type != '5':
			a.flaw(p)
			fallthrough
		case kind != "":
			if e.IsFile() && (e.Size > 0 || kind == "aufs") { // its bytes are stored anyway
				n := a.inodeOf(e)
				n.carrier, n.aside = &nversion{path: p, layer: a.layer, cause: "removed", by: a.layer}, true
				a.hidden[p] = n
			}
		default:
			a.entry(e, i)
		}
	}
	for _, v := range a.links {
		to, ok := a.resolve(v.link, v.index)
		if n := a.target(to, v.link); ok && n != nil {
			v.inode = n
			n.names = append(n.names, v)
			a.linked = append(a.linked, n)
		} else {
			a.flaw(v.path)
		}
	}
	for _, n := range a.linked {
		for _, v := range n.names {
			if v.layer == n.layer && n.kind != '2' {
				v.mode, v.uid, v.gid, v.time = n.stamp.Mode&0o7777, n.stamp.UID, n.stamp.GID, n.stamp.Time
			}
		}
	}
}

// mark records a marker, unless something is in the way.
func (a *application) mark(p, kind, of string) {
	dir, ok := a.resolve(p, math.MaxInt)
	dir = path.Dir(dir)
	for at := dir; at != "/"; at = path.Dir(at) {
		if a.devices[at] || a.own[at] != nil && a.own[at].typ != '5' {
			ok = false
		}
	}
	if !ok {
		a.flaw(p)
		return
	}
	for at := dir; at != "/"; at = path.Dir(at) {
		a.hosts[at] = true
	}
	if kind == "opaque" {
		a.opaque[dir] = true
	} else {
		a.white[path.Join(dir, path.Base(of))] = true
	}
}

// resolve follows this layer's symlinks in all components of the clean path p but the last. It
// follows only symlinks that come before the entry with the given index. If it meets more than
// 40, it returns false; the name that led there, and all names after it, stay as they are.
func (a *application) resolve(p string, before int) (string, bool) {
	links := 0
	at := "/"
	names := strings.Split(strings.TrimPrefix(p, "/"), "/")
	ok := true
	for i, name := range names {
		next := path.Join(at, name)
		if i == len(names)-1 {
			return next, ok
		}
		at = next
		if to, err := a.follow(next, before, &links); err == nil {
			at = to
		} else {
			ok = false
		}
	}
	return at, ok
}

// follow returns the path that p leads to if it is a symlink, following links repeatedly.
func (a *application) follow(p string, before int, links *int) (string, error) {
	own := a.own[p]
	if own == nil || own.inode == nil || own.inode.missing || own.inode.kind != '2' || own.index >= before {
		return p, nil
	}
	if *links++; *links > 40 {
		return "", errors.New("too many links")
	}
	at := path.Dir(p)
	if strings.HasPrefix(own.inode.link, "/") {
		at = "/"
	}
	for name := range strings.SplitSeq(own.inode.link, "/") {
		var err error
		if at, err = a.follow(path.Join(at, name), before, links); err != nil { // Join handles "", "." and ".."
			return "", err
		}
	}
	return at, nil
}

// entry applies the entry with the given index, which must be part of the filesystem.
func (a *application) entry(e *testkit.Entry, index int) {
	p, _ := a.resolve(cleanName(e.Name), index)
	v := &nversion{
		path: p, layer: a.layer, index: index, typ: e.Type, mode: e.Mode & 0o7777, uid: e.UID, gid: e.GID,
		time: e.Time, xattrs: e.Xattrs, by: -1,
	}
	a.mkdirs(v.path)
	switch e.Type {
	case '5':
	case '1':
		v.link = cleanName(e.Link)
		to, ok := a.resolve(v.link, index)
		if ok && a.devices[to] {
			a.device(p)
			return
		}
		if ok {
			v.inode = a.target(to, v.link)
		} else {
			v.inode = a.hidden[v.link]
		}
		if v.inode == nil {
			v.inode = &inode{kind: '0', link: v.link, missing: true, died: -1}
			a.links = append(a.links, v)
		} else if v.inode.layer == a.layer {
			v.inode.stamp = e
		}
	case '3':
		if e.Major == 0 && e.Minor == 0 {
			a.device(p)
			return
		}
		fallthrough
	default:
		v.inode = a.inodeOf(e)
		v.inode.carrier = v
		if e.Type == '2' {
			v.link = e.Link
		}
	}
	if v.inode != nil {
		v.inode.names = append(v.inode.names, v)
		if e.Type == '1' && !v.inode.missing {
			a.linked = append(a.linked, v.inode)
		}
	}
	a.put(v)
	if e.Type == '5' && v.path != "/" && e.Xattrs["trusted.overlay.opaque"] == "y" {
		a.opaque[v.path] = true
	}
}

// device handles a character device 0/0 at p: it removes the layer's own version and acts as a
// whiteout.
func (a *application) device(p string) {
	a.empty(p)
	if own := a.own[p]; own != nil {
		a.cover(own)
		delete(a.own, p)
	}
	a.devices[p] = true
}

// inodeOf returns a new inode for e.
func (a *application) inodeOf(e *testkit.Entry) *inode {
	n := &inode{
		layer: a.layer, stamp: e, kind: e.Type, major: e.Major, minor: e.Minor,
		content: e.Content(), stored: e.Stored(), died: -1,
	}
	if e.Type == '2' {
		n.link = e.Link
	}
	if n.stored > 0 {
		a.inodes = append(a.inodes, n)
	}
	return n
}

// target returns the inode that a hard link to p names: an entry of the layer so far, or the
// union's version, even if this layer hides it. It returns nil if p doesn't exist or is a
// directory. name is the target as the link states it.
func (a *application) target(p, name string) *inode {
	at := a.own[p]
	if at == nil && !a.hosts[p] {
		at = a.below[p]
	}
	if at != nil && at.inode != nil && !at.inode.missing {
		return at.inode
	}
	return a.hidden[name]
}

// mkdirs makes the parent directories of p that the layer doesn't have.
func (a *application) mkdirs(p string) {
	dirs := above(p)
	slices.Reverse(dirs)
	for _, dir := range dirs {
		own := a.own[dir]
		switch lower := a.below[dir]; {
		case dir == "/" || own != nil && own.typ == '5':
		case own != nil || a.devices[dir]:
			a.flaw(dir)
			a.imply(dir)
		case lower == nil || lower.typ != '5':
			a.imply(dir)
		}
		a.parents[dir] = true
	}
}

func (a *application) imply(dir string) {
	a.put(&nversion{path: dir, layer: a.layer, typ: '5', implied: true, by: -1, mode: 0o755})
}

// put makes v the layer's version of its path.
func (a *application) put(v *nversion) {
	if v.typ != '5' {
		a.empty(v.path)
	}
	if earlier := a.own[v.path]; earlier != nil && !earlier.implied {
		a.cover(earlier)
	}
	delete(a.devices, v.path)
	a.own[v.path] = v
}

// empty removes the layer's entries below dir.
func (a *application) empty(dir string) {
	lies := func(p string) bool { return slices.Contains(above(p), dir) }
	for p, own := range a.own {
		if lies(p) {
			a.cover(own)
			delete(a.own, p)
		}
	}
	for _, marks := range []map[string]bool{a.white, a.devices} { // marks in dir or below
		maps.DeleteFunc(marks, func(p string, _ bool) bool { return lies(p) })
	}
	for _, marks := range []map[string]bool{a.opaque, a.parents, a.hosts} {
		maps.DeleteFunc(marks, func(p string, _ bool) bool { return p == dir || lies(p) })
	}
}

// cover hides a version of this layer behind a later entry of the same layer.
func (a *application) cover(v *nversion) {
	v.dup, v.cause, v.by = true, "duplicate", a.layer
	a.lost = append(a.lost, v)
}

// goes reports whether this layer hides the union's version of p in any way other than by an
// entry at p. It also returns the cause: opaque directories come first, then whiteouts, then a
// parent that isn't a directory.
func (a *application) goes(p string) (cause string, ok bool) {
	for _, dir := range above(p) {
		if a.opaque[dir] {
			return "opaque", true
		}
	}
	for _, at := range append(above(p), p) {
		if a.white[at] || a.devices[at] {
			return "removed", true
		}
	}
	for _, dir := range above(p) {
		if own := a.own[dir]; own != nil && own.typ != '5' {
			return "replaced", true
		}
	}
	return "", false
}

// settle makes the directories that no entry names and that the union below doesn't show or no
// longer shows. It skips a marker's directories if a whiteout removes them.
func (a *application) settle() {
	shows := func(p string) bool {
		lower := a.below[p]
		_, gone := a.goes(p)
		return lower != nil && lower.typ == '5' && !gone
	}
	for p := range a.parents {
		if p != "/" && a.own[p] == nil && !shows(p) {
			a.imply(p)
		}
	}
	hosts := slices.Sorted(maps.Keys(a.hosts))
	whited := map[string]bool{}
	for _, p := range hosts {
		parent := path.Dir(p)
		switch {
		case a.own[p] != nil || a.parents[p]:
		case a.white[p], whited[parent]:
			whited[p] = true
		case !shows(p):
			a.imply(p)
		}
	}
}

// apply computes the effect of the layer on the union below it and returns the new union.
func (a *application) apply() map[string]*nversion {
	a.settle()
	for _, v := range a.lost {
		v.change, _ = compare(a.below[v.path], v)
		a.versions[v.path] = append(a.versions[v.path], v)
	}
	union := map[string]*nversion{}
	for p, lower := range a.below {
		if own := a.own[p]; own != nil {
			own.change, lower.cause = compare(lower, own)
		} else if cause, gone := a.goes(p); gone {
			lower.cause = cause
		} else {
			union[p] = lower
			continue
		}
		lower.by = a.layer
		if a.own[p] == nil {
			a.versions[p] = append(a.versions[p], &nversion{path: p, layer: a.layer, change: "removed", by: -1})
		}
	}
	for p, own := range a.own {
		if own.change == "" {
			own.change = "added"
		}
		a.versions[p] = append(a.versions[p], own)
		union[p] = own
	}
	return union
}

// compare returns how v changes lower, the version that it covers, and the cause of the cover.
// Without lower, v is added.
func compare(lower, v *nversion) (change, cause string) {
	if lower == nil {
		return "added", ""
	}
	if lower.kind() != v.kind() {
		return "modified", "replaced"
	}
	if a, b := lower.inode, v.inode; a != b && (a == nil || b == nil || a.link != b.link || a.major != b.major || a.minor != b.minor ||
		!bytes.Equal(a.content, b.content)) {
		return "modified", "overwritten"
	}
	if lower.mode != v.mode || lower.uid != v.uid || lower.gid != v.gid || !lower.time.Equal(v.time) || !maps.Equal(lower.xattrs, v.xattrs) {
		return "metadata", "metadata"
	}
	return "identical", "identical"
}

// bury finds the inodes that no name of the final union reaches, and the causes that hid their
// last name: those of the layer in which that happened.
func (o *overlay) bury() {
	for _, n := range o.inodes {
		alive := slices.ContainsFunc(n.names, func(v *nversion) bool { return v.by < 0 })
		if alive {
			continue
		}
		n.causes = map[string]bool{}
		for _, v := range n.names {
			n.died = max(n.died, v.by)
		}
		if len(n.names) == 0 { // it never showed
			n.names = []*nversion{n.carrier}
			n.died = n.carrier.layer
		}
		if n.carrier.by == n.died && !n.aside {
			n.causes[n.carrier.cause] = true
			continue
		}
		if n.aside && n.carrier.layer == n.died {
			n.causes[n.carrier.cause] = true // the links hidden with it don't matter
		}
		for _, v := range n.names {
			if v.by == n.died {
				n.causes[v.cause] = true
			}
		}
	}
}

// wasted is the sum of the dead inodes' bytes, either all of them or those that the given layer
// carries.
func (o *overlay) wasted(layer int) (total int64) {
	for _, n := range o.inodes {
		if n.died >= 0 && (layer < 0 || n.carrier.layer == layer) {
			total += n.stored
		}
	}
	return total
}
