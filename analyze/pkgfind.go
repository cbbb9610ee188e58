package analyze

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze/packages"
	"github.com/peelhq/peel/source"
)

// PackageCollector returns the collector that an image must be opened with for Packages to work.
func PackageCollector() source.Collector { return packages.Collector() }

// A factAt is the content of a database file, valid from its layer up to the next version of its
// path.
type factAt struct {
	node  NodeID
	layer int
	until int  // layer of the next version, or the number of layers
	gone  bool // that next version is a removal
	again int  // if removed, the layer that has it again, or the number of layers
	read  packages.Read
}

// A packageSpan says that from a layer on, a holder belongs to a package, or to none.
type packageSpan struct {
	from int
	pkg  int32
}

// A holder is a list of files and its owner.
type holder struct {
	spans []packageSpan // ascending
}

// at returns the package in a layer.
func (h *holder) at(layer int) int32 {
	i, _ := slices.BinarySearchFunc(h.spans, layer+1, func(s packageSpan, k int) int { return cmp.Compare(s.from, k) })
	if i == 0 {
		return none
	}
	return h.spans[i-1].pkg
}

// A claim says that a holder lists a node in some layers.
type claim struct {
	holder   int32
	next     int32
	from, to int32 // half-open range of layers
}

// Limits that keep the cost linear in the size of the databases.
const (
	maxClaims    = 1024 // on one node
	maxPlaces    = 32   // successive places of a directory
	maxPkgFlaws  = 1000
	maxDiversion = 64 // diversions of one path
	maxLinkWork  = 1 << 20
)

// A packageFinder finds the files that packages list.
type packageFinder struct {
	t       *Tree
	rows    []Package
	byKey   map[packageKey]int32
	flaws   []source.Flaw
	holders []holder

	insides  []insider
	claims   []claim
	first    []int32 // by node: its last claim, or none
	count    map[NodeID]int
	trees    map[NodeID][]claim
	npm      map[NodeID]bool // trees without their node_modules
	dirs     map[string][]place
	diverted map[string][]diverted
	linkWork int              // visited parts of symlink targets
	found    map[[2]int]int32 // versions by layer and entry; nil until needed
}

type packageKey struct{ name, version, typ string }

func newPackageFinder(t *Tree) *packageFinder {
	return &packageFinder{
		t: t, byKey: map[packageKey]int32{}, count: map[NodeID]int{}, trees: map[NodeID][]claim{},
		npm: map[NodeID]bool{}, dirs: map[string][]place{"": {{0, Root}}},
	}
}

// find reads all facts.
func (f *packageFinder) find(ctx context.Context) error {
	facts, err := f.facts(ctx)
	if err != nil {
		return err
	}
	if facts = append(facts, f.pnpm(facts)...); len(facts) == 0 {
		return nil
	}
	f.first = make([]int32, len(f.t.nodes))
	for i := range f.first {
		f.first[i] = none
	}
	by := map[string][]*factAt{}
	names := 0
	for i := range facts {
		x := &facts[i]
		names += x.read.Names()
		by[x.read.Kind] = append(by[x.read.Kind], x)
	}
	f.claims = make([]claim, 0, min(names, len(f.t.nodes))) // few nodes are listed twice
	f.dpkg(by)
	f.named(by["python-metadata"], by["python-record"])
	f.named(by["python-egg"], by["python-egg-files"])
	f.whole(by["apk"], func(*factAt) int { return 0 })
	f.whole(by["rpm"], rpmRank(f.t))
	for _, kind := range []string{"conda", "npm", "yarn", "gem", "jar", "go"} {
		for _, x := range by[kind] {
			f.single(x)
		}
	}
	return ctx.Err()
}

// facts returns the collected facts in the order of layers.
func (f *packageFinder) facts(ctx context.Context) (out []factAt, err error) {
	for k, l := range f.t.layers {
		for _, fact := range l.Facts {
			if fact.Collector != packages.CollectorName {
				continue
			}
			if len(out)%256 == 0 && ctx.Err() != nil {
				return nil, ctx.Err()
			}
			name := cleanPath(string(l.Entries.AppendName(nil, fact.Entry)))
			read := packages.Decode(fact.Data)
			for _, problem := range read.Problems {
				f.flaw(k, name, problem)
			}
			for _, i := range f.versionsOf(k, fact.Entry, name) {
				out = append(out, f.at(i, read))
			}
		}
	}
	return out, nil
}

// flaw records a fault in a database.
func (f *packageFinder) flaw(layer int, path, problem string) {
	if len(f.flaws) < maxPkgFlaws {
		f.flaws = append(f.flaws, source.Flaw{Layer: layer, Path: path, Problem: problem})
	}
}

// versionsOf returns the versions of an entry, including hard links with the same base name,
// without those that the same layer covers.
func (f *packageFinder) versionsOf(layer, entry int, name string) (out []int32) {
	t := f.t
	at := int32(none)
	if n, ok := t.Lookup(name); ok {
		if v := t.inLayer(n, layer); v != none && t.versions[v].entry == int32(entry) {
			at = v
		}
	}
	if at == none {
		if f.found == nil {
			f.found = map[[2]int]int32{}
			for i := range t.versions {
				if v := &t.versions[i]; v.kind == source.File && v.flags&duplicate == 0 && v.entry != none {
					f.found[[2]int{int(v.layer), int(v.entry)}] = int32(i)
				}
			}
		}
		v, ok := f.found[[2]int{layer, entry}]
		if !ok {
			return nil
		}
		at = v
	}
	out = append(out, at)
	if id := t.versions[at].inode; id >= 0 {
		for _, other := range t.shared[id] {
			v := &t.versions[other]
			if other != at && v.flags&duplicate == 0 && t.nameView(v.node) == path.Base(name) {
				out = append(out, other)
			}
		}
	}
	return out
}

// at converts a fact to that of a version.
func (f *packageFinder) at(i int32, read packages.Read) factAt {
	t := f.t
	v := &t.versions[i]
	x := factAt{node: v.node, layer: int(v.layer), until: len(t.layers), again: len(t.layers), read: read}
	_, to := t.versionRange(v.node)
	for next := i + 1; next < to; next++ {
		n := &t.versions[next]
		switch {
		case n.flags&duplicate != 0:
		case x.gone:
			x.again = int(n.layer)
			return x
		default:
			x.until, x.gone = int(n.layer), n.change == Removed
			if !x.gone {
				return x
			}
		}
	}
	return x
}

// pkg returns the row of a package in a layer's database.
func (f *packageFinder) pkg(p *packages.Package, typ string, layer int) int32 {
	key := packageKey{strings.Clone(p.Name), strings.Clone(p.Version), typ}
	i, ok := f.byKey[key]
	if !ok {
		i = int32(len(f.rows))
		f.byKey[key] = i
		f.rows = append(f.rows, Package{Name: key.name, Version: key.version, Type: typ, Layer: layer})
	}
	f.rows[i].Layer = min(f.rows[i].Layer, layer)
	return i
}

// there records that databases list a package in a half-open range of layers.
func (f *packageFinder) there(row int32, from, until int) {
	x := &f.rows[row]
	if last := len(x.there) - 1; last >= 0 && x.there[last].until == from {
		x.there[last].until = until
	} else {
		x.there = append(x.there, layerSpan{from, until})
	}
	x.Installed = x.Installed || until >= len(f.t.layers)
}

// hold makes a holder of one package.
func (f *packageFinder) hold(spans ...packageSpan) int32 {
	f.holders = append(f.holders, holder{spans})
	return int32(len(f.holders) - 1)
}

// single reads a file that is a database by itself.
func (f *packageFinder) single(x *factAt) {
	for i := range x.read.Packages {
		p := &x.read.Packages[i]
		row := f.pkg(p, x.read.Type, x.layer)
		f.there(row, x.layer, x.until)
		h := f.hold(packageSpan{x.layer, row})
		f.list(h, p, x, x.layer, x.until)
	}
}

// whole reads databases in a single file: one is current until another one appears at any path.
// If a layer has several, the one with the highest rank counts.
func (f *packageFinder) whole(facts []*factAt, rank func(*factAt) int) {
	facts = slices.DeleteFunc(facts, func(x *factAt) bool { return len(x.read.Packages) == 0 })
	slices.SortStableFunc(facts, func(a, b *factAt) int { return cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(rank(a), rank(b))) })
	for i, x := range facts {
		until := len(f.t.layers)
		if i+1 < len(facts) {
			until = facts[i+1].layer
		}
		if until == x.layer {
			continue
		}
		for j := range x.read.Packages {
			p := &x.read.Packages[j]
			row := f.pkg(p, x.read.Type, x.layer)
			f.there(row, x.layer, until)
			f.list(f.hold(packageSpan{x.layer, row}), p, x, x.layer, until)
		}
	}
}

// rpmRank prefers the newer formats of rpm's database.
func rpmRank(t *Tree) func(*factAt) int {
	return func(x *factAt) int {
		switch t.Name(x.node) {
		case "rpmdb.sqlite":
			return 2
		case "Packages.db":
			return 1
		}
		return 0
	}
}

// named reads packages with two files in one directory: one has the package's name, the other its
// file list.
func (f *packageFinder) named(names, lists []*factAt) {
	spans := map[NodeID][]packageSpan{} // by directory
	for _, x := range names {
		if len(x.read.Packages) == 0 {
			continue
		}
		dir := f.t.Parent(x.node)
		row := f.pkg(&x.read.Packages[0], x.read.Type, x.layer)
		f.there(row, x.layer, x.until)
		spans[dir] = append(spans[dir], packageSpan{x.layer, row})
		if x.gone {
			spans[dir] = append(spans[dir], packageSpan{x.until, none})
		}
	}
	for _, x := range lists {
		if len(x.read.Packages) == 0 {
			continue
		}
		p := &x.read.Packages[0]
		whose := spans[f.t.Parent(x.node)]
		if len(whose) == 0 {
			row := f.pkg(p, x.read.Type, x.layer)
			f.there(row, x.layer, x.until)
			whose = []packageSpan{{x.layer, row}}
		} else if whose[0].from > x.layer {
			whose = append([]packageSpan{{x.layer, whose[0].pkg}}, whose...)
		}
		f.list(f.hold(whose...), p, x, x.layer, x.until)
	}
}
