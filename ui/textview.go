package ui

import (
	"fmt"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/human"
)

// sideStep is how many columns a key scrolls a text sideways.
const sideStep = 8

// textView shows a file as text, one piece in each row. It holds only the pieces around the
// screen.
type textView struct {
	rows  []piece
	first int64 // the number of rows[0]
	top   int64 // first row on the screen
	sub   int   // line of that row, if lines are wrapped
	x     int   // first column on the screen, if they aren't

	want *goal // where to go, once that is found; nil for nowhere
	hit  bool  // it's a match, which must be fully visible

	folded foldCache
}

// row returns row r if it is held.
func (t *textView) row(r int64) *piece {
	if r < t.first || r >= t.first+int64(len(t.rows)) {
		return nil
	}
	return &t.rows[r-t.first]
}

// known returns the number of rows found so far.
func (t *textView) known(p *viewer) int64 {
	if p.index.done {
		return p.index.at.row
	}
	return max(p.index.at.row, t.first+int64(len(t.rows)))
}

// gutter returns the width of the line numbers, including the gap.
func (t *textView) gutter(p *viewer) int {
	if !p.numbers {
		return 1
	}
	return max(len(strconv.FormatInt(p.index.lines(), 10)), 4) + 2
}

func (t *textView) room(p *viewer) int { return max(p.wide-t.gutter(p), 1) }

// folds returns where each line of row r begins: only one place if lines aren't wrapped.
func (t *textView) folds(p *viewer, r int64) []fold {
	row := t.row(r)
	if !p.wrap || row == nil {
		return []fold{{}}
	}
	key := foldKey{&t.rows[0], len(t.rows), t.room(p)}
	if t.folded.key != key || len(t.folded.byRow) > 4*piecesLeast {
		t.folded = foldCache{key, map[int64][]fold{}}
	}
	f, ok := t.folded.byRow[r]
	if !ok {
		f = p.lk.folds(row.text, key.room)
		t.folded.byRow[r] = f
	}
	return f
}

// A foldCache caches the folds of rows that have been on the screen.
type foldCache struct {
	key   foldKey
	byRow map[int64][]fold
}

// A foldKey is what folds depend on: the rows, and the width.
type foldKey struct {
	first *piece
	rows  int
	room  int // columns
}

// scrollBy scrolls by n rows of the screen.
func (t *textView) scrollBy(p *viewer, n int) {
	t.want = nil
	t.sub += n
	t.settle(p)
}

// settle moves the top to where there is text.
func (t *textView) settle(p *viewer) {
	for t.sub < 0 && t.top > 0 {
		t.top--
		t.sub += len(t.folds(p, t.top))
	}
	t.sub = max(t.sub, 0)
	known := t.known(p)
	for t.top < known-1 && t.sub >= len(t.folds(p, t.top)) {
		t.sub -= len(t.folds(p, t.top))
		t.top++
	}
	// Find the top of the last screen: count its rows from the end.
	last, sub := max(known-1, 0), 0
	rows := 0
	for r := last; r >= 0 && r >= last-int64(p.high); r-- {
		rows += len(t.folds(p, r))
		if rows >= p.high {
			last, sub = r, rows-p.high
			break
		}
		last = r
	}
	if t.top > last || t.top == last && t.sub > sub {
		t.top, t.sub = last, sub
	}
}

// aside moves the view by n columns to the right, or to the left if n is negative.
func (t *textView) aside(p *viewer, n int) {
	if p.wrap {
		return
	}
	longest := 0
	for i := range p.high {
		if row := t.row(t.top + int64(i)); row != nil {
			longest = max(longest, p.lk.textWidth(row.text, t.x+n+t.room(p)))
		}
	}
	t.x = max(min(t.x+n, longest-t.room(p)/2), min(t.x, t.x+n), 0)
	if n > 0 && longest <= t.x {
		t.x = max(t.x-n, 0)
	}
}

func (t *textView) foot(p *viewer) string {
	row := t.row(t.top)
	if row == nil {
		return ""
	}
	text := "line " + human.Comma(row.line+1)
	if p.index.done {
		text += " of " + human.Comma(p.index.lines())
	}
	switch {
	case t.want != nil && !p.index.reached(*t.want), !p.index.done && p.counts && p.index.at.off > readStep:
		text += " " + p.lk.sg.dot + " counted to " + percent(p.index.at.off, p.doc.Size())
	}
	if t.x > 0 {
		text += fmt.Sprintf(" %s column %d", p.lk.sg.dot, t.x+1)
	}
	return text
}

// render draws row i of the screen.
func (t *textView) render(p *viewer, l *line, i int) {
	r, sub := t.top, t.sub+i
	if !p.wrap {
		r, sub = t.top+int64(i), 0
	}
	for sub >= len(t.folds(p, r)) && r < t.known(p) {
		sub -= len(t.folds(p, r))
		r++
	}
	st := &p.lk.st
	row := t.row(r)
	if row == nil {
		if r < t.known(p) {
			l.skip(t.gutter(p))
			l.put(st.faint, p.lk.sg.tail)
		}
		return
	}
	if p.numbers {
		w := t.gutter(p) - 1
		switch {
		case sub > 0:
			l.skip(w)
		case row.cont:
			l.right(st.faint, p.lk.sg.dot, w)
		default:
			l.right(st.dim, strconv.FormatInt(row.line+1, 10), w)
		}
	}
	l.skip(1)
	x, end, more := t.x, len(row.text), p.lk.sg.more
	if p.wrap {
		more = ""
		f := t.folds(p, r)
		x = f[sub].col
		if sub+1 < len(f) {
			end = f[sub+1].from
		}
	}
	p.lk.drawText(l, row.text, x, end, more, p.find.painted(row, st, st.painted(row)))
}

// follow reads the text around the screen, or around the place to go to.
func (t *textView) follow(p *viewer) tea.Cmd {
	if t.want != nil {
		if !p.index.reached(*t.want) {
			return nil // the index hasn't reached it yet
		}
		return t.readCmd(p, *t.want)
	}
	held := t.first + int64(len(t.rows))
	known := t.known(p)
	ahead, behind := int64(2*p.high), int64(p.high)
	switch {
	case len(t.rows) == 0, t.top < t.first, t.top-behind < t.first && t.first > 0,
		t.top+ahead > held && held < known, t.top+ahead > held && !p.index.done && t.row(t.top+ahead) == nil && !t.ended(p):
		return t.readCmd(p, goal{byRow, t.top})
	}
	return nil
}

// ended reports whether the last row held is the file's last.
func (t *textView) ended(p *viewer) bool {
	if len(t.rows) == 0 {
		return false
	}
	last := &t.rows[len(t.rows)-1]
	n := int64(len(last.text))
	if last.ends {
		n++
	}
	return last.off+n >= p.doc.Size()
}

// piecesMsg delivers the pieces around a goal.
type piecesMsg struct {
	p    *viewer
	seq  int
	goal goal
	rows []piece
	at   int64 // the row of the goal
	err  error
}

func (msg piecesMsg) update() tea.Cmd {
	p := msg.p
	if msg.seq != p.seq {
		return nil
	}
	p.busy = false
	if msg.err != nil {
		p.failed(msg.err)
		return nil
	}
	t := &p.text
	if len(msg.rows) > 0 {
		t.rows, t.first = msg.rows, msg.rows[0].row
	}
	if t.want != nil && *t.want == msg.goal {
		t.arrive(p, msg.at)
	}
	return tea.Batch(t.highlightCmd(p), p.follow())
}

// arrive shows the requested row. It shows all columns of a match, and rows above it.
func (t *textView) arrive(p *viewer, at int64) {
	g := *t.want
	t.want = nil
	if !t.hit {
		t.top, t.sub = at, 0
		return
	}
	row := t.row(at)
	if row == nil {
		return
	}
	from := int(g.n - row.off)
	fold := 0
	for i, f := range t.folds(p, at) {
		if f.from <= from {
			fold = i
		}
	}
	if at < t.top || at >= t.top+int64(max(p.high-1, 1)) || p.wrap {
		t.top, t.sub = at, fold
		t.sub -= p.high / 3
		if !p.wrap {
			t.top, t.sub = max(at-int64(p.high/3), 0), 0
		}
		t.settle(p)
	}
	if p.wrap {
		return
	}
	start := p.lk.textWidth(row.text[:min(from, len(row.text))], 8*maxPiece)
	end := p.lk.textWidth(row.text[:min(from+len(p.find.pattern), len(row.text))], 8*maxPiece)
	if room := t.room(p) - 1; start < t.x || end > t.x+room {
		t.x = max(min(start, end-room), 0)
		if start > room/2 && end-room < start-room/2 {
			t.x = start - room/2
		}
		if end <= room {
			t.x = 0
		}
	}
}

func (t *textView) readCmd(p *viewer, g goal) tea.Cmd {
	p.busy = true
	ctx, seq, doc, x, screen := p.ctx, p.seq, p.doc, p.index, p.high
	return func() tea.Msg {
		rows, at, err := x.around(ctx, doc, g, screen)
		return piecesMsg{p, seq, g, rows, at, err}
	}
}

// indexMsg delivers an index that covers more of the text.
type indexMsg struct {
	p     *viewer
	seq   int
	index index
	buf   []byte
	err   error
}

func (msg indexMsg) update() tea.Cmd {
	p := msg.p
	if msg.seq != p.seq {
		return nil
	}
	p.counts = false
	if msg.err != nil {
		p.failed(msg.err)
		return nil
	}
	p.index = msg.index
	if p.index.done || p.hex {
		return p.follow()
	}
	p.counts = true
	return tea.Batch(p.indexCmd(msg.buf), p.follow())
}

// indexCmd extends the index by one step. buf is the previous step's buffer.
func (p *viewer) indexCmd(buf []byte) tea.Cmd {
	ctx, seq, doc, x := p.ctx, p.seq, p.doc, p.index
	return func() tea.Msg {
		n := min(readStep, doc.Size()-x.at.off)
		if int64(len(buf)) < n {
			buf = make([]byte, n)
		}
		_, err := doc.ReadAt(ctx, buf[:n], x.at.off)
		if err != nil {
			return indexMsg{p: p, seq: seq, err: err}
		}
		return indexMsg{p: p, seq: seq, index: x.scan(buf[:n], x.at.off+n == doc.Size()), buf: buf}
	}
}

// tokensMsg delivers the same pieces with their tokens.
type tokensMsg struct {
	p    *viewer
	seq  int
	rows []piece
}

func (msg tokensMsg) update() tea.Cmd { //nolint:unparam // like every pageMsg
	p, t := msg.p, &msg.p.text
	if msg.seq == p.seq && len(t.rows) == len(msg.rows) && len(t.rows) > 0 && t.first == msg.rows[0].row {
		t.rows = msg.rows
	}
	return nil
}

// highlightCmd finds the tokens of the pieces held.
func (t *textView) highlightCmd(p *viewer) tea.Cmd {
	if p.doc.lexer == nil || len(t.rows) == 0 {
		return nil
	}
	ctx, seq, lexer := p.ctx, p.seq, p.doc.lexer
	rows := append([]piece(nil), t.rows...)
	return func() tea.Msg {
		highlight(ctx, lexer, rows)
		return tokensMsg{p, seq, rows}
	}
}
