package analyze

import (
	"fmt"
	"strconv"

	"github.com/peelhq/peel/internal/human"
)

// Rules are what an image must keep to. A negative value turns a rule off.
type Rules struct {
	MinEfficiency float64 // 0 to 1
	MaxWasted     int64   // bytes
	MaxUserWasted float64 // 0 to 1
}

// A Result is what one rule says of an image.
type Result struct {
	Rule     string // "min-efficiency"
	Severity Severity
	Failed   bool
	Value    string // what the image has, for people: "63.6 %"
	Limit    string // what the rule asks for
	Message  string // one sentence
}

// Check holds an image against rules: one result for each rule that is on, in
// the order of their fields. Figures are compared exactly as they are, not as
// they are printed.
func Check(a *Analysis, r Rules) []Result {
	var out []Result
	add := func(rule string, failed bool, value, limit, what, relation string) {
		message := fmt.Sprintf("%s is %s, %s %s", what, value, relation, limit)
		out = append(out, Result{Rule: rule, Severity: Error, Failed: failed, Value: value, Limit: limit, Message: message})
	}
	if r.MinEfficiency >= 0 {
		failed := a.Totals.Efficiency < r.MinEfficiency
		value, limit := percents(a.Totals.Efficiency, r.MinEfficiency)
		add("min-efficiency", failed, value, limit, "efficiency", pick(failed, "less than", "at least"))
	}
	if r.MaxWasted >= 0 {
		failed := a.Totals.Wasted > r.MaxWasted
		value, limit := sizes(a.Totals.Wasted, r.MaxWasted)
		add("max-wasted", failed, value, limit, "waste", pick(failed, "more than", "at most"))
	}
	if r.MaxUserWasted >= 0 {
		failed := a.Totals.UserWastedRatio > r.MaxUserWasted
		value, limit := percents(a.Totals.UserWastedRatio, r.MaxUserWasted)
		add("max-user-wasted", failed, value, limit, "the share of user layers that is waste", pick(failed, "more than", "at most"))
	}
	return out
}

// percents prints two ratios with so many digits that they differ if they do.
func percents(value, limit float64) (string, string) {
	v, l := human.Percent(value), human.Percent(limit)
	for digits := 2; v == l && value != limit && digits < maxDigits; digits++ {
		v = strconv.FormatFloat(100*value, 'f', digits, 64) + " %"
		l = strconv.FormatFloat(100*limit, 'f', digits, 64) + " %"
	}
	return v, l
}

const maxDigits = 15

// sizes prints two sizes, to the byte if they would look the same and are not.
func sizes(value, limit int64) (string, string) {
	v, l := human.Size(value), human.Size(limit)
	if v == l && value != limit {
		return human.Comma(value) + " B", human.Comma(limit) + " B"
	}
	return v, l
}

func pick(failed bool, yes, no string) string {
	if failed {
		return yes
	}
	return no
}
