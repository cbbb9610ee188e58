package layer

import (
	"bytes"
	"strconv"
	"strings"
)

// cString returns b up to the first NUL.
func cString(b []byte) []byte {
	before, _, _ := bytes.Cut(b, []byte{0})
	return before
}

// tarNumber parses a number field: octal text or, with the first bit set, base-256 in two's
// complement (GNU and star).
func tarNumber(b []byte) (int64, bool) {
	if len(b) > 0 && b[0]&0x80 != 0 {
		return base256(b)
	}
	return tarOctal(b)
}

// tarOctal parses octal digits with padding of spaces or NULs on either side. It ends at a NUL,
// whatever follows.
func tarOctal(b []byte) (int64, bool) {
	i, end := 0, len(b)
	for i < end && (b[i] == ' ' || b[i] == 0) {
		i++
	}
	for end > i && (b[end-1] == ' ' || b[end-1] == 0) {
		end--
	}
	var x uint64
	for _, c := range b[i:end] {
		if c == 0 {
			break
		}
		if c < '0' || c > '7' || x>>60 != 0 {
			return 0, false
		}
		x = x<<3 | uint64(c-'0')
	}
	return int64(x), x>>63 == 0
}

func base256(b []byte) (int64, bool) {
	var invert byte
	if b[0]&0x40 != 0 {
		invert = 0xff
	}
	var x uint64
	for i, c := range b {
		c ^= invert
		if i == 0 {
			c &= 0x7f // the marker
		}
		if x>>56 != 0 {
			return 0, false
		}
		x = x<<8 | uint64(c)
	}
	if x>>63 != 0 {
		return 0, false
	}
	if invert == 0xff {
		return ^int64(x), true
	}
	return int64(x), true
}

// paxTime parses "seconds[.fraction]", where seconds may be negative, with nanosecond precision;
// further digits are dropped.
func paxTime(s string) (sec int64, nsec uint32, ok bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	if fraction == "" {
		return sec, 0, true
	}
	if strings.Trim(fraction, "0123456789") != "" {
		return 0, 0, false
	}
	const digits = 9
	fraction = (fraction + strings.Repeat("0", digits))[:digits]
	n, _ := strconv.ParseUint(fraction, 10, 32) // nine digits fit
	if n == 0 || whole[0] != '-' {
		return sec, uint32(n), true
	}
	return sec - 1, uint32(1_000_000_000 - n), true
}
