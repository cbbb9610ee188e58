package analyze

import (
	"fmt"
	"math"
)

// maxGrowth limits the growth of the image over its baseline.
func maxGrowth(c *checker, limit GrowthLimit) verdict {
	return grown(limit, c.out.Growth.Before.Stored, c.a.Totals.Stored, growthWords{"growth of the stored size", "Image has grown too much", "stores", "stored"})
}

// maxWastedGrowth limits the growth of waste over the baseline. Ignored waste counts too, because
// a baseline can't exclude it.
func maxWastedGrowth(c *checker, limit GrowthLimit) verdict {
	return grown(limit, c.out.Growth.Before.Wasted, c.a.Totals.Wasted, growthWords{"growth of the wasted bytes", "Waste has grown too much", "wastes", "wasted"})
}

// growthWords are the words of a verdict about growth: the figure, its title, and the verbs for
// the image and its baseline.
type growthWords struct{ what, title, now, then string }

// grown compares growth in bytes with its limit.
func grown(limit GrowthLimit, before, after int64, words growthWords) verdict {
	v := verdict{title: words.title}
	by := after - before
	v.bytes = max(by, 0)
	if limit.Bytes < 0 {
		ratio := 0.0
		switch {
		case before > 0:
			ratio = float64(by) / float64(before)
		case by > 0:
			ratio = math.Inf(1)
		}
		v.failed, v.number = ratio > limit.Share, ratioOf(ratio)
		v.value, v.limit = percents(ratio, limit.Share)
	} else {
		v.failed, v.number = by > limit.Bytes, bytesOf(by)
		v.value, v.limit = sizes(by, limit.Bytes)
	}
	v.say(words.what, "more than", "at most")
	if v.failed {
		now, then := sizes(after, before)
		v.advice = fmt.Sprintf("It %s %s where the baseline %s %s.", words.now, now, words.then, then)
	}
	return v
}
