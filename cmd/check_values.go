package cmd

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/peelhq/peel/analyze"
)

// off switches a rule off, as its value.
const off = "off"

// parseRatio reads a share of something: "0.95" or "95%".
func parseRatio(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	v, err := parseNumber(number)
	if percent {
		v /= 100
	}
	if err != nil || v > 1 {
		return 0, errors.New(`give a share as 0.95 or 95%, or "off"`)
	}
	return v, nil
}

// parseNumber reads a decimal number that is not negative, with no more to it
// than digits and a point: no sign, exponent, or word for what is no number.
func parseNumber(s string) (float64, error) {
	s = strings.TrimSpace(s)
	if strings.Trim(s, "0123456789.") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(s, 64)
}

// parseSize reads a number of bytes: "100MB", "64 MiB", "512".
func parseSize(s string) (int64, error) {
	v, err := humanize.ParseBytes(s)
	// The library takes a comma for a separator of thousands: "1,5 GB" for 15 GB.
	if err != nil || v > math.MaxInt64 || strings.Contains(s, ",") {
		return 0, errors.New(`give a size as 100MB, 64MiB or 512 (bytes), or "off"`)
	}
	return int64(v), nil
}

// parseFloor is parseSize for the floor, which has an "off" of its own.
func parseFloor(s string) (int64, error) {
	if s == off {
		return 0, nil
	}
	return parseSize(s)
}

// parseCount reads a number of things: "20".
func parseCount(s string) (int64, error) {
	v, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, errors.New(`give a number as 20, or "off"`)
	}
	return int64(v), nil
}

// parseGrowing reads what an image may grow by: "20MB" or "5%". A bare fraction
// could be either.
func parseGrowing(s string) (analyze.Growing, error) {
	if number, ok := strings.CutSuffix(s, "%"); ok {
		if v, err := parseNumber(number); err == nil {
			return analyze.Growing{Bytes: -1, Share: v / 100}, nil
		}
	} else if bytes, err := parseSize(s); err == nil && (bytes > 0 || s == "0") {
		return analyze.Growing{Bytes: bytes}, nil
	}
	return analyze.Growing{}, errors.New(`give a size as 20MB or a share of the baseline as 5%, or "off"`)
}
