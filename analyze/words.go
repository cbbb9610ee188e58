package analyze

// Change is what a version does to the union just below its layer.
type Change uint8

// The changes; see docs/rules.md.
const (
	Added     Change = iota // the path did not exist
	Modified                // content or type differs
	Metadata                // the same content; mode, owner, times or extended attributes differ
	Identical               // nothing differs
	Removed                 // the path was removed
)

var changeNames = [...]string{"added", "modified", "metadata", "identical", "removed"}

// String returns the word used in JSON: "added", "modified", "metadata",
// "identical" or "removed".
func (c Change) String() string { return changeNames[c] }

// Cause is why a version does not show in the final union.
type Cause uint8

// The causes; see docs/rules.md.
const (
	NotShadowed  Cause = iota // it is visible
	Overwritten               // a higher layer wrote other content at the path
	MetadataCopy              // a higher layer copied the whole file up to change its attributes
	SameAgain                 // a higher layer wrote the same file again
	Deleted                   // a higher layer deleted it, or a parent directory
	Opaque                    // a higher layer made a parent directory opaque
	Replaced                  // the path, or a parent directory, changed its type
	Duplicate                 // the same layer contains the path again, later
)

var causeNames = [...]string{"", "overwritten", "metadata", "identical", "removed", "opaque", "replaced", "duplicate"}

// String returns the word used in JSON ("overwritten", "metadata", "identical", "removed",
// "opaque", "replaced", "duplicate"), "" for NotShadowed.
func (c Cause) String() string { return causeNames[c] }

// Causes returns every cause except NotShadowed, in the order used everywhere.
func Causes() []Cause {
	return []Cause{Overwritten, MetadataCopy, SameAgain, Deleted, Opaque, Replaced, Duplicate}
}

// causeOf returns the cause of a version that a version with this change covers.
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
