package ui

import (
	"context"
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// openViewer opens a page on the selected version.
func (e *explorer) openViewer() tea.Cmd {
	if it, ok := e.history.item(); ok && e.focus == historyPane && it.waste != nil {
		return viewWaste(e.h, it.waste)
	}
	v, ok := e.chosen()
	if !ok {
		return e.h.say("no file here")
	}
	return viewVersion(e.h, v)
}

// viewWaste opens a page on a wasted version.
func viewWaste(h host, w *analyze.Waste) tea.Cmd {
	if w.Node >= 0 {
		for _, v := range h.analysis().Tree.Versions(w.Node) {
			if v.Layer() == w.Layer && v.Wasted() == w.Bytes {
				return viewVersion(h, v)
			}
		}
	}
	return h.say("it has no path")
}

// viewVersion opens a page on a version.
func viewVersion(h host, v analyze.Version) tea.Cmd {
	lk, a := h.look(), h.analysis()
	name := lk.text(a.Tree.Path(v.Node()))
	switch {
	case v.Change() == analyze.Removed:
		return h.say(fmt.Sprintf("layer %d removes %s", v.Layer(), name))
	case v.Kind() == analyze.TypeDir:
		return h.say(name + " is a directory")
	}
	p := newViewer(h, name)
	h.open(p)
	return p.show(v)
}

// newViewer returns a page for versions of a path, which must be clean.
func newViewer(h host, path string) *viewer {
	p := &viewer{h: h, lk: h.look(), a: h.analysis(), path: path, numbers: true}
	p.ctx, p.stop = context.WithCancel(h.context())
	return p
}

// openedMsg delivers an open file and its beginning.
type openedMsg struct {
	p     *viewer
	seq   int
	doc   *document
	rows  []piece
	bytes []byte
	err   error
}

func (msg openedMsg) update() tea.Cmd {
	p := msg.p
	if msg.seq != p.seq {
		msg.drop()
		return nil
	}
	p.busy = false
	if msg.err != nil {
		p.failed(msg.err)
		return nil
	}
	p.doc = msg.doc
	if p.seq == 1 {
		p.hex = msg.doc.binary
	} else if msg.doc.binary {
		p.hex = true
	}
	p.bytes.held, p.bytes.from = msg.bytes, 0
	p.text.rows, p.text.first = msg.rows, 0
	return tea.Batch(p.text.highlightCmd(p), p.follow())
}

// drop closes a file that nobody wants any more.
func (msg openedMsg) drop() {
	if msg.doc != nil {
		_ = msg.doc.Close() // nobody has read from it
	}
}

// openCmd opens the file and reads its beginning.
func (p *viewer) openCmd() tea.Cmd {
	ctx, v, seq, path, screen := p.ctx, p.v, p.seq, p.a.Tree.Path(p.v.Node()), p.high
	return func() tea.Msg {
		body, err := v.Body(ctx)
		if err != nil {
			return openedMsg{p: p, seq: seq, err: err}
		}
		msg, err := begun(ctx, body, path, screen)
		if err != nil {
			return openedMsg{p: p, seq: seq, err: errors.Join(err, body.Close())}
		}
		msg.p, msg.seq = p, seq
		return msg
	}
}

// begun reads the beginning of a file, for a screen with this many rows.
func begun(ctx context.Context, c content, path string, screen int) (msg openedMsg, err error) {
	msg.doc, msg.bytes, err = openDocument(ctx, c, path)
	if err == nil && !msg.doc.binary {
		x := newIndex()
		msg.rows, _, err = x.around(ctx, c, goal{byRow, 0}, screen)
	}
	return msg, err
}

// headSize is how much of a file is examined to detect its kind, in bytes.
const headSize = 64 << 10

// openDocument detects the kind of a file. path is its name in the image.
func openDocument(ctx context.Context, c content, path string) (*document, []byte, error) {
	head := make([]byte, min(headSize, c.Size()))
	if _, err := c.ReadAt(ctx, head, 0); err != nil {
		return nil, nil, err
	}
	d := &document{content: c, binary: !isText(head, c.Size() > int64(len(head)))}
	if !d.binary {
		d.lexer = lexerFor(path[strings.LastIndexByte(path, '/')+1:], head)
	}
	d.description = describeContent(head, path, d)
	return d, head, nil
}
