package cmd

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"

	"github.com/peelhq/peel/source"
)

// off switches a rule off, as a value of its flag.
const off = "off"

// ratioFlag is a share of something: "0.95" or "95%", or "off". It is negative
// when it is off.
type ratioFlag float64

// sizeFlag is a number of bytes: "100MB", "64MiB", "512", or "off". It is
// negative when it is off.
type sizeFlag int64

// viaFlag is how an engine's image is read: "api", "store", or "" for either.
type viaFlag source.Via

var (
	_ pflag.Value = (*viaFlag)(nil)
	_ pflag.Value = (*ratioFlag)(nil)
	_ pflag.Value = (*sizeFlag)(nil)
)

func (r *ratioFlag) String() string {
	if *r < 0 {
		return off
	}
	return strconv.FormatFloat(float64(*r), 'g', -1, 64)
}

func (r *ratioFlag) Set(s string) error {
	if s == off {
		*r = -1
		return nil
	}
	number, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		v /= 100
	}
	// The negation catches NaN too.
	if err != nil || !(v >= 0 && v <= 1) {
		return errors.New(`give a share as 0.95 or 95%, or "off"`)
	}
	*r = ratioFlag(v)
	return nil
}

func (r *ratioFlag) Type() string { return "ratio" }

func (n *sizeFlag) String() string {
	if *n < 0 {
		return off
	}
	return strconv.FormatInt(int64(*n), 10)
}

func (n *sizeFlag) Set(s string) error {
	if s == off {
		*n = -1
		return nil
	}
	v, err := humanize.ParseBytes(s)
	if err != nil || v > math.MaxInt64 {
		return errors.New(`give a size as 100MB, 64MiB or 512 (bytes), or "off"`)
	}
	*n = sizeFlag(v)
	return nil
}

func (n *sizeFlag) Type() string { return "size" }

func (v *viaFlag) String() string { return string(*v) }

func (v *viaFlag) Set(s string) error {
	if s != string(source.ViaAPI) && s != string(source.ViaStore) {
		return errors.New(`give "api" or "store"`)
	}
	*v = viaFlag(s)
	return nil
}

func (v *viaFlag) Type() string { return "api|store" }
