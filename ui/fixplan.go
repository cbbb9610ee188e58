package ui

import (
	"context"
	"errors"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// A fixPlan is the set of chosen fixes, and the resulting image.
type fixPlan struct {
	chosen []bool // by fix
	last   []int  // fixes that the last key chose
	all    bool   // the choice is the one that peel fix makes by itself
	seq    int    // of the newest choice
	stop   context.CancelFunc

	// proposal has the figures for the chosen fixes; nil while they are computed, or if nothing is
	// chosen.
	proposal *analyze.Proposal
	touched  map[int]bool // rows of the Dockerfile that its edits change
}

// reset forgets the choice: there are n other fixes now.
func (l *fixPlan) reset(n int) {
	l.chosen, l.last, l.all = make([]bool, n), nil, false
	l.drop()
}

// drop forgets the figures, and stops their computation.
func (l *fixPlan) drop() {
	if l.stop != nil {
		l.stop()
	}
	l.stop, l.proposal, l.touched = nil, nil, nil
	l.seq++
}

// count returns how many fixes are chosen.
func (l *fixPlan) count() int {
	n := 0
	for _, on := range l.chosen {
		if on {
			n++
		}
	}
	return n
}

// chose chooses fixes or, if all of them are already chosen, unchooses them.
func (p *fix) chose(fixes []int) tea.Cmd {
	off := !slices.ContainsFunc(fixes, func(i int) bool { return !p.plan.chosen[i] })
	p.plan.last, p.plan.all = nil, false
	for _, i := range fixes {
		if p.plan.chosen[i] == off && !off {
			p.plan.last = append(p.plan.last, i)
		}
		p.plan.chosen[i] = !off
	}
	return p.planCmd()
}

// choose chooses or unchooses the fix of the finding under the cursor, or all fixes of the line
// under the cursor.
func (p *fix) choose() tea.Cmd {
	if p.focus == buildPane {
		return p.chooseStep()
	}
	switch f, at := p.finding(); {
	case f == nil:
		return p.h.say("this is not a finding: choose one below")
	case at < 0:
		return p.h.say("no fix to choose: " + unfixed(f, p.rows[p.found.cursor].section))
	default:
		return p.chose([]int{at})
	}
}

// chooseStep chooses the fixes of the step under the cursor of the Dockerfile.
func (p *fix) chooseStep() tea.Cmd {
	s := p.step()
	var fixes []int
	if s >= 0 {
		for _, r := range p.rows {
			if r.step == s && r.finding >= 0 && p.work.fixOf[r.finding] >= 0 {
				fixes = append(fixes, p.work.fixOf[r.finding])
			}
		}
	}
	if len(fixes) == 0 {
		return p.h.say("no fix is listed for this line")
	}
	slices.Sort(fixes)
	return p.chose(slices.Compact(fixes))
}

// unfixed says why a finding of a section has no fix.
func unfixed(f *analyze.Finding, s fixSection) string {
	switch {
	case s == baseSection:
		return "only another base image helps"
	case f.Rule == analyze.RuleSecret:
		return "replace the secret: the image shipped it"
	}
	return "its text says what you can do"
}

// chooseAll chooses what peel fix chooses by default, or unchooses everything.
func (p *fix) chooseAll() tea.Cmd {
	if p.plan.all {
		p.plan.all = false
		clear(p.plan.chosen)
		return p.planCmd()
	}
	able := slices.ContainsFunc(p.work.fixes, func(f analyze.Fix) bool { return len(f.Edits) > 0 && !f.Small })
	if !able {
		return p.h.say("peel can make none of the fixes by an edit: " + p.h.keys().chooseFix.first() + " chooses one by hand, for the figures")
	}
	p.plan.last, p.plan.all = nil, true
	return p.propose(analyze.Wish{NoTotals: true})
}

// planCmd computes the figures of the chosen fixes. It stops an earlier computation.
func (p *fix) planCmd() tea.Cmd {
	wish := analyze.Wish{NoTotals: true}
	for i, on := range p.plan.chosen {
		if on {
			wish.Fixes = append(wish.Fixes, p.work.fixes[i].ID)
		}
	}
	if len(wish.Fixes) == 0 {
		p.plan.drop()
		return nil
	}
	return p.propose(wish)
}

func (p *fix) propose(wish analyze.Wish) tea.Cmd {
	p.plan.drop()
	var ctx context.Context
	ctx, p.plan.stop = context.WithCancel(p.h.context())
	w, seq := p.work, p.plan.seq
	return func() tea.Msg {
		proposal, err := analyze.Propose(ctx, w.a, w.fixes, w.a.Dockerfile, wish)
		return plannedMsg{p, seq, proposal, err}
	}
}

// plannedMsg brings the figures of a choice, or says why the choice is impossible.
type plannedMsg struct {
	p        *fix
	seq      int
	proposal *analyze.Proposal
	err      error
}

func (msg plannedMsg) update() tea.Cmd {
	p := msg.p
	switch {
	case msg.seq != p.plan.seq || errors.Is(msg.err, context.Canceled):
		return nil
	case msg.err != nil:
		for _, i := range p.plan.last {
			p.plan.chosen[i] = false
		}
		if len(p.plan.last) == 0 { // the last choice isn't the cause
			clear(p.plan.chosen)
		}
		p.plan.last = nil
		return tea.Batch(p.h.fail(msg.err), p.planCmd())
	}
	p.plan.proposal, p.plan.touched = msg.proposal, p.work.touched(msg.proposal)
	for i := range msg.proposal.Fixes {
		p.plan.chosen[i] = msg.proposal.Fixes[i].Chosen
	}
	return nil
}

// touched returns the rows of the Dockerfile that the edits of chosen fixes change.
func (w *fixWork) touched(x *analyze.Proposal) map[int]bool {
	rows := map[int]bool{}
	for i := range x.Fixes {
		if !x.Fixes[i].Chosen {
			continue
		}
		for _, e := range x.Fixes[i].Edits {
			last := max(e.Line, e.Until) - 1
			if s, ok := w.byFirst[last]; ok {
				last = w.steps[s].last
			}
			for row := e.Line - 1; row <= last; row++ {
				if row < len(w.build) && w.build[row].step >= 0 {
					rows[row] = true
				}
			}
		}
	}
	return rows
}

// outlook returns the figures with the chosen fixes; nil if none is chosen.
func (p *fix) outlook() *outlook {
	switch l := &p.plan; {
	case l.proposal != nil:
		return &outlook{l.proposal.Before, l.proposal.After, true}
	case l.count() > 0:
		return &outlook{before: analyze.FiguresOf(p.work.a)}
	}
	return nil
}
