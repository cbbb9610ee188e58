package ui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
)

// A detailKey identifies what the lines about a finding were made for.
type detailKey struct {
	work    *fixWork
	row     int
	wide    int
	patched bool // the patch is among them
	chosen  bool
}

// patchShown is the maximum number of lines of a patch to show.
const patchShown = 2000

// describe makes the lines about the item under the cursor.
func (p *fix) describe(at rect) {
	_, fix := p.finding()
	key := detailKey{work: p.work, row: p.found.cursor, wide: at.w, patched: fix >= 0 && p.patches[fix] != ""}
	key.chosen = fix >= 0 && p.plan.chosen[fix]
	if key != p.shown {
		if key.row != p.shown.row {
			p.detail.top = 0
		}
		p.shown = key
		p.lines = p.lines[:0]
		if p.work != nil && p.found.cursor < len(p.rows) {
			p.about(p.rows[p.found.cursor])
		}
	}
	p.detail.resize(len(p.lines), at.h)
}

// about describes a finding, or a section.
func (p *fix) about(r fixRow) {
	st := &p.lk.st
	if r.finding < 0 {
		p.wrapped(st.text, sectionTexts[r.section].about)
		return
	}
	f, at := &p.work.findings[r.finding], p.work.fixOf[r.finding]
	p.wrapped(st.text, p.lk.line(f.Message))
	if at < 0 {
		p.wrapped(st.key, p.lk.line(f.Advice))
	} else {
		p.aboutFix(&p.work.fixes[at], f)
	}
	p.lines.gap()
	if f.Line != nil {
		p.wrapped(st.dim, p.lk.buildLines(f.Line))
	}
	if f.Layer >= 0 && f.Layer < len(p.commands) {
		head := fmt.Sprintf("layer %d: ", f.Layer)
		for i, line := range wrapWords(cut(p.commands[f.Layer], commandShown, p.lk.sg.tail), p.shown.wide-2-len(head)) {
			if i > 0 {
				head = strings.Repeat(" ", len(head))
			}
			p.lines.add(span{st.dim, head}, span{st.text, line})
		}
	}
	if at >= 0 {
		p.aboutPatch(p.patches[at])
	}
}

// aboutFix describes what the fix of a finding changes and how much that saves, or why it has
// no edit.
func (p *fix) aboutFix(x *analyze.Fix, f *analyze.Finding) {
	st := &p.lk.st
	p.wrapped(st.key, p.lk.line(x.Text()))
	saves := "Saves " + human.Size(x.Saves)
	if others := len(x.Findings) - 1; others > 0 {
		saves += ", with " + counted(others, "other finding") + " that the same change resolves"
	}
	if x.ID != f.ID && len(x.Edits) == 0 {
		saves += " in all"
	}
	p.wrapped(st.strong, saves+".")
	if x.Why == "" {
		return
	}
	why := "Not in a patch: " + p.lk.line(x.Why) + "."
	if p.work.a.Dockerfile == nil {
		if said := p.h.noDockerfile(); said != "" {
			why = "No patch. " + p.lk.line(said)
		}
	}
	p.wrapped(st.dim, why)
}

// aboutPatch shows the patch of a fix.
func (p *fix) aboutPatch(patch string) {
	if patch == "" {
		return
	}
	st := &p.lk.st
	p.lines.gap()
	n := 0
	for line := range strings.Lines(patch) {
		line = strings.TrimRight(line, "\r\n")
		tone := st.text
		switch {
		case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "@@"):
			tone = st.dim
		case strings.HasPrefix(line, "-"):
			tone = st.change[analyze.Removed]
		case strings.HasPrefix(line, "+"):
			tone = st.change[analyze.Added]
		}
		p.lines.add(span{tone, p.lk.text(strings.ReplaceAll(line[:min(len(line), commandShown)], "\t", "    "))})
		if n++; n == patchShown {
			p.lines.add(span{st.dim, p.lk.sg.tail})
			return
		}
	}
}

func (p *fix) wrapped(st style, text string) {
	if text == "" {
		return
	}
	for _, line := range wrapWords(text, p.shown.wide-2) {
		p.lines.add(span{st, line})
	}
}

// patchCmd makes the patch of the selected fix, unless it exists.
func (p *fix) patchCmd() tea.Cmd {
	f, at := p.finding()
	if f == nil || at < 0 || len(p.work.fixes[at].Edits) == 0 || p.grouped() != nil {
		return nil
	}
	if _, ok := p.patches[at]; ok {
		return nil
	}
	p.patches[at] = ""
	w, file, edits := p.work, p.work.a.Dockerfile, p.work.fixes[at].Edits
	form := p.patchForm()
	return func() tea.Msg {
		patch, err := patchOf(form, file, edits)
		if err != nil {
			patch = err.Error()
		}
		return patchedMsg{p, w, at, patch}
	}
}

// A patchForm makes the patch that turns a Dockerfile into text: see Actions.Patch.
type patchForm func(file *dockerfile.File, text []byte, want int) (string, error)

// patchForm returns the function that makes patches.
func (p *fix) patchForm() patchForm {
	if form := p.h.actions().Patch; form != nil {
		return form
	}
	return func(file *dockerfile.File, text []byte, want int) (string, error) {
		return file.Diff(file.Name(), text, want)
	}
}

// patchOf makes the patch of one fix.
func patchOf(form patchForm, file *dockerfile.File, edits []dockerfile.Edit) (string, error) {
	text, err := file.Edited(edits)
	if err != nil {
		return "", err
	}
	return form(file, text, 1)
}

// patchedMsg brings the patch of one fix.
type patchedMsg struct {
	p     *fix
	w     *fixWork
	fix   int
	patch string
}

func (msg patchedMsg) update() tea.Cmd { //nolint:unparam // like every pageMsg
	if msg.w == msg.p.work {
		msg.p.patches[msg.fix] = msg.patch
	}
	return nil
}
