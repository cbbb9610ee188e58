package analyze

import (
	"fmt"
	"strconv"

	"github.com/dustin/go-humanize"
)

// Rules are what an image must keep to. A negative value turns a rule off.
type Rules struct {
	MinEfficiency float64 // 0 to 1
	MaxWasted     int64   // bytes
	MaxUserWasted float64 // 0 to 1
}

// A Finding is what a rule says of an image.
type Finding struct {
	Rule    string // "min-efficiency"
	Failed  bool
	Value   string // what the image has, for people: "63.6 %"
	Limit   string // what the rule asks for
	Message string // one sentence
}

// Check holds an image against rules: one finding for each rule that is on, in
// the order of their fields. Figures are compared exactly as they are, not as
// they are printed.
func Check(a *Analysis, r Rules) []Finding {
	var out []Finding
	add := func(rule string, failed bool, value, limit, what, relation string) {
		message := fmt.Sprintf("%s is %s, %s %s", what, value, relation, limit)
		out = append(out, Finding{Rule: rule, Failed: failed, Value: value, Limit: limit, Message: message})
	}
	if r.MinEfficiency >= 0 {
		failed := a.Totals.Efficiency < r.MinEfficiency
		add("min-efficiency", failed, percent(a.Totals.Efficiency), percent(r.MinEfficiency), "efficiency", pick(failed, "less than", "at least"))
	}
	if r.MaxWasted >= 0 {
		failed := a.Totals.Wasted > r.MaxWasted
		add("max-wasted", failed, bytesText(a.Totals.Wasted), bytesText(r.MaxWasted), "waste", pick(failed, "more than", "at most"))
	}
	if r.MaxUserWasted >= 0 {
		failed := a.Totals.UserWastedRatio > r.MaxUserWasted
		add("max-user-wasted", failed, percent(a.Totals.UserWastedRatio), percent(r.MaxUserWasted), "the share of user layers that is waste", pick(failed, "more than", "at most"))
	}
	return out
}

func pick(failed bool, yes, no string) string {
	if failed {
		return yes
	}
	return no
}

// percent prints a ratio, with as many digits as it takes for one that is less
// than the whole not to read as 100, and one that is more than nothing not as 0.
func percent(ratio float64) string {
	var s string
	for digits := 1; digits <= maxDigits; digits++ {
		s = strconv.FormatFloat(100*ratio, 'f', digits, 64)
		if number, _ := strconv.ParseFloat(s, 64); (number < 100 || ratio >= 1) && (number > 0 || ratio <= 0) {
			break
		}
	}
	return s + " %"
}

const maxDigits = 12

func bytesText(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }
