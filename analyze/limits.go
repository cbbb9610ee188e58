package analyze

import (
	"fmt"
	"math"

	"github.com/peelhq/peel/internal/human"
)

// The rules' names, in flags, files and findings.
const (
	ruleMinEfficiency     = "min-efficiency"
	ruleMaxWasted         = "max-wasted"
	ruleMaxUserWasted     = "max-user-wasted"
	ruleMaxSize           = "max-size"
	ruleMaxCompressedSize = "max-compressed-size"
	ruleMaxLayers         = "max-layers"
	ruleMaxLayerSize      = "max-layer-size"
	ruleMaxFiles          = "max-files"
	ruleMaxGrowth         = "max-growth"
	ruleForbid            = "forbid"
)

// sizeVerdict holds a number of bytes against the most that there may be.
func sizeVerdict(rule string, limit Limit[int64], bytes int64, what, title string) verdict {
	v := verdict{rule: rule, severity: limit.Severity, failed: bytes > limit.Value, title: title, bytes: bytes}
	v.value, v.limit = sizes(bytes, limit.Value)
	v.say(what, "more than", "at most")
	return v
}

// countVerdict does so with a number of something else.
func countVerdict(rule string, limit Limit[int64], n int64, what, title string) verdict {
	v := verdict{rule: rule, severity: limit.Severity, failed: n > limit.Value, title: title}
	v.value, v.limit = human.Comma(n), human.Comma(limit.Value)
	v.say(what, "more than", "at most")
	return v
}

// say makes the verdict's sentence: "waste is 5 MB, more than 4 MB".
func (v *verdict) say(what, failed, held string) {
	v.message = fmt.Sprintf("%s is %s, %s %s", what, v.value, pick(v.failed, failed, held), v.limit)
}

// minEfficiency wants a least share of the stored bytes to be visible.
func (c *checker) minEfficiency() {
	limit := c.rules.MinEfficiency
	if !limit.On {
		return
	}
	efficiency := 1.0
	if c.stored > 0 {
		efficiency = float64(c.stored-c.wasted) / float64(c.stored)
	}
	v := verdict{rule: ruleMinEfficiency, severity: limit.Severity, failed: efficiency < limit.Value, title: "Efficiency too low", bytes: c.wasted}
	v.value, v.limit = percents(efficiency, limit.Value)
	v.say("efficiency", "less than", "at least")
	if v.failed {
		v.advice = c.mendWaste(c.wasted-mayWaste(c.stored-c.wasted, limit.Value), -1)
	}
	c.addWaste(v, c.wasted)
}

// mayWaste returns how many bytes may be wasted beside so many visible ones if
// the efficiency is to be at least this.
func mayWaste(visible int64, efficiency float64) int64 {
	if efficiency <= 0 {
		return math.MaxInt64
	}
	return max(int64(float64(visible)/efficiency)-visible, 0)
}

// maxWasted wants few wasted bytes.
func (c *checker) maxWasted() {
	limit := c.rules.MaxWasted
	if !limit.On {
		return
	}
	v := sizeVerdict(ruleMaxWasted, limit, c.wasted, "waste", "Too many bytes wasted")
	if v.failed {
		v.advice = c.mendWaste(c.wasted-limit.Value, -1)
	}
	c.addWaste(v, c.wasted)
}

// maxUserWasted wants a small share of what user layers store to be wasted.
func (c *checker) maxUserWasted() {
	limit := c.rules.MaxUserWasted
	if !limit.On {
		return
	}
	ratio := 0.0
	if c.userStored > 0 {
		ratio = float64(c.userWasted) / float64(c.userStored)
	}
	v := verdict{rule: ruleMaxUserWasted, severity: limit.Severity, failed: ratio > limit.Value, title: "Too large a share of the user layers wasted", bytes: c.userWasted}
	v.value, v.limit = percents(ratio, limit.Value)
	v.say("the share of user layers that is waste", "more than", "at most")
	if v.failed {
		v.advice = c.mendWaste(c.userWasted-mayWaste(c.userStored-c.userWasted, 1-limit.Value), c.a.Totals.BaseLayers)
	}
	c.addWaste(v, c.userWasted)
}

// addWaste adds the verdict on an amount of waste, which the floor may lift.
func (c *checker) addWaste(v verdict, wasted int64) {
	if v.failed && wasted < c.rules.MinWasted {
		v.failed = false
		amount, floor := sizes(wasted, c.rules.MinWasted)
		why := fmt.Sprintf("the waste, %s, is below the floor of %s", amount, floor)
		v.message += ", but " + why
		c.out.Notes = append(c.out.Notes, v.rule+" does not fail: "+why)
	}
	c.add(v)
}

// mendWaste says how much waste has to go, and which layer hides most of what
// layers from base on carry.
func (c *checker) mendWaste(excess int64, base int) string {
	hides := map[int]int64{}
	worst := -1
	for _, w := range c.out.Waste {
		if w.Layer < base {
			continue
		}
		hides[w.By] += w.Bytes
		if most := hides[worst]; worst < 0 || hides[w.By] > most || hides[w.By] == most && w.By < worst {
			worst = w.By
		}
	}
	advice := fmt.Sprintf("%s of the waste must go.", human.Size(max(excess, 1)))
	if worst >= 0 {
		advice += fmt.Sprintf(" Most, %s, is hidden by %s.", human.Size(hides[worst]), c.layerName(worst))
	}
	return advice
}

// maxSize wants few stored bytes.
func (c *checker) maxSize() {
	limit := c.rules.MaxSize
	if !limit.On {
		return
	}
	size := c.a.Totals.Stored
	v := sizeVerdict(ruleMaxSize, limit, size, "the stored size", "Image too large")
	if v.failed {
		v.advice = c.mendSize(size - limit.Value)
	}
	c.add(v)
}

// maxCompressedSize wants few bytes in the layers' blobs.
func (c *checker) maxCompressedSize() {
	limit := c.rules.MaxCompressedSize
	if !limit.On {
		return
	}
	size := c.a.Totals.Compressed
	if size < 0 {
		c.add(verdict{
			rule: ruleMaxCompressedSize, severity: limit.Severity, limit: human.Size(limit.Value),
			unknown: "not all layers are compressed here",
			try:     "Check the image as it is pushed: an OCI archive with compressed layers.",
		})
		return
	}
	v := sizeVerdict(ruleMaxCompressedSize, limit, size, "the compressed size", "Compressed image too large")
	if v.failed {
		v.advice = c.mendSize(size - limit.Value)
	}
	c.add(v)
}

// mendSize says how much has to go, and where most of it is.
func (c *checker) mendSize(excess int64) string {
	advice := fmt.Sprintf("%s must go.", human.Size(excess))
	if k := c.largest(); k >= 0 {
		advice += fmt.Sprintf(" The largest is %s: %s, of which %s is wasted.", c.layerName(k), human.Size(c.a.Layers[k].Stored), human.Size(c.a.Layers[k].Wasted))
	}
	return advice
}

// largest returns the layer that stores most, -1 if there is none.
func (c *checker) largest() int {
	largest := -1
	for k, l := range c.a.Layers {
		if largest < 0 || l.Stored > c.a.Layers[largest].Stored {
			largest = k
		}
	}
	return largest
}

// maxLayers wants few layers.
func (c *checker) maxLayers() {
	limit := c.rules.MaxLayers
	if !limit.On {
		return
	}
	v := countVerdict(ruleMaxLayers, limit, int64(c.a.Totals.Layers), "the number of layers", "Too many layers")
	v.advice = "Join steps that belong together, or copy the result into a last stage."
	c.add(v)
}

// maxLayerSize wants every layer to store few bytes: one finding a layer.
func (c *checker) maxLayerSize() {
	limit := c.rules.MaxLayerSize
	if !limit.On {
		return
	}
	v := verdict{rule: ruleMaxLayerSize, severity: limit.Severity}
	var size int64
	if k := c.largest(); k >= 0 {
		size = c.a.Layers[k].Stored
		v.failed = size > limit.Value
		v.value, v.limit = sizes(size, limit.Value)
		v.message = fmt.Sprintf("the largest layer, layer %d, stores %s, %s %s", k, v.value, pick(v.failed, "more than", "at most"), v.limit)
	} else {
		v.value, v.limit = sizes(0, limit.Value)
		v.message = "there are no layers"
	}
	c.add(v)
	for k, l := range c.a.Layers {
		if l.Stored <= limit.Value {
			continue
		}
		value, most := sizes(l.Stored, limit.Value)
		advice := "Split the step, or keep what it makes out of the image."
		if l.Base {
			advice = "It belongs to the base image: choose a smaller one."
		}
		c.find(Finding{
			ID: ruleMaxLayerSize + "/" + c.stepID(k), Rule: ruleMaxLayerSize, Severity: limit.Severity, Title: "Layer too large",
			Message: fmt.Sprintf("layer %d stores %s, more than %s", k, value, most),
			Advice:  advice, Layer: k, Bytes: l.Stored, Step: c.stepOf(k),
		})
	}
}

// maxFiles wants few files in the final union.
func (c *checker) maxFiles() {
	limit := c.rules.MaxFiles
	if !limit.On {
		return
	}
	t := c.a.Tree
	n := int64(t.View(Spec{Mode: Union, At: t.LayerCount() - 1}).Files(Root))
	v := countVerdict(ruleMaxFiles, limit, n, "the number of files", "Too many files")
	v.advice = "Leave out what is not needed to run: documentation, tests, caches, development packages."
	c.add(v)
}

// maxGrowth wants the image to store little more than its baseline.
func (c *checker) maxGrowth() {
	limit := c.rules.MaxGrowth
	if !limit.On {
		return
	}
	v := verdict{rule: ruleMaxGrowth, severity: limit.Severity, title: "Image has grown too much"}
	v.limit = human.Size(limit.Value.Bytes)
	share := limit.Value.Bytes < 0
	if share {
		v.limit = human.Percent(limit.Value.Share)
	}
	if c.before == nil {
		v.unknown, v.try = "there is no baseline to compare with", "Name one with --baseline."
		c.add(v)
		return
	}
	grown := c.a.Totals.Stored - c.before.Stored
	v.bytes = max(grown, 0)
	if share {
		ratio := 0.0
		switch {
		case c.before.Stored > 0:
			ratio = float64(grown) / float64(c.before.Stored)
		case grown > 0:
			ratio = math.Inf(1)
		}
		v.failed = ratio > limit.Value.Share
		v.value, v.limit = percents(ratio, limit.Value.Share)
	} else {
		v.failed = grown > limit.Value.Bytes
		v.value, v.limit = sizes(grown, limit.Value.Bytes)
	}
	v.say("growth of the stored size", "more than", "at most")
	if v.failed {
		v.advice = fmt.Sprintf("It stores %s where the baseline stored %s.", human.Size(c.a.Totals.Stored), human.Size(c.before.Stored))
	}
	c.add(v)
}
