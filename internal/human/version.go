package human

import (
	"cmp"
	"strconv"
	"strings"
)

// CompareNames orders names of images for a list: by repository, then with the latest version
// first: app:1.10, app:1.9, base:1.
func CompareNames(a, b string) int {
	x, y := repository(a), repository(b)
	return cmp.Or(strings.Compare(x, y), CompareVersions(b, a), strings.Compare(a, b))
}

// CompareVersions compares tags as people count: 1.9 comes before 1.10, and letters before
// numbers.
func CompareVersions(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x > 0 && y > 0 {
			m, errM := strconv.ParseUint(a[:x], 10, 64)
			n, errN := strconv.ParseUint(b[:y], 10, 64)
			if c := cmp.Or(cmp.Compare(m, n), strings.Compare(a[:x], b[:y])); errM == nil && errN == nil && c != 0 {
				return c
			}
			a, b = a[x:], b[y:]
			continue
		}
		if (x > 0) != (y > 0) {
			return cmp.Compare(x, y)
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// digits returns the number of digits at the start of a text.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// repository returns an image's name without its tag.
func repository(name string) string {
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[:i]
	}
	return name
}
