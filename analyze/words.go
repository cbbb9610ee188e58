package analyze

// Change is what a version is against the union just below its layer.
type Change uint8

// The changes of DESIGN's section 4.
const (
	Added     Change = iota // the path was not there
	Modified                // content or type differs
	Metadata                // the same content; mode, owner, times or extended attributes differ
	Identical               // nothing differs
	Removed                 // the path is gone
)

var changeNames = [...]string{"added", "modified", "metadata", "identical", "removed"}

// String returns the word used in JSON: "added", "modified", "metadata",
// "identical" or "removed".
func (c Change) String() string { return changeNames[c] }

// Cause is why a version does not show in the final union.
type Cause uint8

// The causes of DESIGN's section 4.
const (
	NotShadowed  Cause = iota // it shows
	Overwritten               // a higher layer wrote other content at the path
	MetadataCopy              // a higher layer copied the whole file up to change its attributes
	SameAgain                 // a higher layer wrote the very same file again
	Deleted                   // a higher layer deleted it, or a directory above it
	Opaque                    // a higher layer made a directory above it opaque
	Replaced                  // the path, or a directory above it, changed its type
	Duplicate                 // the same layer holds the path again, later
)

var causeNames = [...]string{"", "overwritten", "metadata", "identical", "removed", "opaque", "replaced", "duplicate"}

// String returns the word used in JSON ("overwritten", "metadata", "identical",
// "removed", "opaque", "replaced", "duplicate"), "" for NotShadowed.
func (c Cause) String() string { return causeNames[c] }

// Causes returns every cause but NotShadowed, in the order in which they are
// listed everywhere.
func Causes() []Cause {
	return []Cause{Overwritten, MetadataCopy, SameAgain, Deleted, Opaque, Replaced, Duplicate}
}

// causeOf is the cause of a version that one with the given change covers.
func causeOf(change Change, sameKind bool) Cause {
	switch {
	case change == Modified && !sameKind:
		return Replaced
	case change == Metadata:
		return MetadataCopy
	case change == Identical:
		return SameAgain
	}
	return Overwritten
}
