package human

import (
	"math"
	"testing"
)

func TestSize(t *testing.T) {
	for want, n := range map[string]int64{
		"0 B": 0, "5 B": 5, "12 B": 12, "512 B": 512, "999 B": 999,
		"1.00 kB": 1000, "999 kB": 999_499, "1.00 MB": 999_500, "12.3 MB": 12_345_678, "816 MB": 816_000_000,
		"1.23 GB": 1_230_000_000, "1.00 GB": 999_999_999, "9.22 EB": math.MaxInt64,
		"9.99 kB": 9994, "10.0 kB": 9995, "99.9 MB": 99_949_999, "100 MB": 99_950_000, "999 MB": 999_499_999, "-12.3 MB": -12_345_678, "-9.22 EB": math.MinInt64,
	} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
	for n := int64(1); n > 0 && n < math.MaxInt64/7; n = n*7 - n/3 {
		if s := Size(n); len(s) > 7 {
			t.Errorf("Size(%d) = %q is too wide", n, s)
		}
	}
}

func TestPercent(t *testing.T) {
	for want, ratio := range map[string]float64{
		"0.0 %": 0, "<0.1 %": 0.0004, "0.1 %": 0.0006, "33.7 %": 0.3371, "99.9 %": 0.9991, ">99.9 %": 0.99999, "100.0 %": 1, "? %": math.NaN(),
	} {
		if got := Percent(ratio); got != want {
			t.Errorf("Percent(%v) = %q, want %q", ratio, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for want, n := range map[string]int{"0 layers": 0, "1 layer": 1, "20,821 layers": 20821} {
		if got := Count(n, "layer", "layers"); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}
