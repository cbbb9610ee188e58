package report

import "fmt"

// signed writes a difference with its sign, "+12.3 MB" or "-4"; "=" for no difference.
func signed(n int64, write func(int64) string) string {
	switch {
	case n == 0:
		return "="
	case n > 0:
		return "+" + write(n)
	}
	return write(n)
}

// points writes the difference of two shares in percentage points.
func points(d float64) string {
	const shown = 0.0005 // smaller values would be printed as zero
	switch {
	case d == 0:
		return "="
	case d > 0 && d < shown:
		return "<+0.1 pt"
	case d < 0 && d > -shown:
		return ">-0.1 pt"
	}
	return fmt.Sprintf("%+.1f pt", 100*d)
}
