package ui

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/redact"
)

// previewRest is how long the cursor must rest on a file before it is read.
const previewRest = 150 * time.Millisecond

// previewRows bounds the lines of a preview. At most headSize bytes are read.
const previewRows = 200

// preview is the pane that shows the beginning of the file under the cursor. It reads a file
// once the cursor has rested on it, and stops when the cursor moves on. It doesn't show files
// that would have to be fetched, or for which an image would have to be read again.
type preview struct {
	on      bool
	version analyze.Version // under the cursor
	some    bool            // the cursor is on one
	seq     int             // number of the version
	stop    context.CancelFunc

	rows  []piece     // the beginning of the file
	facts styledLines // instead, if the file has no text
	note  string      // instead, why nothing is shown; clean
	about string      // description of the file; "" while it's unknown
}

// followPreview makes the preview follow the cursor.
func (e *explorer) followPreview() tea.Cmd {
	p := &e.preview
	if !p.on {
		return nil
	}
	v, ok := e.chosen()
	if ok == p.some && v == p.version {
		return nil
	}
	e.clearPreview()
	p.version, p.some = v, ok
	switch {
	case !ok:
		p.note = "nothing is selected"
	case v.Kind() == analyze.TypeDir:
		p.note = "a directory of " + counted(e.files.view.Files(v.Node()), "file")
	case v.Kind() != analyze.TypeFile:
		p.facts = nodeFacts(e.lk, e.a, v)
	default:
		layer, _, ok := v.Content()
		switch {
		case !ok:
			p.note = "a hard link whose target is missing"
		case !layer.Near():
			p.note = "no preview: it needs to fetch the file or to read the image again; v views it"
		default:
			p.note = "reading" + e.lk.sg.tail
			return e.h.after(previewRest, previewMsg{e, p.seq})
		}
	}
	return nil
}

// clearPreview cancels reading, and shows nothing.
func (e *explorer) clearPreview() {
	p := &e.preview
	if p.stop != nil {
		p.stop()
	}
	*p = preview{on: p.on, seq: p.seq + 1}
}

// flipPreview shows or hides the preview.
func (e *explorer) flipPreview() tea.Cmd {
	e.clearPreview()
	e.preview.on = !e.preview.on
	if e.preview.on && !previewFits(e.layout.area) {
		e.preview.on = false
		return e.h.say("no room for a preview: v views the file")
	}
	return nil
}

// previewMsg says that the cursor has rested.
type previewMsg struct {
	e   *explorer
	seq int
}

func (msg previewMsg) update() tea.Cmd {
	e, p := msg.e, &msg.e.preview
	if msg.seq != p.seq || !p.on {
		return nil
	}
	ctx, stop := context.WithCancel(e.h.context())
	p.stop = stop
	v, path, seq := p.version, e.a.Tree.Path(p.version.Node()), p.seq
	return func() tea.Msg {
		defer stop()
		out := previewedMsg{e: e, seq: seq}
		out.rows, out.about, out.err = readPreview(ctx, v, path)
		return out
	}
}

// readPreview reads the beginning of a file: its lines if it is text, and its description.
func readPreview(ctx context.Context, v analyze.Version, path string) (rows []piece, about string, err error) {
	body, err := v.Body(ctx)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	doc, head, err := openDocument(ctx, body, path)
	if err != nil || doc.binary {
		if err == nil {
			about = doc.description
		}
		return nil, about, err
	}
	err = pieces(ctx, headContent(head), mark{}, func(p piece) bool {
		rows = append(rows, p)
		return len(rows) < previewRows
	})
	if err == nil && doc.lexer != nil {
		highlight(ctx, doc.lexer, rows)
	}
	return rows, doc.description, err
}

// headContent is the beginning of a file as content.
type headContent []byte

func (h headContent) Size() int64  { return int64(len(h)) }
func (h headContent) Close() error { return nil }
func (h headContent) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	return copy(p, h[min(off, int64(len(h))):]), nil
}

// previewedMsg delivers what was read.
type previewedMsg struct {
	e     *explorer
	seq   int
	rows  []piece
	about string
	err   error
}

func (msg previewedMsg) update() tea.Cmd { //nolint:unparam // like every pageMsg
	p := &msg.e.preview
	if msg.seq != p.seq {
		return nil
	}
	p.rows, p.about, p.note = msg.rows, msg.about, ""
	switch {
	case msg.err != nil:
		p.note = msg.e.lk.line("cannot read it: " + redact.Text(msg.err.Error()))
	case p.version.Size() == 0:
		p.note = "an empty file"
	case len(msg.rows) == 0:
		p.note = "not text: v shows its bytes"
	}
	return nil
}

// previewTitle returns the texts in the border of the preview.
func (e *explorer) previewTitle() (title, aside string) {
	p := &e.preview
	if !p.some {
		return "Preview", ""
	}
	if aside = p.about; p.version.Kind() == analyze.TypeFile && aside != "" {
		aside += " " + e.lk.sg.dot + " " + human.Size(p.version.Size())
	}
	return e.lk.text(e.a.Tree.Name(p.version.Node())), aside
}

// renderPreview draws row i of the preview.
func (e *explorer) renderPreview(l *line, i int) {
	p := &e.preview
	l.skip(1)
	switch {
	case p.note != "":
		if lines := wrap(p.note, max(l.left-1, 1)); i < len(lines) {
			l.put(e.lk.st.dim, lines[i])
		}
	case p.facts != nil:
		p.facts.render(l, i)
	case i < len(p.rows):
		row := &p.rows[i]
		e.lk.drawText(l, row.text, 0, len(row.text), e.lk.sg.more, e.lk.st.painted(row))
	}
	l.fill()
}
