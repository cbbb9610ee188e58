package analyze

import (
	"fmt"
	"math"

	"github.com/peelhq/peel/internal/human"
)

// sizeVerdict compares a number of bytes with a maximum.
func sizeVerdict(most, bytes int64, what, title string) verdict {
	v := verdict{failed: bytes > most, title: title, bytes: bytes, number: bytesOf(bytes)}
	v.value, v.limit = sizes(bytes, most)
	v.say(what, "more than", "at most")
	return v
}

// countVerdict does the same for other numbers.
func countVerdict(most, n int64, what, title string) verdict {
	v := verdict{failed: n > most, title: title, number: countOf(n)}
	v.value, v.limit = human.Comma(n), human.Comma(most)
	v.say(what, "more than", "at most")
	return v
}

// say sets the verdict's sentence: "waste is 5 MB, more than 4 MB".
func (v *verdict) say(what, failed, held string) {
	v.message = fmt.Sprintf("%s is %s, %s %s", what, v.value, pick(v.failed, failed, held), v.limit)
}

// minEfficiency limits the waste in own layers or, with the scope "image", in all layers.
func minEfficiency(c *checker, least float64) verdict {
	stored, wasted, above, what := c.userStored, c.userWasted, c.a.Totals.BaseLayers, "efficiency of own layers"
	if scopeSetting.in(c.rules) == scopeImage {
		stored, wasted, above, what = c.stored, c.wasted, 0, "efficiency of the image"
	} else if v, ok := c.withoutBase(); ok {
		return v
	}
	efficiency := 1.0
	if stored > 0 {
		efficiency = float64(stored-wasted) / float64(stored)
	}
	v := verdict{failed: efficiency < least, title: "Efficiency too low", bytes: wasted, number: ratioOf(efficiency)}
	v.value, v.limit = percents(efficiency, least)
	v.say(what, "less than", "at least")
	if v.failed {
		v.tooMuch(c, wasted-mayWaste(stored-wasted, least), wasted, above)
	}
	return v
}

// withoutBase is the verdict on own layers if the requested base was not found. It reports false
// if the base is known.
func (c *checker) withoutBase() (verdict, bool) {
	missing := c.a.Base.Missing
	if missing == "" {
		return verdict{}, false
	}
	return verdict{unknown: missing, try: "Name another with --base, or leave it out: peel then looks for the base."}, true
}

// mayWaste returns how many bytes may be wasted, given this many visible bytes, to reach an
// efficiency.
func mayWaste(visible int64, efficiency float64) int64 {
	if efficiency <= 0 {
		return math.MaxInt64
	}
	return max(int64(float64(visible)/efficiency)-visible, 0)
}

// maxWasted limits wasted bytes.
func maxWasted(c *checker, most int64) verdict {
	v := sizeVerdict(most, c.wasted, "waste", "Too many bytes wasted")
	if v.failed {
		v.tooMuch(c, c.wasted-most, c.wasted, 0)
	}
	return v
}

// maxUserWasted limits the wasted share of own layers.
func maxUserWasted(c *checker, most float64) verdict {
	ratio := 0.0
	if c.userStored > 0 {
		ratio = float64(c.userWasted) / float64(c.userStored)
	}
	v := verdict{failed: ratio > most, title: "Too large a share of own layers wasted", bytes: c.userWasted, number: ratioOf(ratio)}
	v.value, v.limit = percents(ratio, most)
	v.say("the share of own layers that is waste", "more than", "at most")
	if v.failed {
		v.tooMuch(c, c.userWasted-mayWaste(c.userStored-c.userWasted, 1-most), c.userWasted, c.a.Totals.BaseLayers)
	}
	return v
}

// tooMuch records how much of the waste in the layers from above on must go, and advises on it.
func (v *verdict) tooMuch(c *checker, by, waste int64, above int) {
	v.advice = c.adviseWaste(by, waste, above)
	if by = min(max(by, 1), waste); above == 0 {
		v.excess.all = by
	} else {
		v.excess.own = by
	}
}

// adviseWaste says how much of the waste in the layers from above on must go, and which layer
// hides most of it. It never names more than is hidden there.
func (c *checker) adviseWaste(excess, waste int64, above int) string {
	hides := map[int]int64{}
	worst := -1
	for _, w := range c.out.Waste.All() {
		if w.Layer < above {
			continue
		}
		hides[w.By] += w.Bytes
		if most := hides[worst]; worst < 0 || hides[w.By] > most || hides[w.By] == most && w.By < worst {
			worst = w.By
		}
	}
	advice := fmt.Sprintf("Of %s of waste, %s must go.", human.Size(waste), human.Size(max(excess, 1)))
	if excess >= waste {
		advice = fmt.Sprintf("All waste must go, %s.", human.Size(waste))
	}
	if worst < 0 {
		return advice
	}
	if hides[worst] >= waste {
		return advice + fmt.Sprintf(" All of it is hidden by %s.", c.layerName(worst))
	}
	return advice + fmt.Sprintf(" The largest part, %s, is hidden by %s.", human.Size(hides[worst]), c.layerName(worst))
}

// maxSize limits stored bytes.
func maxSize(c *checker, most int64) verdict {
	size := c.a.Totals.Stored
	v := sizeVerdict(most, size, "the stored size", "Image too large")
	if v.failed {
		v.advice = c.adviseSize(size - most)
	}
	return v
}

// maxCompressedSize limits the bytes of the layers' blobs.
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
		v.advice = c.adviseSize(size - most)
	}
	return v
}

// adviseSize says how much must go, and where most of it is.
func (c *checker) adviseSize(excess int64) string {
	advice := fmt.Sprintf("%s must go.", human.Size(excess))
	if k := c.largest(); k >= 0 {
		l := &c.a.Layers[k]
		advice += fmt.Sprintf(" The largest is %s: %s", c.layerName(k), human.Size(l.Stored))
		if l.Wasted > 0 {
			advice += fmt.Sprintf(", of which %s is wasted", human.Size(l.Wasted))
		}
		advice += "."
	}
	return advice
}

// largest returns the layer that stores most, or -1.
func (c *checker) largest() int {
	largest := -1
	for k, l := range c.a.Layers {
		if largest < 0 || l.Stored > c.a.Layers[largest].Stored {
			largest = k
		}
	}
	return largest
}

// maxLayers limits the number of layers.
func maxLayers(c *checker, most int64) verdict {
	v := countVerdict(most, int64(c.a.Totals.Layers), "the number of layers", "Too many layers")
	v.advice = "Join steps that belong together, or copy the result into a last stage."
	return v
}

// maxLayerSize limits the bytes of every layer: one finding per layer.
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
		v.message = "the image has no layers"
	}
	v.number = bytesOf(size)
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

// maxFiles limits the number of files in the final union.
func maxFiles(c *checker, most int64) verdict {
	t := c.a.Tree
	n := int64(t.View(Spec{Mode: Union, At: t.LayerCount() - 1}).Files(Root))
	v := countVerdict(most, n, "the number of files", "Too many files")
	v.advice = "Leave out what is not needed to run: documentation, tests, caches, development packages."
	return v
}

// noteDive reports dive's ratio for user layers if a limit was imported from dive: dive divides
// all wasted bytes, including those of the base image, by the bytes of the layers above the
// lowest. Source: wagoodman/dive, dive/image/image.go (Analyze) and ci/evaluator.go.
func (c *checker) noteDive() {
	s := SettingNamed("max-user-wasted")
	if !c.rules.OfDive || !c.rules.On(s) {
		return
	}
	var above int64
	for k, l := range c.a.Layers {
		if k > 0 {
			above += l.Stored
		}
	}
	share := func(wasted, stored int64) string {
		if stored == 0 {
			return "0 %"
		}
		return human.Percent(float64(wasted) / float64(stored))
	}
	t := &c.a.Totals
	c.out.Notes = append(c.out.Notes, fmt.Sprintf(
		"highestUserWastedPercent: dive divides all wasted bytes, the base image's too, by what the layers above the lowest store: %s of %s, %s; %s divides what own layers waste by what they store: %s of %s, %s",
		human.Size(t.Wasted), human.Size(above), share(t.Wasted, above), s.Name, human.Size(t.UserWasted), human.Size(t.UserStored), share(t.UserWasted, t.UserStored)))
}
