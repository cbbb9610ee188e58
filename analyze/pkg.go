package analyze

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/peelhq/peel/source"
)

// # Packages
//
// The collectors of package packages extract the databases of package managers while layers are
// scanned. Here they are applied to the tree: a package owns versions of files, and its bytes are
// peel's own figures for these.
//
// A database is current from the layer that adds it up to the next layer that adds another one.
// The owner of a version is the package that lists its path in the database that is current in
// its layer. So old versions left behind by an upgrade belong to the old package, and a file that
// a later step overwrites still belongs to its package. A database that a layer removes stays
// current.
//
// If several packages list a version, or names of one inode, the first by name owns it and the
// others share it.

// A Package is software listed in a database of the image. Sizes are bytes of the versions that
// it owns.
type Package struct {
	Name    string
	Version string // "" if unknown
	Type    string // "dpkg", "apk", "rpm", "python", "conda", "npm", "gem", "go", "java"

	Stored  int64 // in all layers
	Visible int64 // the part of Stored that some name of the final union reaches
	Wasted  int64 // Stored - Visible
	Shared  int64 // stored bytes that it lists but another package owns; not in Stored

	Files     int            // number of owned versions with bytes
	Layer     int            // first layer whose database lists it
	Installed bool           // listed in the database that is current in the last layer
	Layers    []PackageLayer // that store its bytes, lowest first

	there []layerSpan // layers whose database lists it
}

// A layerSpan is a half-open range of layers.
type layerSpan struct{ from, until int }

// InstalledAt reports whether the database that is current in layer k lists the package.
func (x *Package) InstalledAt(k int) bool {
	return slices.ContainsFunc(x.there, func(s layerSpan) bool { return k >= s.from && k < s.until })
}

// A PackageLayer is what one layer stores of a package. Sizes are bytes.
type PackageLayer struct {
	Layer           int
	Stored, Visible int64
	Wasted          int64
	Files           int // number of versions with bytes
}

// Packages are an image's packages. They are immutable and safe for concurrent use.
type Packages struct {
	Rows    []Package // by name, version and type
	Unowned Package   // content that no package owns; it has no name
	Flaws   []source.Flaw

	t     *Tree
	owner []int32           // of each version: a row, or none
	also  map[int32][]int32 // for some versions: the other rows that list it
}

// packageCache holds an image's packages after the first request.
type packageCache struct {
	mu    sync.Mutex
	found *packageFinder // a finder that has read all facts, or nil
	done  *Packages
}

// findPackages does the part of Packages that is possible before versions are compared, and keeps
// the result. shareInodes must have been called.
func (t *Tree) findPackages(ctx context.Context) error {
	f := newPackageFinder(t)
	err := f.find(ctx)
	if err == nil {
		t.owned.mu.Lock()
		defer t.owned.mu.Unlock()
		t.owned.found = f
	}
	return err
}

// Packages returns the packages of the image. The first call computes them; the error is the
// context's.
func (a *Analysis) Packages(ctx context.Context) (*Packages, error) { return a.Tree.packages(ctx) }

func (t *Tree) packages(ctx context.Context) (*Packages, error) {
	c := t.owned
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done != nil {
		return c.done, nil
	}
	f := c.found
	if c.found = nil; f == nil { // a finder can be used once
		f = newPackageFinder(t)
		if err := f.find(ctx); err != nil {
			return nil, err
		}
	}
	p, err := f.own(ctx)
	if err == nil {
		c.done = p
	}
	return p, err
}

// Owner returns the row of the package that owns a version, none (-1) if no package does.
func (p *Packages) Owner(v Version) int { return int(p.owner[v.i]) }

// Of returns what layer k alone stores of a package; false if nothing.
func (x *Package) Of(k int) (PackageLayer, bool) {
	i, ok := slices.BinarySearchFunc(x.Layers, k, func(l PackageLayer, k int) int { return cmp.Compare(l.Layer, k) })
	if !ok {
		return PackageLayer{}, false
	}
	return x.Layers[i], true
}

// LayerRanges lists the layers with bytes of the package in at most w columns: "0", "0,3-5",
// "0,3,.."; "" if none.
func (x *Package) LayerRanges(w int) string {
	text := ""
	for i := 0; i < len(x.Layers); {
		last := i
		for last+1 < len(x.Layers) && x.Layers[last+1].Layer == x.Layers[last].Layer+1 {
			last++
		}
		run := strconv.Itoa(x.Layers[i].Layer)
		if last > i {
			run += "-" + strconv.Itoa(x.Layers[last].Layer)
		}
		if text != "" {
			run = "," + run
		}
		switch all := last+1 == len(x.Layers); {
		case all && len(text)+len(run) > w, !all && len(text)+len(run)+len("..") > w:
			return text + ".."
		}
		text += run
		i = last + 1
	}
	return text
}

// add counts a version with bytes.
func (x *Package) add(layer int, stored, wasted int64) {
	x.Stored += stored
	x.Wasted += wasted
	x.Visible += stored - wasted
	x.Files++
	// Versions come in the order of paths: there are few layers, or the same one as before.
	i, ok := slices.BinarySearchFunc(x.Layers, layer, func(l PackageLayer, k int) int { return cmp.Compare(l.Layer, k) })
	if !ok {
		x.Layers = slices.Insert(x.Layers, i, PackageLayer{Layer: layer})
	}
	l := &x.Layers[i]
	l.Stored += stored
	l.Wasted += wasted
	l.Visible += stored - wasted
	l.Files++
}

// comparePackages compares by name, version and type.
func comparePackages(a, b *Package) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version), strings.Compare(a.Type, b.Type))
}

// An OwnedFile is a version with bytes and the package that owns it.
type OwnedFile struct {
	Version Version
	Stored  int64
	Wasted  int64
}

// Path returns the file's path. Each call builds it anew.
func (f *OwnedFile) Path() string { return f.Version.t.Path(f.Version.Node()) }

// UnownedFiles returns the versions with bytes that no package owns, largest first, then by path
// and layer. It omits bookkeeping without a path.
func (p *Packages) UnownedFiles(ctx context.Context) ([]OwnedFile, error) {
	t := p.t
	var rows []sizedRow
	for i := range t.versions {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		bytes := t.carried(int32(i))
		if bytes == 0 || p.owner[i] != none || p.otherName(int32(i)) {
			continue
		}
		rows = append(rows, sizedRow{bytes: bytes, id: int32(i)})
	}
	var out []OwnedFile
	for _, id := range t.inOrder(rows).ids {
		v := Version{t, id}
		out = append(out, OwnedFile{Version: v, Stored: v.Stored(), Wasted: v.Wasted()})
	}
	return out, nil
}

// otherName reports whether a package lists another name of a version's inode.
func (p *Packages) otherName(i int32) bool {
	id := p.t.versions[i].inode
	if id < 0 {
		return false
	}
	for _, name := range p.t.shared[id] {
		if p.owner[name] != none {
			return true
		}
	}
	return false
}
