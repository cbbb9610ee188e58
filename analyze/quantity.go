package analyze

import "math"

// A Unit is the unit of a rule's figure.
type Unit string

// The units.
const (
	UnitBytes Unit = "bytes"
	UnitRatio Unit = "ratio" // a share, where 1 is everything
	UnitCount Unit = "count" // layers, files, labels, findings ...
)

// A Quantity is a rule's figure or limit as a number.
type Quantity struct {
	Unit  Unit
	N     int64   // for UnitBytes and UnitCount
	Ratio float64 // for UnitRatio
}

func bytesOf(n int64) *Quantity { return &Quantity{Unit: UnitBytes, N: n} }

func countOf[N int | int64](n N) *Quantity { return &Quantity{Unit: UnitCount, N: int64(n)} }

// ratioOf returns nil if the ratio is not a number, such as growth from nothing.
func ratioOf(r float64) *Quantity {
	if math.IsNaN(r) || math.IsInf(r, 0) {
		return nil
	}
	return &Quantity{Unit: UnitRatio, Ratio: r}
}

// limitOf returns the limit of a rule as a number; nil if it has none (rules that are only on or
// off, or have globs).
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
