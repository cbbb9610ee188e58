package human

import (
	"math"
	"testing"
	"time"
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

func TestAge(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for want, d := range map[string]time.Duration{
		"now": 59 * time.Second, "1 min": time.Minute, "59 min": time.Hour - 1, "1 h": time.Hour, "23 h": day - 1, "1 day": day,
		"59 days": 60*day - 1, "2 months": 60 * day, "24 months": 2*365*day - 1, "2 years": 2 * 365 * day, "56 years": 56 * 366 * day,
	} {
		got := Age(now, now.Add(-d))
		if got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
		if len(got) > 9 {
			t.Errorf("%q is too wide", got)
		}
	}
	for want, at := range map[string]time.Time{"-": {}, "now": now.Add(day), "292 years": time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)} {
		if got := Age(now, at); got != want {
			t.Errorf("%v: %q, want %q", at, got, want)
		}
	}
}
