package ui

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
)

// fixWork is the data of the fix view for an analysis. It is computed off the event loop and
// immutable.
type fixWork struct {
	a        *analyze.Analysis
	findings []analyze.Finding
	fixes    []analyze.Fix
	fixOf    []int // by finding: the fix that resolves it; -1 if there is none

	build  []buildRow
	steps  []buildStep
	stepOf []int // by layer; -1 if no row of build is about it
	digits int   // of the numbers of build's rows

	elsewhere int64 // bytes of layers that no row of build is about

	byFirst map[int]int // steps by their first row
}

// A buildRow is a line of the Dockerfile or, where none is known, a step of the image.
type buildRow struct {
	number int    // number of the line, from 1, or of the layer
	text   string // clean
	word   int    // bytes of text with an instruction's name
	remark bool   // it is a comment
	step   int    // step that it is a part of; -1 if that made no layer
}

// A buildStep is what made a layer, or the layers of the base image.
type buildStep struct {
	first, last    int // rows of build
	layer          int // the highest of them
	stored, wasted int64
}

// newFixWork computes what can be changed, and matches the Dockerfile's lines with the layers
// made by them. The error is ctx's.
func newFixWork(ctx context.Context, a *analyze.Analysis, t cleaner, commands []string) (*fixWork, error) {
	w := &fixWork{a: a, byFirst: map[int]int{}}
	var err error
	if w.findings, w.fixes, err = analyze.AdviseAndFix(ctx, a, analyze.AdviceOptions{}); err != nil {
		return nil, err
	}
	byID := map[string]int{}
	for i := range w.fixes {
		for k := range w.fixes[i].Findings {
			byID[w.fixes[i].Findings[k].ID] = i
		}
	}
	w.fixOf = make([]int, len(w.findings))
	for i := range w.findings {
		at, ok := byID[w.findings[i].ID]
		if !ok {
			at = -1
		}
		w.fixOf[i] = at
	}
	w.stepOf = slices.Repeat([]int{-1}, len(a.Layers))
	if a.Dockerfile != nil {
		w.readFile(t)
	} else {
		for k := range a.Layers {
			w.addStep(k, k, k)
			w.build = append(w.build, buildRow{number: k, text: commands[k], word: wordOf(commands[k]), step: k})
		}
	}
	if n := len(w.build); n > 0 {
		w.digits = len(strconv.Itoa(w.build[n-1].number))
	}
	return w, ctx.Err()
}

// addStep records that rows made a layer. An existing step also gets the layer.
func (w *fixWork) addStep(first, last, layer int) {
	t := &w.a.Layers[layer]
	at, ok := w.byFirst[first]
	if !ok {
		at = len(w.steps)
		w.steps = append(w.steps, buildStep{first: first, last: last})
		w.byFirst[first] = at
	}
	s := &w.steps[at]
	s.layer = layer
	s.stored += t.Stored
	s.wasted += t.Wasted
	w.stepOf[layer] = at
}

// readFile makes rows of the Dockerfile's lines. The layers of the base image belong to the FROM
// that names it; other layers whose step is unknown belong to no row.
func (w *fixWork) readFile(t cleaner) {
	d := w.a.Dockerfile
	lines := dockerfile.Lines(w.a.Image, d)
	text := strings.Split(string(bytes.TrimPrefix(d.Text(), []byte("\xef\xbb\xbf"))), "\n")
	if n := len(text); n > 1 && text[n-1] == "" {
		text = text[:n-1]
	}
	known := slices.IndexFunc(lines, func(l *dockerfile.Line) bool { return l != nil })
	for k, l := range lines {
		switch {
		case l != nil && l.First >= 1 && l.Last <= len(text):
			w.addStep(l.First-1, max(l.Last, l.First)-1, k)
		case l == nil && (known < 0 || k < known) && (w.a.Layers[k].Base || known >= 0):
			w.addStep(d.BaseLine()-1, d.BaseLine()-1, k)
		}
	}
	for k, s := range w.stepOf {
		if s < 0 {
			w.elsewhere += w.a.Layers[k].Stored
		}
	}
	of := map[int]int{} // steps by row
	for i, s := range w.steps {
		for row := s.first; row <= s.last; row++ {
			of[row] = i
		}
	}
	goes := false // the previous line's instruction continues
	for i, line := range text {
		line = strings.TrimRight(line, "\r")
		row := buildRow{number: i + 1, text: t.text(strings.ReplaceAll(line[:min(len(line), commandShown)], "\t", "    ")), step: -1}
		if s, ok := of[i]; ok {
			row.step = s
		}
		bare := strings.TrimSpace(line)
		inside := row.step >= 0 && i > w.steps[row.step].first // also in a here-document
		switch {
		case strings.HasPrefix(bare, "#") && (!inside || goes):
			row.remark = true // and the instruction continues after it
		case !goes && !inside:
			row.word = wordOf(row.text)
			fallthrough
		default:
			goes = strings.HasSuffix(bare, `\`) || strings.HasSuffix(bare, "`")
		}
		w.build = append(w.build, row)
	}
}

// instructions are the instructions of a Dockerfile. Source: the Dockerfile reference.
var instructions = []string{
	"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "RUN",
	"SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}

// wordOf returns how many bytes at the beginning of a line are an instruction's name, with the
// blanks before it.
func wordOf(line string) int {
	from := len(line) - len(strings.TrimLeft(line, " "))
	word, _, _ := strings.Cut(line[from:], " ")
	if !slices.Contains(instructions, strings.ToUpper(word)) {
		return 0
	}
	return from + len(word)
}

// pending computes what is needed once the view is on the screen: the findings, then the patch of
// the selected fix.
func (p *fix) pending() tea.Cmd {
	if p.begun != p.a && p.a.Whole() {
		return tea.Batch(p.workCmd(), p.h.after(keysWait, lateMsg{p}))
	}
	return p.patchCmd()
}

// keysWait is how long keys wait for the findings. Large images take longer; the user can go
// elsewhere meanwhile.
const keysWait = 300 * time.Millisecond

// waits reports whether keys must wait for the findings.
func (p *fix) waits() bool {
	return p.work == nil && p.begun != nil && !p.late && p.grouped() == nil
}

// lateMsg says that keys have waited long enough.
type lateMsg struct{ p *fix }

func (msg lateMsg) update() tea.Cmd { //nolint:unparam // like every pageMsg
	msg.p.late = true
	return nil
}

// workCmd computes what to change in the image on the screen.
func (p *fix) workCmd() tea.Cmd {
	if p.halt != nil {
		p.halt()
	}
	var ctx context.Context
	ctx, p.halt = context.WithCancel(p.h.context())
	p.begun = p.a
	a, t, commands := p.a, p.lk.cleaner, p.commands
	return func() tea.Msg {
		w, err := newFixWork(ctx, a, t, commands)
		switch {
		case ctx.Err() != nil:
			return nil // another analysis has come, or the image has been left
		case err != nil:
			return workedMsg{p, &fixWork{a: a, stepOf: slices.Repeat([]int{-1}, len(a.Layers))}, err}
		}
		return workedMsg{p, w, nil}
	}
}

// workedMsg brings the findings, or an error.
type workedMsg struct {
	p   *fix
	w   *fixWork
	err error
}

func (msg workedMsg) update() tea.Cmd {
	if msg.w.a != msg.p.begun {
		return nil
	}
	cmd := msg.p.install(msg.w)
	if msg.err != nil {
		cmd = msg.p.h.fail(msg.err)
	}
	return cmd
}

// install shows the findings. The choice and the selection stay the same, by ID.
func (p *fix) install(w *fixWork) tea.Cmd {
	chosen, at := map[string]bool{}, ""
	if old := p.work; old != nil {
		for i, on := range p.plan.chosen {
			chosen[old.fixes[i].ID] = on
		}
		if f, _ := p.finding(); f != nil {
			at = f.ID
		}
	}
	p.work, p.patches, p.shown = w, map[int]string{}, detailKey{}
	p.plan.reset(len(w.fixes))
	some := false
	for i := range w.fixes {
		p.plan.chosen[i] = chosen[w.fixes[i].ID]
		some = some || p.plan.chosen[i]
	}
	p.fill()
	p.found.resize(len(p.rows), p.found.page)
	p.found.to(p.rowOf(at))
	if some {
		return p.planCmd()
	}
	return nil
}
