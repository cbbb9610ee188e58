package analyze

import (
	"fmt"
	"math"
)

// bounds are those on the tree of an image.
type bounds struct {
	tree      int   // memory that it takes while it is built, in bytes
	paths     int64 // bytes of the paths of all versions together
	linkSteps int   // components of symlinks' texts that are walked
}

// treeBounds are far beyond any real image. What one entry adds is checked after it
// was added: that is at most some 100,000 nodes.
var treeBounds = bounds{maxTree, maxPaths, maxLinkSteps}

const (
	// maxTree is the memory that a tree may take while it is built, in bytes: five
	// million files, or twelve million versions of few.
	maxTree = 320 << 20

	// maxPath is the length of one path, in bytes; maxPaths that of the paths of all
	// versions together. Code that goes through all paths takes time in proportion.
	maxPath  = math.MaxUint16
	maxPaths = 4 << 30

	// maxLinkSteps bounds the components of symlinks' texts that are walked: a name
	// of a few bytes can lead through 40 texts of 65,535 bytes each. A layer in which
	// a million names pass through /lib -> usr/lib takes 2,000,000.
	maxLinkSteps = 1 << 26
)

// What a node and a version take while a tree is built, with what stands beside
// them, in bytes.
const (
	nodeCost    = 24 + 4 + 8 // the node, its place in Tree.children, and in nodeTable
	nameCost    = 4          // a name's place in names
	versionCost = 20 + 4 + 4 // the version, its place in builder.prev, and among rows of waste
)

var (
	errTree      = fmt.Errorf("the tree of the image's paths takes more than %d MiB of memory", maxTree>>20)
	errLongPath  = fmt.Errorf("through symbolic links, a name leads to a path of more than %d bytes", maxPath)
	errPaths     = fmt.Errorf("the paths of all files of all layers together are longer than %d GiB", maxPaths>>30)
	errLinkSteps = fmt.Errorf("the names in the image lead through more than %d parts of symbolic links", maxLinkSteps)
)

// fail notes that a bound was met.
func (b *builder) fail(err error) {
	if b.failed == nil {
		b.failed = err
	}
}

// full returns the error for a bound that was met, nil if there is room for what one
// more entry can make.
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
