// Package human formats figures for people, the same everywhere: on the screen, in reports and
// in messages.
package human

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
)

// Size formats a number of bytes with three digits and a decimal unit: "12.3 MB", "816 MB",
// "1.00 kB". Below 1000 it is exact: "512 B". It is at most 7 columns wide, not counting a
// minus sign.
func Size(n int64) string {
	if n < 0 {
		return "-" + Size(-max(n, -math.MaxInt64))
	}
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	// Use whole numbers, since binary fractions would round 9,995 down. A value rounded up to
	// 1000 of a unit becomes 1.00 of the next.
	const units = "kMGTPE"
	unit := int64(1000)
	for i := 0; ; i++ {
		for digits, scale := 2, int64(1); digits >= 0; digits, scale = digits-1, scale*10 {
			step := unit / (100 / scale) // bytes represented by one step of the last digit
			figures := n / step
			if n%step >= step-step/2 {
				figures++
			}
			if figures < 1000 || i == len(units)-1 && digits == 0 {
				return strconv.FormatFloat(float64(figures)/float64(100/scale), 'f', digits, 64) + " " + units[i:i+1] + "B"
			}
		}
		unit *= 1000
	}
}

// Percent formats a ratio (1 is all) as a percentage with one decimal: "33.7 %". A ratio that
// rounding would turn into 0 or 100 is shown as "<0.1 %" or ">99.9 %".
func Percent(ratio float64) string {
	const least, most = 0.0005, 0.9995
	switch {
	case math.IsNaN(ratio):
		return "? %"
	case ratio > 0 && ratio < least:
		return "<0.1 %"
	case ratio < 1 && ratio >= most:
		return ">99.9 %"
	}
	return strconv.FormatFloat(100*ratio, 'f', 1, 64) + " %"
}

// Count formats a number with its noun, in the plural if needed: "1 layer", "20,821 entries".
// many is the whole plural form.
func Count[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(int64(n)) + " " + many
}

// Date formats a time to the second, in UTC; "unknown" if it is zero.
func Date(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// Age formats how long before now a time was, in its largest unit: "5 min", "3 h", "12 days",
// "2 years". It is "-" if the time is zero, and "now" for less than a minute and for future
// times. It is at most 9 columns wide.
func Age(now, t time.Time) string {
	d := now.Sub(t)
	days := int64(d / (24 * time.Hour))
	switch {
	case t.IsZero():
		return "-"
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case days < 1:
		return fmt.Sprintf("%d h", d/time.Hour)
	case days < 60:
		return Count(days, "day", "days")
	case days < 2*365:
		return Count(days/30, "month", "months")
	}
	return Count(days/365, "year", "years")
}

// Permissions formats permission, set-id and sticky bits in octal: "0755".
func Permissions(mode uint32) string { return fmt.Sprintf("%04o", mode) }

// Comma formats a number with its digits in groups of three: "20,821".
func Comma[N int | int64](n N) string { return humanize.Comma(int64(n)) }
