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

// takeOutKey takes a key that takes something out, and reports whether it is one.
func (e *explorer) takeOutKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := e.h.keys()
	switch {
	case keys.copyPath.matches(k):
		return copyText(e.h, e.selectedPath(), "path"), true
	case keys.copyDigest.matches(k):
		digest, what := e.selectedDigest()
		return copyText(e.h, digest, what), true
	case keys.extract.matches(k):
		return e.askExtract(), true
	case keys.export.matches(k):
		return e.askExport(), true
	}
	return nil, false
}

// copyText puts text on the clipboard, by the terminal (OSC 52): that reaches
// the reader's own machine over SSH too.
func copyText(h host, text, what string) tea.Cmd {
	if text == "" {
		return h.say("there is no " + what + " to copy")
	}
	return tea.Batch(tea.SetClipboard(text), h.say(what+" copied, if the terminal lets programs do that: "+h.look().line(text)))
}

// selectedPath is the path that the reader looks at.
func (e *explorer) selectedPath() string {
	n, ok := e.files.current()
	if !ok {
		return ""
	}
	return e.a.Tree.Path(n)
}

// selectedDigest is the digest of the selected layer: of its blob, else of its
// uncompressed content.
func (e *explorer) selectedDigest() (digest, what string) {
	at := e.layers.cursor
	if at >= len(e.a.Layers) {
		return "", "digest"
	}
	l := e.a.Layers[at].Layer
	if l.Digest != "" {
		return l.Digest, fmt.Sprintf("digest of layer %d", at)
	}
	return l.DiffID, fmt.Sprintf("diffID of layer %d", at)
}

// defaultDir is where files are written unless the reader says otherwise.
const defaultDir = "out"

// askExtract asks where to, and writes what is selected.
func (e *explorer) askExtract() tea.Cmd {
	extract := e.h.actions().Extract
	if extract == nil {
		return e.h.say("files cannot be extracted here")
	}
	x, ok := e.extraction()
	if !ok {
		return e.h.say("nothing is selected")
	}
	moment := fmt.Sprintf("after layer %d", x.Layer)
	if x.Alone {
		moment = fmt.Sprintf("of layer %d", x.Layer)
	}
	path := cutLeft(e.lk.text(e.a.Tree.Path(x.Node)), max(e.layout.area.w/3, 12), e.lk.sg.tail)
	p := newPrompt("extract "+path+" "+moment+" to:", defaultDir)
	p.done = func(dir string) tea.Cmd {
		if x.Dir = strings.TrimSpace(dir); x.Dir == "" {
			return e.h.say("nothing was written")
		}
		a := e.a
		return e.h.start("writing", func(ctx context.Context, progress func(done, total int64)) (string, error) {
			return extract(ctx, a, x, progress)
		})
	}
	e.h.ask(p)
	return nil
}

// extraction says what is written of what is selected, but not where to: what the
// screen shows of it.
func (e *explorer) extraction() (Extraction, bool) {
	n, ok := e.files.current()
	if !ok {
		return Extraction{}, false
	}
	x := Extraction{Node: n, Layer: e.layers.cursor}
	v, some := e.chosen()
	switch {
	case e.focus == historyPane && some:
		x.Layer, x.Alone = v.Layer(), true
	case e.mode == analyze.Alone:
		x.Alone = true
	case e.mode == analyze.Everything && some, some && v.Layer() > x.Layer:
		// What is shown may be gone from the union.
		x.Layer, x.Alone = v.Layer(), true
	case some && v.By() >= 0 && v.By() <= x.Layer: // a range shows it as removed
		x.Layer, x.Alone = v.Layer(), true
	}
	return x, true
}

// askExport asks for a file, and writes the rows that there are then to it.
func (e *explorer) askExport() tea.Cmd {
	export := e.h.actions().ExportFiles
	if export == nil {
		return e.h.say(noExport)
	}
	return askFile(e.h, "files.json", func(file string) taskFunc {
		a, listed := e.a, e.files.listed()
		return func(ctx context.Context, _ func(done, total int64)) (string, error) {
			return export(ctx, a, listed(), file)
		}
	})
}

// noExport is said where lists cannot be written.
const noExport = "lists cannot be exported here"

// askFile asks for a file to write a list to; write is called with the answer.
func askFile(h host, name string, write func(file string) taskFunc) tea.Cmd {
	p := newPrompt("write what is listed, as JSON, to:", name)
	p.done = func(file string) tea.Cmd {
		if file = strings.TrimSpace(file); file == "" {
			return h.say("nothing was written")
		}
		return h.start("writing the list", write(file))
	}
	h.ask(p)
	return nil
}
