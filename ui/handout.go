package ui

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// What can be taken out of the screen: a path or digest to the clipboard, files
// to a directory, a list to a file.

// handout takes a key that takes something out, and reports whether it is one.
func (m *model) handout(k tea.KeyPressMsg) (tea.Cmd, bool) {
	switch {
	case m.keys.copyPath.matches(k):
		return m.copyText(m.pathHere(), "path"), true
	case m.keys.copyDigest.matches(k):
		return m.copyText(m.digestHere()), true
	case m.keys.extract.matches(k):
		return m.askExtract(), true
	case m.keys.export.matches(k):
		return m.askExport("files.json", func(file string) tea.Cmd {
			a, listed := m.a, m.files.listed()
			return m.send("writing the list", func(ctx context.Context, _ func(done, total int64)) (string, error) {
				return m.acts.ExportFiles(ctx, a, listed(), file)
			})
		}), true
	}
	return nil, false
}

// copyText puts text on the clipboard, by the terminal (OSC 52): that reaches
// the reader's own machine over SSH too.
func (m *model) copyText(text, what string) tea.Cmd {
	if text == "" {
		return m.say("there is no " + what + " to copy")
	}
	return tea.Batch(tea.SetClipboard(text), m.say(what+" copied, if the terminal lets programs do that: "+m.look.line(text)))
}

// pathHere is the path that the reader looks at.
func (m *model) pathHere() string {
	n, ok := m.files.current()
	if !ok {
		return ""
	}
	return m.a.Tree.Path(n)
}

// digestHere is the digest of the selected layer: of its blob, else of its
// uncompressed content.
func (m *model) digestHere() (digest, what string) {
	at := m.layers.cursor
	if at >= len(m.a.Layers) {
		return "", "digest"
	}
	l := m.a.Layers[at].Layer
	if l.Digest != "" {
		return l.Digest, fmt.Sprintf("digest of layer %d", at)
	}
	return l.DiffID, fmt.Sprintf("diffID of layer %d", at)
}

// defaultDir is where files are written unless the reader says otherwise.
const defaultDir = "out"

// askExtract asks where to, and writes what the acts are about.
func (m *model) askExtract() tea.Cmd {
	if m.acts.Extract == nil {
		return m.say("extracting is not to be had here")
	}
	n, ok := m.files.current()
	if !ok {
		return m.say("nothing is selected")
	}
	x := Extraction{Node: n, Layer: m.layers.cursor}
	v, some := m.chosen()
	switch {
	case m.focus == historyPane && some:
		x.Layer, x.Alone = v.Layer(), true
	case m.mode == analyze.Alone:
		x.Alone = true
	case m.mode == analyze.Everything && some, some && v.Layer() > x.Layer:
		// What is shown may be gone from the union.
		x.Layer, x.Alone = v.Layer(), true
	case some && v.By() >= 0 && v.By() <= x.Layer: // a range shows it as removed
		x.Layer, x.Alone = v.Layer(), true
	}
	moment := fmt.Sprintf("after layer %d", x.Layer)
	if x.Alone {
		moment = fmt.Sprintf("of layer %d", x.Layer)
	}
	path := m.look.text(m.a.Tree.Path(n))
	p := newPrompt("extract "+cutLeft(path, max(m.w/3, 12), m.look.sg.tail)+" "+moment+" to:", defaultDir)
	p.done = func(dir string) tea.Cmd {
		if x.Dir = strings.TrimSpace(dir); x.Dir == "" {
			return m.say("nothing was written")
		}
		a := m.a
		return m.send("writing", func(ctx context.Context, progress func(done, total int64)) (string, error) {
			return m.acts.Extract(ctx, a, x, progress)
		})
	}
	m.ask(p)
	return nil
}

// askExport asks for a file to write a list to.
func (m *model) askExport(name string, write func(file string) tea.Cmd) tea.Cmd {
	if m.acts.ExportFiles == nil || m.acts.ExportWaste == nil {
		return m.say("exporting is not to be had here")
	}
	p := newPrompt("write what is listed, as JSON, to:", name)
	p.done = func(file string) tea.Cmd {
		if file = strings.TrimSpace(file); file == "" {
			return m.say("nothing was written")
		}
		return write(file)
	}
	m.ask(p)
	return nil
}

// listed returns a function that gives the versions of the rows as they are now.
// It goes through all of them, so it is called from a command.
func (f *files) listed() func() []analyze.Version {
	rows, view := f.rows, f.view
	return func() []analyze.Version {
		listed := make([]analyze.Version, 0, rows.len())
		for r := range rows.all() {
			if v, ok := view.Version(r.node); ok {
				listed = append(listed, v)
			}
		}
		return listed
	}
}
