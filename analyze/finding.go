package analyze

import (
	"cmp"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
)

// Severity is the weight of a finding.
type Severity uint8

// The severities, lowest first.
const (
	Note    Severity = iota // could be better; never fails a check
	Warning                 // a broken rule that does not fail the check
	Error                   // a broken rule that fails the check
)

var severityNames = [...]string{"note", "warning", "error"}

// String returns "note", "warning" or "error".
func (s Severity) String() string { return severityNames[s] }

// A Finding is one thing to fix, for any form of report: text, comment,
// annotation. Text from the image (paths, commands) is raw; the writer must
// escape it.
type Finding struct {
	// ID identifies the finding and stays the same in the next build that has it: "max-wasted",
	// "waste/metadata/RUN chown -R app /srv".
	ID       string
	Rule     string // its rule; "waste" for waste that breaks no rule
	Severity Severity
	Title    string // a few words: "Files copied up to change their owner"
	Message  string // one or two sentences with the figures, plain text
	Advice   string // what to change in the build, a few sentences; or ""
	// Code marks the commands and names in Advice, for forms that format code: byte ranges in
	// order.
	Code [][2]int

	Path     string // absolute; "" if none; a directory if the finding is about its content
	Layer    int    // layer to blame; -1 if none
	Bytes    int64  // bytes that a fix saves, or that the finding is about
	Versions int    // number of versions that it covers; 0 if none
	Step     string // build step to blame, in the form of dockerfile.Instruction; "" if unknown

	// OfBase says that only another base image helps, not a changed step.
	OfBase bool
	// BelowFloor marks a note about less waste than Outcome.Floor. Reports for people summarize
	// such findings.
	BelowFloor bool
	// Decisive marks a note about waste that has to go for a failed rule to pass. Reports for
	// people list it, however small it is and wherever it comes from.
	Decisive bool

	Line *dockerfile.Line // in the Dockerfile; nil if unknown

	merged int // number of findings that Brief has merged into this one; 0 for any other

	from *findingSource // its source, for Fixes; nil otherwise
}

// An Outcome is the result of a check.
type Outcome struct {
	Results  []Result  // result of every rule that is on, in the order of the rules
	Findings []Finding // sorted by severity, then by bytes (largest first), then by ID

	RulesFrom string   // the rules file, or ""
	Notes     []string // what readers of the figures should know, one sentence each; raw plain text
	Growth    *Growth  // compared with the baseline; nil without one

	Waived []Waived // waived findings in the same order; see Waive

	Floor int64 // notes about less waste, in bytes, are summarized; 0: none

	Waste           WasteRows // the image's waste that counts, in the same order
	Ignored         int64     // wasted bytes excluded by the setting "ignore"
	IgnoredVersions int       // number of their versions

	excess excess
}

// add inserts findings in order.
func (o *Outcome) add(findings ...Finding) {
	o.Findings = append(o.Findings, findings...)
	slices.SortStableFunc(o.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.ID, b.ID))
	})
}

// Failed reports whether a rule of severity Error failed.
func (o *Outcome) Failed() bool {
	for i := range o.Results {
		if o.Results[i].Failed && o.Results[i].Severity == Error {
			return true
		}
	}
	return false
}

// Growth compares an image's figures with those of its baseline. Sizes are bytes; shrinkage is
// negative.
type Growth struct {
	Baseline string // name of the baseline, as requested

	Before, After Figures

	Layers []LayerGrowth // of both images, lowest first; layers only in the baseline keep their place
	Paths  []PathGrowth  // paths whose visible bytes differ, the largest difference first, at most 1000
	Grown  int           // number of such paths, listed or not
	// PathsKnown is false if the baseline has no information about paths.
	PathsKnown bool

	// Added waste, with the image's layers, and removed waste, with the baseline's: largest
	// first. If the size of a path's waste for a cause changed, the row has the difference, so
	// that the rows add up to the difference of Wasted.
	NewWaste  []Waste
	GoneWaste []Waste
}

// Figures are the figures of an image that a baseline keeps.
type Figures struct {
	Layers     int
	Entries    int
	Stored     int64
	Visible    int64
	Wasted     int64
	Efficiency float64
	Compressed int64 // -1 if unknown
	UserStored int64 // in own layers; -1 if unknown
	UserWasted int64 // wasted part of UserStored
}

// OwnEfficiency returns the efficiency of own layers. It reports false if unknown.
func (f *Figures) OwnEfficiency() (float64, bool) {
	switch {
	case f.UserStored < f.UserWasted:
		return 0, false
	case f.UserStored == 0:
		return 1, true
	}
	return 1 - float64(f.UserWasted)/float64(f.UserStored), true
}

// A LayerGrowth is a layer of an image, of its baseline, or of both, matched by diffID or else by
// build step.
type LayerGrowth struct {
	Before, After int // layer indexes; -1 if missing
	Step          string
	Same          bool  // the diffIDs are equal
	Bytes         int64 // stored in the image's layer; in the baseline's if only that has it
	Stored        int64 // bytes of the image's layer minus those of the baseline's
	Wasted        int64

	digests bool // both diffIDs are known
}

// A PathGrowth is a path whose visible bytes changed.
type PathGrowth struct {
	Path          string
	Before, After int64 // bytes; -1 if the path does not exist
}
