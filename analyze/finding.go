package analyze

import (
	"cmp"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
)

// Severity is how much something that was found weighs.
type Severity uint8

// The severities, lightest first.
const (
	Note    Severity = iota // what could be better; it never fails a check
	Warning                 // a rule that is broken, but does not fail the check
	Error                   // a rule that fails the check
)

var severityNames = [...]string{"note", "warning", "error"}

// String returns "note", "warning" or "error".
func (s Severity) String() string { return severityNames[s] }

// A Finding is one thing to mend, for whatever form a report has: text, a
// comment, an annotation. Text in it that comes from the image (paths, commands)
// is raw: who writes it escapes it.
type Finding struct {
	// ID tells the finding from others, and is the same in the next build that
	// has it: "max-wasted", "waste/metadata/RUN chown -R app /srv".
	ID       string
	Rule     string // the rule it comes from; "waste" for what wastes bytes without breaking one
	Severity Severity
	Title    string // a few words: "Files copied up to change their owner"
	Message  string // one or two sentences with the figures, plain text
	Advice   string // what to change in the build, some sentences; "" if there is nothing to say
	// Code are the commands and names in Advice, for forms that set them as such: each
	// from a byte to another, in order.
	Code [][2]int

	Path     string // absolute; "" if it belongs to none, a directory's if it is about what lies below it
	Layer    int    // to blame; -1 if none is
	Bytes    int64  // that would be saved, or that it is about
	Versions int    // how many versions it sums up; 0 if it is about none
	Step     string // the build step to blame, as dockerfile.Instruction gives it; "" if unknown

	// OfBase says that no change of an own step mends it, only another base image.
	OfBase bool
	// BelowFloor says that it is a note of waste of fewer bytes than Outcome.Floor: forms
	// for people sum such findings up.
	BelowFloor bool

	Line *dockerfile.Line // in the Dockerfile; nil if unknown

	from *findingSource // what it was made from, for Fixes; nil for all others
}

// An Outcome is all that a check found.
type Outcome struct {
	Results  []Result  // what every rule that is on says, in the order of the rules
	Findings []Finding // the gravest first, then those with most bytes, then by ID

	RulesFrom string   // the file that rules were read from; "" if there is none
	Notes     []string // what a reader of the figures has to know, a sentence each; plain text, raw as in findings
	Growth    *Growth  // against the baseline; nil without one

	Waived []Waived // findings that count no longer, in the same order; see Waive

	Floor int64 // bytes of waste below which notes are summed up; 0: none is

	Waste           WasteRows // what counts of the image's waste, in the same order
	Ignored         int64     // wasted bytes that count in no rule, as the setting "ignore" says
	IgnoredVersions int       // that have them
}

// add puts findings where they belong in the order of o's.
func (o *Outcome) add(findings ...Finding) {
	o.Findings = append(o.Findings, findings...)
	slices.SortStableFunc(o.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.ID, b.ID))
	})
}

// Failed reports whether a rule of severity Error has failed.
func (o *Outcome) Failed() bool {
	for i := range o.Results {
		if o.Results[i].Failed && o.Results[i].Severity == Error {
			return true
		}
	}
	return false
}

// Growth is what an image's figures are against those of its baseline. Sizes
// are bytes; what has become smaller is negative.
type Growth struct {
	Baseline string // what it was compared with, as it was asked for

	Before, After Figures

	Layers []LayerGrowth // of both, lowest first; those of the baseline alone where they stood
	Paths  []PathGrowth  // whose visible bytes differ, the largest difference first, 1000 at most
	Grown  int           // how many paths that are, listed or not
	// PathsKnown is false where the baseline tells nothing of single paths.
	PathsKnown bool

	// Waste that came, with the image's layers, and that went, with the baseline's:
	// largest first. A path that wastes other bytes for the same cause stands
	// there with the difference, so that they add up to that of Wasted.
	NewWaste  []Waste
	GoneWaste []Waste
}

// Figures are those of an image that a baseline keeps.
type Figures struct {
	Layers     int
	Entries    int
	Stored     int64
	Visible    int64
	Wasted     int64
	Efficiency float64
	Compressed int64 // -1 if unknown
	UserStored int64 // by own layers; -1 if unknown
	UserWasted int64 // of it, wasted
}

// OwnEfficiency returns the efficiency of own layers. It reports false if that is not
// known.
func (f *Figures) OwnEfficiency() (float64, bool) {
	switch {
	case f.UserStored < f.UserWasted:
		return 0, false
	case f.UserStored == 0:
		return 1, true
	}
	return 1 - float64(f.UserWasted)/float64(f.UserStored), true
}

// A LayerGrowth is one layer of an image, of its baseline, or of both: matched
// by their diffIDs, else by their build steps.
type LayerGrowth struct {
	Before, After int // layer indices; -1 if the image or the baseline has none
	Step          string
	Same          bool  // the diffIDs agree
	Bytes         int64 // that the image's layer stores; the baseline's, if it alone has it
	Stored        int64 // bytes of the image's layer less those of the baseline's
	Wasted        int64

	digests bool // both diffIDs are known
}

// A PathGrowth is a path whose visible bytes are not what they were.
type PathGrowth struct {
	Path          string
	Before, After int64 // bytes; -1 if it is not there
}
