package analyze

import (
	"fmt"
	"math"

	"github.com/peelhq/peel/internal/human"
)

// sizeVerdict holds a number of bytes against the most that there may be.
func sizeVerdict(most, bytes int64, what, title string) verdict {
	v := verdict{failed: bytes > most, title: title, bytes: bytes}
	v.value, v.limit = sizes(bytes, most)
	v.say(what, "more than", "at most")
	return v
}

// countVerdict does so with a number of something else.
func countVerdict(most, n int64, what, title string) verdict {
	v := verdict{failed: n > most, title: title}
	v.value, v.limit = human.Comma(n), human.Comma(most)
	v.say(what, "more than", "at most")
	return v
}

// say makes the verdict's sentence: "waste is 5 MB, more than 4 MB".
func (v *verdict) say(what, failed, held string) {
	v.message = fmt.Sprintf("%s is %s, %s %s", what, v.value, pick(v.failed, failed, held), v.limit)
}

// minEfficiency wants a least share of the stored bytes to be visible.
func minEfficiency(c *checker, least float64) verdict {
	efficiency := 1.0
	if c.stored > 0 {
		efficiency = float64(c.stored-c.wasted) / float64(c.stored)
	}
	v := verdict{failed: efficiency < least, title: "Efficiency too low", bytes: c.wasted}
	v.value, v.limit = percents(efficiency, least)
	v.say("efficiency", "less than", "at least")
	if v.failed {
		v.advice = c.mendWaste(c.wasted-mayWaste(c.stored-c.wasted, least), -1)
	}
	return v
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
func maxWasted(c *checker, most int64) verdict {
	v := sizeVerdict(most, c.wasted, "waste", "Too many bytes wasted")
	if v.failed {
		v.advice = c.mendWaste(c.wasted-most, -1)
	}
	return v
}

// maxUserWasted wants a small share of what user layers store to be wasted.
func maxUserWasted(c *checker, most float64) verdict {
	ratio := 0.0
	if c.userStored > 0 {
		ratio = float64(c.userWasted) / float64(c.userStored)
	}
	v := verdict{failed: ratio > most, title: "Too large a share of the user layers wasted", bytes: c.userWasted}
	v.value, v.limit = percents(ratio, most)
	v.say("the share of user layers that is waste", "more than", "at most")
	if v.failed {
		v.advice = c.mendWaste(c.userWasted-mayWaste(c.userStored-c.userWasted, 1-most), c.a.Totals.BaseLayers)
	}
	return v
}

// mendWaste says how much waste has to go, and which layer hides most of what
// layers from base on carry.
func (c *checker) mendWaste(excess int64, base int) string {
	hides := map[int]int64{}
	worst := -1
	for _, w := range c.out.Waste.All() {
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
func maxSize(c *checker, most int64) verdict {
	size := c.a.Totals.Stored
	v := sizeVerdict(most, size, "the stored size", "Image too large")
	if v.failed {
		v.advice = c.mendSize(size - most)
	}
	return v
}

// maxCompressedSize wants few bytes in the layers' blobs.
func maxCompressedSize(c *checker, most int64) verdict {
	size := c.a.Totals.Compressed
	if size < 0 {
		return verdict{
			unknown: "not all layers are compressed here",
			try:     "Check the image as it is pushed: an OCI archive with compressed layers.",
		}
	}
	v := sizeVerdict(most, size, "the compressed size", "Compressed image too large")
	if v.failed {
		v.advice = c.mendSize(size - most)
	}
	return v
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
func maxLayers(c *checker, most int64) verdict {
	v := countVerdict(most, int64(c.a.Totals.Layers), "the number of layers", "Too many layers")
	v.advice = "Join steps that belong together, or copy the result into a last stage."
	return v
}

// maxLayerSize wants every layer to store few bytes: one finding a layer.
func maxLayerSize(c *checker, most int64) verdict {
	var v verdict
	var size int64
	if k := c.largest(); k >= 0 {
		size = c.a.Layers[k].Stored
		v.failed = size > most
		v.value, v.limit = sizes(size, most)
		v.message = fmt.Sprintf("the largest layer, layer %d, stores %s, %s %s", k, v.value, pick(v.failed, "more than", "at most"), v.limit)
	} else {
		v.value, v.limit = sizes(0, most)
		v.message = "there are no layers"
	}
	for k, l := range c.a.Layers {
		if l.Stored <= most {
			continue
		}
		value, most := sizes(l.Stored, most)
		advice := "Split the step, or keep what it makes out of the image."
		if l.Base {
			advice = "It belongs to the base image: choose a smaller one."
		}
		v.findings = append(v.findings, Finding{
			ID: c.stepID(k), Title: "Layer too large",
			Message: fmt.Sprintf("layer %d stores %s, more than %s", k, value, most),
			Advice:  advice, Layer: k, Bytes: l.Stored, Step: c.stepOf(k),
		})
	}
	return v
}

// maxFiles wants few files in the final union.
func maxFiles(c *checker, most int64) verdict {
	t := c.a.Tree
	n := int64(t.View(Spec{Mode: Union, At: t.LayerCount() - 1}).Files(Root))
	v := countVerdict(most, n, "the number of files", "Too many files")
	v.advice = "Leave out what is not needed to run: documentation, tests, caches, development packages."
	return v
}

// maxGrowth wants the image to store little more than its baseline.
func maxGrowth(c *checker, limit GrowthLimit) verdict {
	v := verdict{title: "Image has grown too much"}
	before := c.out.Growth.Before.Stored
	grown := c.a.Totals.Stored - before
	v.bytes = max(grown, 0)
	if limit.Bytes < 0 {
		ratio := 0.0
		switch {
		case before > 0:
			ratio = float64(grown) / float64(before)
		case grown > 0:
			ratio = math.Inf(1)
		}
		v.failed = ratio > limit.Share
		v.value, v.limit = percents(ratio, limit.Share)
	} else {
		v.failed = grown > limit.Bytes
		v.value, v.limit = sizes(grown, limit.Bytes)
	}
	v.say("growth of the stored size", "more than", "at most")
	if v.failed {
		v.advice = fmt.Sprintf("It stores %s where the baseline stored %s.", human.Size(c.a.Totals.Stored), human.Size(before))
	}
	return v
}
