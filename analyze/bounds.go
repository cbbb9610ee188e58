package analyze

import (
	"fmt"
	"math"
)

// bounds are the limits on the tree of an image.
type bounds struct {
	tree      int   // memory while building, in bytes
	paths     int64 // bytes of the paths of all versions
	linkSteps int   // components of symlink targets that are walked
}

// treeBounds are far above any real image. They are checked after each entry, which adds at most
// about 100,000 nodes.
var treeBounds = bounds{maxTree, maxPaths, maxLinkSteps}

const (
	// maxTree is the maximum memory of a tree while it is built, in bytes: five million files, or
	// twelve million versions of a few files.
	maxTree = 320 << 20

	// maxPath is the maximum length of one path, maxPaths that of the paths of all versions, in
	// bytes. Code that visits all paths takes time in proportion.
	maxPath  = math.MaxUint16
	maxPaths = 4 << 30

	// maxLinkSteps is the maximum number of components of symlink targets that are walked: a
	// short name can lead through 40 targets of 65,535 bytes each. A layer with a million names
	// through /lib -> usr/lib takes 2,000,000.
	maxLinkSteps = 1 << 26
)

// Memory of a node and a version while a tree is built, including related data, in bytes.
const (
	nodeCost    = 24 + 4 + 8 // the node, its element in Tree.children, and in nodeTable
	nameCost    = 4          // a name's element in names
	versionCost = 20 + 4 + 4 // the version, its element in builder.prev, and in rows of waste
)

var (
	errTree      = fmt.Errorf("the tree of the image's paths takes more than %d MiB of memory", maxTree>>20)
	errLongPath  = fmt.Errorf("through symbolic links, a name leads to a path of more than %d bytes", maxPath)
	errPaths     = fmt.Errorf("the paths of all files of all layers together are longer than %d GiB", maxPaths>>30)
	errLinkSteps = fmt.Errorf("the names in the image lead through more than %d parts of symbolic links", maxLinkSteps)
)

// fail records that a limit was reached.
func (b *builder) fail(err error) {
	if b.failed == nil {
		b.failed = err
	}
}

// full returns the error for a limit that was reached, or nil if another entry fits.
func (b *builder) full() error {
	t := b.t
	switch {
	case b.failed != nil:
	case len(t.nodes)*nodeCost+len(t.extra.text)+len(t.extra.from)*nameCost+len(t.versions)*versionCost > b.bounds.tree:
		b.failed = errTree
	case b.paths > b.bounds.paths:
		b.failed = errPaths
	case b.walk.steps > b.bounds.linkSteps:
		b.failed = errLinkSteps
	}
	return b.failed
}
