package analyze

import "math"

// A Unit is what a figure of a rule counts.
type Unit string

// The units.
const (
	UnitBytes Unit = "bytes"
	UnitRatio Unit = "ratio" // a share, 1 being all
	UnitCount Unit = "count" // of layers, files, labels, findings ...
)

// A Quantity is a figure of a rule, or its limit, as a number.
type Quantity struct {
	Unit  Unit
	N     int64   // of UnitBytes and UnitCount
	Ratio float64 // of UnitRatio
}

func bytesOf(n int64) *Quantity { return &Quantity{Unit: UnitBytes, N: n} }

func countOf[N int | int64](n N) *Quantity { return &Quantity{Unit: UnitCount, N: int64(n)} }

// ratioOf returns nil for what is not a number: a growth from nothing.
func ratioOf(r float64) *Quantity {
	if math.IsNaN(r) || math.IsInf(r, 0) {
		return nil
	}
	return &Quantity{Unit: UnitRatio, Ratio: r}
}

// limitOf returns the limit of a rule as a number; nil if it has none, as a rule that is
// on or off, or has globs.
func limitOf(s *Setting, value any) *Quantity {
	switch v := value.(type) {
	case GrowthLimit:
		if v.Bytes < 0 {
			return ratioOf(v.Share)
		}
		return bytesOf(v.Bytes)
	case float64:
		return ratioOf(v)
	case int64:
		if s.Kind == countKind.Kind {
			return countOf(v)
		}
		return bytesOf(v)
	}
	return nil
}
