package analyze

import (
	"strings"

	"github.com/peelhq/peel/analyze/packages"
	"github.com/peelhq/peel/source"
)

// pnpmDir is the directory in node_modules in which pnpm keeps packages, each in a directory
// NAME@VERSION, with "+" for "/" and followed by the versions of its peers. Source: pnpm.io,
// "Symlinked node_modules structure".
const pnpmDir = ".pnpm"

// pnpm adds packages whose package.json is a hard link into pnpm's store if the store's name
// comes first in the layer. The collector then did not read the file, and the directory's name
// says what the package is.
func (f *packageFinder) pnpm(known []factAt) []factAt {
	t := f.t
	if len(t.shared) == 0 {
		return nil
	}
	drawn := map[packageAt]bool{}
	for i := range known {
		drawn[packageAt{known[i].node, known[i].layer}] = true
	}
	var out []factAt
	for n := range t.nodes {
		if t.nameView(NodeID(n)) != pnpmDir || t.nameView(t.nodes[n].parent) != "node_modules" {
			continue
		}
		for _, dir := range t.Children(NodeID(n)) {
			p, ok := pnpmPackage(t.nameView(dir))
			if !ok {
				continue
			}
			for i := range f.linkedPackage(dir, p.Name) {
				x := f.at(i, packages.Read{Kind: "npm", Type: "npm", Packages: []packages.Package{p}})
				if !drawn[packageAt{x.node, x.layer}] {
					out = append(out, x)
				}
			}
		}
	}
	return out
}

// packageAt is a package.json in a layer.
type packageAt struct {
	node  NodeID
	layer int
}

// linkedPackage visits the hard-linked versions of a package.json below a directory of pnpm's.
func (f *packageFinder) linkedPackage(dir NodeID, name string) func(yield func(i int32) bool) {
	return func(yield func(i int32) bool) {
		t := f.t
		n := dir
		for part := range strings.SplitSeq("node_modules/"+name+"/package.json", "/") {
			child, ok := t.child(n, part)
			if !ok {
				return
			}
			n = child
		}
		from, to := t.versionRange(n)
		for i := from; i < to; i++ {
			v := &t.versions[i]
			if v.kind == source.File && v.inode >= 0 && v.flags&duplicate == 0 && v.change != Removed && !yield(i) {
				return
			}
		}
	}
}

// pnpmPackage parses the name of a directory: "@scope+name@1.2.3_peer@2".
func pnpmPackage(dir string) (p packages.Package, ok bool) {
	at := strings.IndexByte(strings.TrimPrefix(dir, "@"), '@')
	if at < 0 {
		return p, false
	}
	if strings.HasPrefix(dir, "@") {
		at++
	}
	name, version := dir[:at], dir[at+1:]
	if i := strings.IndexAny(version, "_("); i >= 0 {
		version = version[:i]
	}
	if name == "" || version == "" {
		return p, false
	}
	if strings.HasPrefix(name, "@") {
		name = strings.Replace(name, "+", "/", 1)
	}
	return packages.Package{Name: strings.Clone(name), Version: strings.Clone(version), Trees: []string{"."}}, true
}
