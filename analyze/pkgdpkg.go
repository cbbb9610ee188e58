package analyze

import (
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze/packages"
	"github.com/peelhq/peel/source"
)

// dpkg reads Debian's databases: the status file lists the packages, and one file per package
// lists its files. Distroless images have one file of both kinds per package.
func (f *packageFinder) dpkg(by map[string][]*factAt) {
	f.diversions(by["dpkg-diversions"])
	spans := f.statuses(by["dpkg-status"])
	main := NodeID(none)
	if all := by["dpkg-status"]; len(all) > 0 {
		main = all[0].node
	}
	f.dpkgLists(by["dpkg-list"], spans, main)

	parts := map[string][]packageSpan{} // by the name of the file
	for _, x := range by["dpkg-part"] {
		if len(x.read.Packages) == 0 {
			continue
		}
		name := f.t.Name(x.node)
		row := f.pkg(&x.read.Packages[0], x.read.Type, x.layer)
		parts[name] = append(parts[name], packageSpan{x.layer, row})
	}
	for _, spans := range parts {
		for i, s := range spans {
			until := len(f.t.layers)
			if i+1 < len(spans) {
				until = spans[i+1].from
			}
			f.there(s.pkg, s.from, until)
		}
	}
	f.dpkgLists(by["dpkg-part-list"], parts, none)
	f.diverted = nil
}

// statuses visits the status files, lowest first, and returns the package that each name stands
// for, and from which layer on.
func (f *packageFinder) statuses(facts []*factAt) map[string][]packageSpan {
	spans := map[string][]packageSpan{}
	before := map[string]int32{}
	// Ignore an unreadable one: the one below stays current.
	facts = slices.DeleteFunc(slices.Clone(facts), func(x *factAt) bool { return len(x.read.Packages) == 0 })
	for i, x := range facts {
		until := len(f.t.layers)
		if i+1 < len(facts) {
			until = facts[i+1].layer
		}
		now := make(map[string]int32, len(x.read.Packages))
		for i := range x.read.Packages {
			p := &x.read.Packages[i]
			row := f.pkg(p, x.read.Type, x.layer)
			// The list of a package is named NAME, or NAME:ARCH.
			if _, twice := now[p.Name]; !twice {
				now[p.Name] = row
			}
			now[p.Name+":"+p.Arch] = row
			if p.State != "config-files" && until > x.layer {
				f.there(row, x.layer, until)
			}
		}
		for key, row := range now {
			if old, ok := before[key]; !ok || old != row {
				spans[key] = append(spans[key], packageSpan{x.layer, row})
			}
		}
		for key := range before {
			if _, ok := now[key]; !ok {
				spans[key] = append(spans[key], packageSpan{x.layer, none})
			}
		}
		before = now
	}
	return spans
}

// dpkgLists reads file lists; spans says which package they belong to. A list that is removed
// together with the status file stays current until another one appears.
func (f *packageFinder) dpkgLists(facts []*factAt, spans map[string][]packageSpan, main NodeID) {
	for _, x := range facts {
		if len(x.read.Packages) == 0 {
			continue
		}
		p := &x.read.Packages[0]
		whose := spans[p.Name]
		if name, _, ok := strings.Cut(p.Name, ":"); ok && len(whose) == 0 {
			whose = spans[name]
		}
		if len(whose) == 0 {
			f.flaw(x.layer, f.t.Path(x.node), "a list of files of a package that the status file does not know: they count as owned by no package")
			continue
		}
		until := x.until
		if x.gone {
			until = min(f.still(main, x.until), x.again)
		}
		f.list(f.hold(whose...), p, x, x.layer, until)
	}
}

// still returns the first layer, from a given one on, in which the file at a node exists.
func (f *packageFinder) still(n NodeID, from int) int {
	if n == none {
		return len(f.t.layers)
	}
	if v := f.t.at(n, from); v != none && f.t.versions[v].kind == source.File {
		return from
	}
	first, to := f.t.versionRange(n)
	vs := f.t.versions[first:to]
	for i := upTo(vs, from); i < len(vs); i++ {
		if vs[i].change != Removed && vs[i].flags&duplicate == 0 {
			return int(vs[i].layer)
		}
	}
	return len(f.t.layers)
}

// A diverted is the place of a path for all packages except one.
type diverted struct {
	from, until int // layers
	to, by      string
}

// diversions reads the diverted paths.
func (f *packageFinder) diversions(facts []*factAt) {
	f.diverted = map[string][]diverted{}
	for _, x := range facts {
		for _, d := range x.read.Diversions {
			if all := f.diverted[d.From]; len(all) < maxDiversion {
				f.diverted[d.From] = append(all, diverted{x.layer, x.until, d.To, d.By})
			}
		}
	}
}

// list makes claims for the files that a package lists in a database file, in a half-open range
// of layers.
func (f *packageFinder) list(h int32, p *packages.Package, x *factAt, from, until int) {
	if p.Self {
		f.claimNode(x.node, h, from, until)
	}
	for i := range p.Dirs {
		d := &p.Dirs[i]
		f.listDir(h, d.Path, d.Names, p.Name, from, until)
		if strings.HasPrefix(x.read.Kind, "python-") {
			f.listCompiled(h, d, from, until)
		}
	}
	for _, tree := range p.Trees {
		f.listTree(h, tree, x, from, until)
	}
	if p.Inside {
		f.insides = append(f.insides, insider{h, x.node, x.layer})
	}
}

// listDir makes claims on names in a directory.
func (f *packageFinder) listDir(h int32, dir string, names []string, pkg string, from, until int) {
	f.eachPlace(dir, from, until, func(at NodeID, begin, end int) {
		for _, name := range names {
			if len(f.diverted) > 0 {
				if all, ok := f.diverted[dir+"/"+name]; ok {
					f.listDiverted(h, all, at, name, pkg, begin, end)
					continue
				}
			}
			if n, ok := f.t.child(at, name); ok {
				f.claimNode(n, h, begin, end)
			}
		}
	})
}

// listDiverted makes claims on a path that is diverted in some layers.
func (f *packageFinder) listDiverted(h int32, all []diverted, dir NodeID, name, pkg string, from, until int) {
	pkg, _, _ = strings.Cut(pkg, ":")
	at := from
	here := func(end int) {
		if n, ok := f.t.child(dir, name); ok && at < end {
			f.claimNode(n, h, at, end)
		}
	}
	sorted := slices.SortedStableFunc(slices.Values(all), func(a, b diverted) int { return a.from - b.from })
	for _, d := range sorted {
		begin, end := max(d.from, at), min(d.until, until)
		if d.by == pkg || begin >= end {
			continue
		}
		here(begin)
		cut := strings.LastIndexByte(d.to, '/')
		f.eachPlace(d.to[:cut], begin, end, func(dir NodeID, begin, end int) {
			if n, ok := f.t.child(dir, d.to[cut+1:]); ok {
				f.claimNode(n, h, begin, end)
			}
		})
		at = end
	}
	here(until)
}

// listCompiled makes claims on the files that Python compiles from those in a directory, which
// RECORD may omit: __pycache__/NAME.cpython-312.pyc for NAME.py.
func (f *packageFinder) listCompiled(h int32, d *packages.Dir, from, until int) {
	var names []string
	for _, name := range d.Names {
		if strings.HasSuffix(name, ".py") {
			names = append(names, strings.TrimSuffix(name, "py"))
		}
	}
	if len(names) == 0 {
		return
	}
	f.eachPlace(d.Path+"/__pycache__", from, until, func(dir NodeID, begin, end int) {
		kids := f.t.Children(dir)
		for _, stem := range names {
			at, _ := slices.BinarySearchFunc(kids, stem, func(n NodeID, stem string) int { return strings.Compare(f.t.nameView(n), stem) })
			for ; at < len(kids) && strings.HasPrefix(f.t.nameView(kids[at]), stem); at++ {
				if tag, ok := strings.CutSuffix(f.t.nameView(kids[at])[len(stem):], ".pyc"); ok && isPythonTag(tag) {
					f.claimNode(kids[at], h, begin, end)
				}
			}
		}
	})
}

// isPythonTag reports whether the middle of a name is a tag of PEP 3147 and PEP 488:
// "cpython-312", "cpython-312.opt-1", "pypy310".
func isPythonTag(tag string) bool {
	tag, opt, more := strings.Cut(tag, ".")
	return tag != "" && (!more || strings.HasPrefix(opt, "opt-") && !strings.Contains(opt, "."))
}

// listTree makes a claim on everything in a directory.
func (f *packageFinder) listTree(h int32, tree string, x *factAt, from, until int) {
	if tree == "." {
		n := f.t.Parent(x.node)
		f.npm[n] = true
		f.claimTree(n, h, from, until)
		return
	}
	f.eachPlace(tree, from, until, func(n NodeID, begin, end int) { f.claimTree(n, h, begin, end) })
}
