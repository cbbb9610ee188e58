package ui

import (
	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// An outlook has an image's current figures, and those that it would have.
type outlook struct {
	before, after analyze.PlanFigures
	known         bool // after is known
}

// A foreteller is a view with chosen changes to the image; the header then shows the resulting
// figures. It returns nil if nothing is chosen.
type foreteller interface{ outlook() *outlook }

// outlook returns the outlook of the view on the screen, or nil.
func (m *model) outlook() *outlook {
	if v, ok := m.views[m.view].(foreteller); ok {
		return v.outlook()
	}
	return nil
}

// outlookFacts returns the facts of the header with the figures that they would have, after the
// names. It omits figures that aren't known yet.
func outlookFacts(lk *look, names []fact, x *outlook) []fact {
	st := &lk.st
	then := func(before, after, what string, drop int) fact {
		spans := []span{{st.dim, before + " " + lk.sg.link + " "}}
		if x.known {
			spans = append(spans, span{st.strong, after})
		} else {
			spans = append(spans, span{st.dim, lk.sg.tail})
		}
		return fact{append(spans, span{st.dim, " " + what}), drop, nil}
	}
	b, a := x.before, x.after
	waste := then(human.Size(b.Wasted), human.Size(a.Wasted), "wasted", lastDrop)
	if x.known {
		waste.spans = append(waste.spans, span{st.waste, " (" + human.Percent(1-a.Efficiency) + ")"})
	}
	return append(names,
		then(human.Comma(int64(b.Layers)), human.Comma(int64(a.Layers)), plural("layer", a.Layers), 2),
		then(human.Size(b.Stored), human.Size(a.Stored), "stored", 0),
		then(human.Size(b.Visible), human.Size(a.Visible), "visible", 1),
		waste,
		then(human.Percent(b.Efficiency), human.Percent(a.Efficiency), "efficiency", 1),
	)
}
