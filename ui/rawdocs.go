package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// rawDocs shows an image's manifest and config in the viewer in place of a file: exactly as
// stored, or indented.
type rawDocs struct {
	all    []analyze.Document
	at     int
	pretty bool
}

// viewDocuments opens a page with an image's manifest and config.
func viewDocuments(h host) tea.Cmd {
	docs := h.analysis().Image.Documents()
	if len(docs) == 0 {
		return h.say("no manifest and no config here")
	}
	p := newViewer(h, "")
	p.raw = &rawDocs{all: docs}
	h.open(p)
	return p.showRaw()
}

// showRaw shows the selected document.
func (p *viewer) showRaw() tea.Cmd {
	p.drop()
	p.seq++
	p.doc, p.broken, p.hex = nil, "", false
	p.busy, p.counts = true, false
	p.index, p.find = newIndex(), finder{seq: p.find.seq + 1}
	p.text.rows, p.text.first, p.text.want, p.text.top = nil, 0, nil, 0
	p.bytes.held = nil
	d := p.raw.all[p.raw.at]
	p.path = d.Name
	ctx, seq, pretty, screen := p.ctx, p.seq, p.raw.pretty, p.high
	return func() tea.Msg {
		text := d.Text
		if pretty {
			var err error
			if text, err = indented(text); err != nil {
				return openedMsg{p: p, seq: seq, err: err}
			}
		}
		msg, err := begun(ctx, textContent(text), d.Name+".json", screen)
		msg.p, msg.seq, msg.err = p, seq, err
		return msg
	}
}

// rawKey handles the keys that do something else in a document than in a file.
func (p *viewer) rawKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys, r := p.h.keys(), p.raw
	var step int
	switch {
	case keys.older.matches(k):
		step = -1
	case keys.newer.matches(k):
		step = 1
	case keys.pretty.matches(k):
		r.pretty = !r.pretty
		return p.showRaw(), true
	case keys.compare.matches(k), keys.pager.matches(k), keys.editor.matches(k):
		return p.h.say("this is not a file of the image"), true
	default:
		return nil, false
	}
	if at := r.at + step; at >= 0 && at < len(r.all) {
		r.at = at
		return p.showRaw(), true
	}
	return p.h.say("no other document: " + keys.older.first() + " and " + keys.newer.first() + " lead from the manifest to the config and back"), true
}

// rawTitle says which document is shown, and how.
func (p *viewer) rawTitle() (left, right string) {
	how := "as it is stored"
	if p.raw.pretty {
		how = "indented"
	}
	return p.path, how + " " + p.lk.sg.dot + " " + human.Size(int64(len(p.raw.all[p.raw.at].Text)))
}

// maxIndented bounds how deeply a document to indent may be nested, since each level makes
// every line longer.
const maxIndented = 100

// indented returns a JSON text with each value on its own line.
func indented(text []byte) ([]byte, error) {
	depth, most, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			most = max(most, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	if most > maxIndented {
		return nil, errors.New("it is nested too deeply to indent")
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// textContent is a text in memory that serves as a file's content.
type textContent []byte

func (t textContent) Size() int64  { return int64(len(t)) }
func (t textContent) Close() error { return nil }

func (t textContent) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	if off < 0 || off > int64(len(t)) {
		return 0, io.EOF
	}
	n := copy(p, t[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
