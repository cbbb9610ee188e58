package analyze

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/peelhq/peel/internal/human"
)

// Off is the value that disables a setting.
const Off = "off"

// A Kind is a kind of setting values.
type Kind struct {
	Name string // of a single value: "size", "glob"
	Many bool   // a setting accepts several values, which accumulate
	Off  bool   // the value Off disables a setting

	// Comment is the comment lines, each ending with a newline, before the first setting of the
	// kind in a rules file; or "".
	Comment string
	// Schema is the JSON Schema (2020-12) of the setting's value in a rules file.
	Schema string
}

// A kind is a Kind of values of type T.
type kind[T any] struct {
	*Kind
	// read parses one value. have is the result of earlier values, for kinds that accept several.
	read func(have T, text string) (T, error)
	// show formats a value for people.
	show func(T) string
}

// one returns the read function for kinds that accept a single value.
func one[T any](parse func(string) (T, error)) func(T, string) (T, error) {
	return func(_ T, text string) (T, error) { return parse(text) }
}

// The kinds of values.
var (
	ratioKind = kind[float64]{&Kind{
		Name: "ratio", Off: true,
		Schema: `{
      "description": "A share: 0.95, 95%, or off.",
      "oneOf": [
        { "type": "number", "minimum": 0, "maximum": 1 },
        { "type": "string", "pattern": "^(off|0*(0|1)?\\.0+|0*1\\.?|0+\\.?|0*\\.[0-9]+|0*(100(\\.0*)?|[0-9]{1,2}(\\.[0-9]*)?|\\.[0-9]+) *%)$" }
      ]
    }`,
	}, one(parseShare), human.Percent}

	sizeKind = kind[int64]{&Kind{
		Name: "size", Off: true,
		Schema: `{
      "description": "Bytes: 100MB, 64MiB, 512, or off.",
      "oneOf": [
        { "type": "integer", "minimum": 0, "maximum": 9223372036854775807 },
        { "type": "string", "pattern": "^(off|([0-9]+(\\.[0-9]*)?|\\.[0-9]+) *([bB]|[kKmMgGtTpPeE]([iI]?[bB]?))?)$" }
      ]
    }`,
	}, one(parseAmount), human.Size}

	countKind = kind[int64]{&Kind{
		Name: "count", Off: true,
		Schema: `{
      "description": "A number, or off.",
      "oneOf": [
        { "type": "integer", "minimum": 0, "maximum": 9223372036854775807 },
        { "type": "string", "pattern": "^(off|[0-9]+)$" }
      ]
    }`,
	}, one(parseCount), human.Comma[int64]}

	growthKind = kind[GrowthLimit]{&Kind{
		Name: "growth", Off: true,
		Schema: `{
      "description": "Bytes, or a share of the baseline's bytes: 20MB, 5%, or off.",
      "oneOf": [
        { "type": "integer", "minimum": 0, "maximum": 9223372036854775807 },
        { "type": "string", "pattern": "^(off|([0-9]+(\\.[0-9]*)?|\\.[0-9]+) *(%|[bB]|[kKmMgGtTpPeE]([iI]?[bB]?))?)$" }
      ]
    }`,
	}, one(parseGrowthLimit), GrowthLimit.text}

	globsKind = kind[Globs]{&Kind{
		Name: "glob", Many: true, Off: true,
		Comment: `# Globs: "*.pem" and ".git" at any depth, "/srv/*.key" from the root on, "**" for
# any number of directories, and everything below; "!/etc/ssl" is an exception.
`,
		Schema: `{
      "description": "Paths in the image, and everything below them: *.pem and .git at any depth, /srv/*.key from the root, ! for an exception; or off.",
      "oneOf": [
        { "type": "string", "minLength": 1, "maxLength": 1024 },
        { "type": "array", "minItems": 1, "items": { "type": "string", "minLength": 1, "maxLength": 1024, "not": { "const": "off" } } }
      ]
    }`,
	}, addGlob, func(gs Globs) string { return human.Count(len(gs), "glob", "globs") }}

	switchKind = kind[onOff]{&Kind{
		Name: "switch", Off: true,
		Schema: `{
      "description": "on or off.",
      "enum": ["on", "off"]
    }`,
	}, one(parseSwitch), onOff.String}

	labelsKind = kind[[]LabelWant]{&Kind{
		Name: "label", Many: true, Off: true,
		Comment: `# Labels: NAME, or NAME=GLOB, where * and ? in the glob stand for anything.
`,
		Schema: `{
      "description": "Labels that the image must have: NAME, or NAME=GLOB to check the value too, where * and ? match anything; or off.",
      "oneOf": [
        { "type": "string", "minLength": 1, "maxLength": 1024 },
        { "type": "array", "minItems": 1, "items": { "type": "string", "minLength": 1, "maxLength": 1024, "not": { "const": "off" } } }
      ]
    }`,
	}, addLabel, func(wants []LabelWant) string { return human.Count(len(wants), "label", "labels") }}

	packagesKind = kind[[]PackageWant]{&Kind{
		Name: "package", Many: true, Off: true,
		Comment: `# Packages: NAME, NAME@VERSION, TYPE:NAME, where * and ? stand for anything.
`,
		Schema: `{
      "description": "Packages: NAME, NAME@VERSION or TYPE:NAME, where * and ? match anything; or off.",
      "oneOf": [
        { "type": "string", "minLength": 1, "maxLength": 1024 },
        { "type": "array", "minItems": 1, "items": { "type": "string", "minLength": 1, "maxLength": 1024, "not": { "const": "off" } } }
      ]
    }`,
	}, addPackageWant, func(wants []PackageWant) string { return human.Count(len(wants), "package", "packages") }}

	scopeKind = kind[string]{&Kind{
		Name: "scope",
		Schema: `{
      "description": "own: the layers above the base image; image: all layers.",
      "enum": ["own", "image"]
    }`,
	}, one(parseScope), func(text string) string { return text }}

	layersKind = kind[string]{&Kind{
		Name: "layers",
		Schema: `{
      "description": "The number of layers, a digest, or an image.",
      "oneOf": [
        { "type": "integer", "minimum": 0 },
        { "type": "string", "pattern": "\\S" }
      ]
    }`,
	}, one(func(text string) (string, error) { return text, nil }), func(text string) string { return text }}
)

// onOff is the value of a rule without a limit.
type onOff bool

func (o onOff) String() string { return pick(bool(o), "on", Off) }

// parseSwitch parses the only value other than Off.
func parseSwitch(s string) (onOff, error) {
	if s != "on" {
		return false, errors.New(`give "on" or "off"`)
	}
	return true, nil
}

// The scopes of efficiency.
const (
	scopeOwn   = "own"
	scopeImage = "image"
)

// parseScope parses a scope.
func parseScope(s string) (string, error) {
	if s != scopeOwn && s != scopeImage {
		return "", errors.New(`give "own" or "image"`)
	}
	return s, nil
}

// parseShare parses a share: "0.95" or "95%".
func parseShare(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	v, err := parseDecimal(number)
	if percent {
		v /= 100
	}
	if err != nil || v > 1 {
		return 0, errors.New(`give a share as 0.95 or 95%, or "off"`)
	}
	return v, nil
}

// parseDecimal parses a non-negative decimal number of digits and a point, without sign, exponent
// or words such as NaN.
func parseDecimal(s string) (float64, error) {
	s = strings.TrimSpace(s)
	if strings.Trim(s, "0123456789.") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(s, 64)
}

// parseAmount parses a number of bytes: "100MB", "64 MiB", "512".
func parseAmount(s string) (int64, error) {
	v, err := humanize.ParseBytes(s)
	// The library treats a comma as a thousands separator: "1,5 GB" would be 15 GB.
	if err != nil || v > math.MaxInt64 || strings.Contains(s, ",") {
		return 0, errors.New(`give a size as 100MB, 64MiB or 512 (bytes), or "off"`)
	}
	return int64(v), nil
}

// parseCount parses a count: "20".
func parseCount(s string) (int64, error) {
	v, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, errors.New(`give a number as 20, or "off"`)
	}
	return int64(v), nil
}

// A GrowthLimit is the maximum growth of an image's stored bytes over its baseline: in bytes, or
// as a share of the baseline's.
type GrowthLimit struct {
	Bytes int64   // -1 for a share
	Share float64 // 0.05 is 5 %
}

// text formats the limit for people.
func (g GrowthLimit) text() string {
	if g.Bytes < 0 {
		return human.Percent(g.Share)
	}
	return human.Size(g.Bytes)
}

// parseGrowthLimit parses a growth limit: "20MB" or "5%". It rejects a bare fraction, which could
// mean either.
func parseGrowthLimit(s string) (GrowthLimit, error) {
	if number, ok := strings.CutSuffix(s, "%"); ok {
		if v, err := parseDecimal(number); err == nil {
			return GrowthLimit{Bytes: -1, Share: v / 100}, nil
		}
	} else if bytes, err := parseAmount(s); err == nil && (bytes > 0 || s == "0") {
		return GrowthLimit{Bytes: bytes}, nil
	}
	return GrowthLimit{}, errors.New(`give a size as 20MB or a share of the baseline as 5%, or "off"`)
}
