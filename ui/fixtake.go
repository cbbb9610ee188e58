package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// goTo shows the files of a finding, or the content of a step's layer.
func (p *fix) goTo() tea.Cmd {
	if p.focus == buildPane {
		s := p.step()
		if s < 0 {
			return p.h.say("this line makes no layer")
		}
		return p.h.jumpToLayer(p.work.steps[s].layer)
	}
	f, _ := p.finding()
	if f == nil {
		return p.h.say("this is not a finding: its text describes the rows below it")
	}
	return showFiles(p.h, f)
}

// showFiles shows only a finding's files. For waste, they have a version that the finding's layer
// hides for its cause. For visible bytes, they are the files of its layer that the final image
// shows. Otherwise they are the files at its path.
func showFiles(h host, f *analyze.Finding) tea.Cmd {
	a := h.analysis()
	n, ok := a.Tree.Lookup(f.Path)
	if !ok || f.Path == "" || f.Layer < 0 {
		return h.say("this is not about files of one folder: its text says what it is about")
	}
	text, from, mode := filterText(f.Path), f.Layer-1, analyze.Everything
	for c := range causeTexts {
		if f.Rule == analyze.RuleWaste && strings.HasPrefix(f.ID, analyze.RuleWaste+"/"+c.String()+"/") {
			text += " cause:" + c.String() + " !type:dir"
			if mode = analyze.Range; f.Layer == 0 || c == analyze.Duplicate {
				mode = analyze.Alone
			}
		}
	}
	layer := f.Layer
	if f.Rule == analyze.RuleVisible { // files of that layer that the final image shows
		text += fmt.Sprintf(" layer:%d !type:dir", f.Layer)
		layer, mode = max(len(a.Layers)-1, 0), analyze.Union
	}
	filter, err := analyze.ParseFilter(text)
	if err != nil {
		return h.fail(err)
	}
	return h.jumpTo(n, max(from, 0), layer, mode, filter)
}

// filterText writes a path as a term of a filter.
func filterText(path string) string {
	var b strings.Builder
	for _, c := range []byte(path) {
		if strings.IndexByte("*?[]{} \\\"", c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// version returns what a finding's layer has at its path. If there is none, why says so.
func (p *fix) version() (v analyze.Version, why string) {
	f, _ := p.finding()
	if f == nil || p.focus == buildPane {
		return v, "this is not a file: " + p.h.keys().toggle.first() + " goes to files"
	}
	t := p.h.analysis().Tree
	n, ok := t.Lookup(f.Path)
	if !ok || f.Path == "" || f.Layer < 0 {
		return v, "this is not about a single path"
	}
	for _, v := range slices.Backward(t.Versions(n)) {
		if v.Layer() <= f.Layer && v.Change() != analyze.Removed {
			return v, ""
		}
	}
	return v, "no layer up to that one has the path"
}

// view opens a page on the version that a finding is about, or says why there is none.
func (p *fix) view() tea.Cmd {
	v, why := p.version()
	if why != "" {
		return p.h.say(why)
	}
	return viewVersion(p.h, v)
}

// askExtract asks for a directory, and writes the version that a finding is about there.
func (p *fix) askExtract() tea.Cmd {
	v, why := p.version()
	if why != "" {
		return p.h.say(why)
	}
	return askExtract(p.h, Extraction{Taken: []Taken{{Node: v.Node(), Layer: v.Layer(), Alone: true}}}, p.layout.area.w)
}

// copy copies the patch of the fix under the cursor or, without a patch, the advice; in the
// Dockerfile's pane, the line.
func (p *fix) copy() tea.Cmd {
	if p.focus == buildPane {
		if p.build.cursor >= len(p.work.build) {
			return nil
		}
		return copyText(p.h, p.work.build[p.build.cursor].text, "line")
	}
	f, at := p.finding()
	switch {
	case f == nil:
		return p.h.say("this is not a finding: nothing to copy")
	case at < 0:
		return copyText(p.h, p.lk.line(f.Advice), "advice")
	case len(p.work.fixes[at].Edits) == 0:
		return copyText(p.h, p.lk.line(p.work.fixes[at].Text()), "change")
	}
	form, file, edits := p.patchForm(), p.work.a.Dockerfile, p.work.fixes[at].Edits
	return func() tea.Msg {
		patch, err := patchOf(form, file, edits)
		return copiedMsg{p.h, patch, err}
	}
}

// copiedMsg brings a patch to be copied.
type copiedMsg struct {
	h     host
	patch string
	err   error
}

func (msg copiedMsg) update() tea.Cmd {
	if msg.err != nil {
		return msg.h.fail(msg.err)
	}
	return tea.Batch(tea.SetClipboard(msg.patch), msg.h.say("patch copied, if the terminal allows it: apply it with git apply"))
}

// patchFile is the default file for a patch.
const patchFile = "fix.patch"

// askPatch asks for a file, and writes the patch of the chosen fixes to it.
func (p *fix) askPatch() tea.Cmd {
	keys, x := p.h.keys(), p.plan.proposal
	switch {
	case p.h.actions().WritePatch == nil:
		return p.h.say("patches cannot be written here")
	case p.work.a.Dockerfile == nil:
		why := "no patch: the Dockerfile is unknown. "
		return p.h.say(why + p.lk.line(p.h.noDockerfile()))
	case p.plan.count() == 0:
		return p.h.say("nothing is chosen: " + keys.chooseFix.first() + " chooses a fix, " + keys.chooseAll.first() + " all that peel can make by an edit")
	case x == nil:
		return p.h.say("the figures of the chosen fixes are not ready yet: try again")
	case x.Text == nil:
		return p.h.say("peel can make none of the chosen fixes by an edit: the findings say what you can do")
	}
	w := patchWriting{a: p.work.a, form: p.patchForm(), text: x.Text, hunks: x.Edits}
	q := newPrompt("write the patch of "+human.Count(x.Edits, "fix", "fixes")+" to:", patchFile)
	q.done = func(file string) tea.Cmd { return w.to(p.h, file) }
	p.h.ask(q)
	return nil
}

// A patchWriting is a patch to write to a file.
type patchWriting struct {
	a     *analyze.Analysis
	form  patchForm
	text  []byte // the new text of the Dockerfile
	hunks int
	force bool // replace an existing file
}

// to writes the patch. If the file already exists, it asks the user what to do.
func (w patchWriting) to(h host, file string) tea.Cmd {
	if file = strings.TrimSpace(file); file == "" {
		return h.say("nothing was written")
	}
	write := h.actions().WritePatch
	return h.start("writing the patch", func(ctx context.Context, _ func(done, total int64)) (string, error) {
		patch, err := w.form(w.a.Dockerfile, w.text, w.hunks)
		if err != nil {
			return "", err
		}
		said, err := write(ctx, w.a, patch, file, w.force)
		if _, ok := errors.AsType[*ExistsError](err); ok {
			err = &askError{err, func() tea.Cmd { return w.askReplace(h, file, err) }}
		}
		return said, err
	})
}

// askReplace asks whether to replace the existing file.
func (w patchWriting) askReplace(h host, file string, err error) tea.Cmd {
	q := newPrompt(h.look().text(lastOf(file))+" already exists: replace it (y), or write to:", "")
	q.done = func(text string) tea.Cmd {
		switch text = strings.TrimSpace(text); text {
		case "", "n":
			return h.fail(err)
		case "y":
			w.force = true
			return w.to(h, file)
		}
		return w.to(h, text)
	}
	q.dropped = func() tea.Cmd { return h.fail(err) }
	h.ask(q)
	return nil
}

// lastOf returns the last name of a path, on any system.
func lastOf(file string) string { return file[strings.LastIndexAny(file, `/\`)+1:] }
