package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// These functions copy paths and digests to the clipboard, files to a directory, and lists to a
// file.

// takeOutKey handles the keys for that, and reports whether k is one.
func (e *explorer) takeOutKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := e.h.keys()
	switch {
	case keys.copyPath.matches(k):
		return e.copyPaths(), true
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

// copyText copies text to the clipboard through the terminal (OSC 52), which reaches the user's
// own machine even over SSH.
func copyText(h host, text, what string) tea.Cmd {
	if text == "" {
		return h.say("no " + what + " to copy")
	}
	return tea.Batch(tea.SetClipboard(text), h.say(what+" copied, if the terminal allows it: "+h.look().line(text)))
}

// copyPaths copies the marked paths, one per line, or else the selected one.
func (e *explorer) copyPaths() tea.Cmd {
	nodes := e.files.marks.sorted()
	if len(nodes) == 0 || e.focus == historyPane {
		return copyText(e.h, e.selectedPath(), "path")
	}
	paths := make([]string, len(nodes))
	for i, n := range nodes {
		paths[i] = e.a.Tree.Path(n)
		if strings.ContainsAny(paths[i], "\n\r") { // it would become two lines
			paths[i] = e.lk.text(paths[i])
		}
	}
	slices.Sort(paths)
	return tea.Batch(
		tea.SetClipboard(strings.Join(paths, "\n")+"\n"),
		e.h.say(counted(len(paths), "path")+" copied, if the terminal allows it"),
	)
}

// selectedPath returns the selected path.
func (e *explorer) selectedPath() string {
	n, ok := e.files.current()
	if !ok {
		return ""
	}
	return e.a.Tree.Path(n)
}

// selectedDigest returns the digest of the selected layer: its blob's, or else that of its
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

// defaultDir is where files are written by default.
const defaultDir = "out"

// askExtract asks for a directory, and writes the selected files.
func (e *explorer) askExtract() tea.Cmd {
	x, ok := e.extraction()
	if !ok {
		return e.h.say("nothing is selected")
	}
	return askExtract(e.h, x, e.layout.area.w)
}

// askExtract asks for a directory, on a screen of w columns, and writes files.
func askExtract(h host, x Extraction, w int) tea.Cmd {
	if h.actions().Extract == nil {
		return h.say("files cannot be extracted here")
	}
	p := newPrompt("extract "+x.says(h, w)+" to:", defaultDir)
	p.done = func(dir string) tea.Cmd {
		if x.Dir = strings.TrimSpace(dir); x.Dir == "" {
			return h.say("nothing was written")
		}
		return startExtract(h, x)
	}
	h.ask(p)
	return nil
}

// says describes the files to write, on about w columns: "/etc after layer 7", "3 paths".
func (x Extraction) says(h host, w int) string {
	lk, first := h.look(), x.Taken[0]
	what := counted(len(x.Taken), "path")
	if len(x.Taken) == 1 {
		what = cutLeft(lk.text(h.analysis().Tree.Path(first.Node)), max(w/3, 12), lk.sg.tail)
	}
	for _, t := range x.Taken {
		if t.Layer != first.Layer || t.Alone != first.Alone {
			return what
		}
	}
	if first.Alone {
		return fmt.Sprintf("%s of layer %d", what, first.Layer)
	}
	return fmt.Sprintf("%s after layer %d", what, first.Layer)
}

// startExtract writes files. If some exist, it asks what to do.
func startExtract(h host, x Extraction) tea.Cmd {
	extract, a := h.actions().Extract, h.analysis()
	return h.start("writing", func(ctx context.Context, progress func(done, total int64)) (string, error) {
		said, err := extract(ctx, a, x, progress)
		if _, ok := errors.AsType[*ExistsError](err); ok {
			err = &askError{err, func() tea.Cmd { return askReplace(h, x, err) }}
		}
		return said, err
	})
}

// askReplace asks whether to replace existing files.
func askReplace(h host, x Extraction, err error) tea.Cmd {
	p := newPrompt("some files already exist: replace them (y), or write to:", "")
	p.done = func(text string) tea.Cmd {
		switch text = strings.TrimSpace(text); text {
		case "", "n":
			return h.fail(err)
		case "y":
			x.Force = true
		default:
			x.Dir = text
		}
		return startExtract(h, x)
	}
	p.dropped = func() tea.Cmd { return h.fail(err) }
	h.ask(p)
	return nil
}

// An askError is an error of a task after which the user is asked what to do.
type askError struct {
	error
	ask func() tea.Cmd
}

// extraction returns what to write, except for the directory: the marked paths, or else the
// selected one, as the screen shows them. A version selected in the history is written alone,
// even if paths are marked.
func (e *explorer) extraction() (Extraction, bool) {
	f := &e.files
	if e.focus == historyPane {
		if v, ok := e.chosen(); ok {
			return Extraction{Taken: []Taken{{Node: v.Node(), Layer: v.Layer(), Alone: true}}}, true
		}
	}
	nodes := f.marks.sorted()
	if len(nodes) == 0 {
		n, ok := f.current()
		if !ok {
			return Extraction{}, false
		}
		nodes = append(nodes, n)
	}
	x := Extraction{Taken: make([]Taken, len(nodes))}
	for i, n := range nodes {
		x.Taken[i] = e.taken(n)
	}
	return x, true
}

// taken returns the version of a node to write: the one that the files pane shows.
func (e *explorer) taken(n analyze.NodeID) Taken {
	x := Taken{Node: n, Layer: e.layers.cursor, Alone: e.mode == analyze.Alone}
	v, ok := e.files.shownVersion(n)
	switch {
	case !ok || x.Alone:
	case e.mode == analyze.Everything, v.Layer() > x.Layer, // it may not be in the union any more
		v.By() >= 0 && v.By() <= x.Layer: // a range shows it as removed
		x.Layer, x.Alone = v.Layer(), true
	}
	return x
}

// askExport asks for a file, and writes the current rows to it.
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

// noExport is the message if lists can't be written.
const noExport = "lists cannot be exported here"

// askFile asks for a file to write a list to, and calls write with the answer.
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
