package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/redact"
)

// viewer is the page that shows one version of a file, as text or as bytes. It holds only what
// is around the screen.
type viewer struct {
	h    host
	lk   *look
	a    *analyze.Analysis
	ctx  context.Context // ends when the page is closed
	stop context.CancelFunc

	v      analyze.Version
	raw    *rawDocs // instead of v; nil for a file
	path   string   // clean
	of     string   // text before the layer that names its image; "" if there is only one
	seq    int      // number of the shown version: results for other versions are dropped
	doc    *document
	index  index
	facts  styledLines // shown instead of content, if there is none
	broken string
	reread rereading
	busy   bool // something for the screen is being read
	counts bool // the index is being made

	wide, high int
	hex        bool
	wrap       bool
	numbers    bool
	text       textView
	bytes      hexView
	find       finder
	finding    *prompt // asks what to find; nil unless it's open
}

// document is an open file.
type document struct {
	content
	description string // "PNG image, 640 x 480"
	binary      bool
	lexer       lexer // nil for none
}

// show shows a version.
func (p *viewer) show(v analyze.Version) tea.Cmd {
	p.drop()
	p.seq++
	p.v, p.doc, p.facts, p.broken = v, nil, nil, ""
	p.busy, p.counts = false, false
	p.index, p.find = newIndex(), finder{seq: p.find.seq + 1}
	p.text.rows, p.text.first, p.text.want = nil, 0, nil
	if p.text.top > 0 { // the same place in another version
		p.seekRow(p.text.top)
	}
	p.bytes.held = nil
	if v.Kind() != analyze.TypeFile {
		p.facts = nodeFacts(p.lk, p.a, v)
		return nil
	}
	p.busy = true
	p.reread = p.h.reread()
	return tea.Batch(p.openCmd(), redrawCmd(p.h, p))
}

// rereads reports whether the file is still being opened.
func (p *viewer) rereads() bool { return p.doc == nil && p.busy && p.ctx.Err() == nil }

// drop closes the file.
func (p *viewer) drop() {
	if p.doc != nil {
		_ = p.doc.Close() // nothing was written to it
		p.doc = nil
	}
}

// closed is called when the page is closed.
func (p *viewer) closed() {
	p.stop()
	p.seq++
	p.drop()
}

// adopt finds the version in another analysis: while layers are being read, one analysis
// follows another.
func (p *viewer) adopt(s *snapshot) tea.Cmd { //nolint:unparam // like every adopter
	if p.raw != nil {
		return nil
	}
	n, ok := s.a.Tree.Lookup(p.a.Tree.Path(p.v.Node()))
	if !ok {
		return nil
	}
	for _, v := range s.a.Tree.Versions(n) {
		if v.Layer() == p.v.Layer() && v.Duplicate() == p.v.Duplicate() {
			p.a, p.v = s.a, v
			break
		}
	}
	return nil
}

// restyle does nothing: no cached text has a style.
func (p *viewer) restyle() {}

func (p *viewer) resize(w, h int) {
	p.wide, p.high = w, h
	p.settle()
}

// settle keeps the position within the content.
func (p *viewer) settle() {
	if p.doc == nil {
		return
	}
	p.bytes.settle(p)
	p.text.settle(p)
}

func (p *viewer) title(w int) (left, right string) {
	if p.raw != nil {
		return p.rawTitle()
	}
	v := p.v
	what := v.Kind().String()
	if p.doc != nil {
		what = p.doc.description
	}
	parts := []string{fmt.Sprintf("%slayer %d", p.of, v.Layer()), what}
	if v.Kind() == analyze.TypeFile {
		parts = append(parts, human.Size(v.Size()))
	}
	parts = append(parts, fmt.Sprintf("%04o", v.Mode()), fmt.Sprintf("%d:%d", v.UID(), v.GID()))
	room := w - min(width(p.path), max(w/3, 12)) - 3
	right = parts[0]
	for _, part := range parts[1:] {
		if width(right)+width(part)+3 > room {
			break
		}
		right += " " + p.lk.sg.dot + " " + part
	}
	return cutLeft(p.path, w-width(right)-3, p.lk.sg.tail), right
}

func (p *viewer) foot() string {
	switch {
	case p.doc == nil:
		return ""
	case p.hex:
		return p.find.says(p.bytes.foot(p), p.lk)
	}
	return p.find.says(p.text.foot(p), p.lk)
}

func (p *viewer) render(l *line, i int) {
	st := &p.lk.st
	switch {
	case p.facts != nil:
		l.skip(1)
		p.facts.render(l, i)
	case p.broken != "" && p.doc == nil:
		if why := wrap(p.broken, p.wide-2); i < len(why) {
			l.skip(1)
			l.put(st.failure, why[i])
		}
	case p.broken != "" && i == p.high-1:
		l.skip(1)
		l.put(st.failure, p.broken)
	case p.doc == nil:
		if i == 0 {
			l.skip(1)
			l.put(st.dim, p.reread.says("reading", p.lk))
		}
	case p.doc.Size() == 0:
		if i == 0 {
			l.skip(1)
			l.put(st.dim, "an empty file")
		}
	case p.hex:
		p.bytes.render(p, l, i)
	default:
		p.text.render(p, l, i)
	}
	l.fill()
}

func (p *viewer) mouse(msg tea.MouseMsg, _, _ int) tea.Cmd {
	if _, ok := msg.(tea.MouseWheelMsg); ok && p.doc != nil {
		p.scrollBy(wheel(msg.Mouse().Button))
	}
	return p.follow()
}

// scrollBy scrolls by n rows.
func (p *viewer) scrollBy(n int) {
	if p.hex {
		p.bytes.scrollBy(p, n)
	} else {
		p.text.scrollBy(p, n)
	}
}

// key takes the viewer's keys.
func (p *viewer) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	if p.raw != nil {
		if cmd, ok := p.rawKey(k); ok {
			return cmd, true
		}
	}
	switch {
	case keys.older.matches(k):
		return p.step(-1), true
	case keys.newer.matches(k):
		return p.step(1), true
	case keys.compare.matches(k):
		return compareVersion(p.h, p.v), true
	case keys.pager.matches(k):
		return openOutside(p.h, p.v, false), true
	case keys.editor.matches(k):
		return openOutside(p.h, p.v, true), true
	case p.raw == nil && slices.ContainsFunc(keys.own, func(b binding) bool { return b.matches(k) }):
		return ownKey(p.h, k, func() (analyze.Version, bool) { return p.v, true })
	case p.doc == nil:
		return nil, false
	case keys.down.matches(k):
		p.scrollBy(1)
	case keys.up.matches(k):
		p.scrollBy(-1)
	case keys.halfDown.matches(k):
		p.scrollBy(max(p.high/2, 1))
	case keys.halfUp.matches(k):
		p.scrollBy(-max(p.high/2, 1))
	case keys.pageDown.matches(k):
		p.scrollBy(max(p.high-1, 1))
	case keys.pageUp.matches(k):
		p.scrollBy(-max(p.high-1, 1))
	case keys.home.matches(k):
		p.text.x = 0
		p.seek(goal{byRow, 0}, 0)
	case keys.end.matches(k):
		p.seek(goal{by: atEnd}, p.doc.Size()-1)
	case keys.left.matches(k):
		p.text.aside(p, -sideStep)
	case keys.right.matches(k):
		p.text.aside(p, sideStep)
	case keys.numbering.matches(k):
		p.numbers = !p.numbers
	case keys.wrapLines.matches(k):
		p.wrap, p.text.x, p.text.sub = !p.wrap, 0, 0
	case keys.asHex.matches(k):
		p.turn()
	case keys.goTo.matches(k):
		p.askGoTo()
	case keys.lookFor.matches(k):
		p.askFind()
	case keys.findNext.matches(k):
		return tea.Batch(p.nextHit(1), p.follow()), true
	case keys.findPrior.matches(k):
		return tea.Batch(p.nextHit(-1), p.follow()), true
	default:
		return nil, false
	}
	return p.follow(), true
}

// step goes to the next older or newer version of the path.
func (p *viewer) step(n int) tea.Cmd {
	all := p.a.Tree.Versions(p.v.Node())
	at := -1
	for i, v := range all {
		if v == p.v {
			at = i
		}
	}
	for at += n; at >= 0 && at < len(all); at += n {
		if v := all[at]; v.Change() != analyze.Removed && v.Kind() != analyze.TypeDir {
			return p.show(v)
		}
	}
	if n < 0 {
		return p.h.say("this is the oldest version")
	}
	return p.h.say("this is the newest version")
}

// turn switches between text and bytes, and keeps the position.
func (p *viewer) turn() {
	off := p.offset()
	p.hex = !p.hex
	p.text.want = nil
	p.seek(goal{byOffset, off}, off)
}

// offset returns the offset of the first byte on the screen.
func (p *viewer) offset() int64 {
	if p.hex {
		return p.bytes.top
	}
	if r := p.text.row(p.text.top); r != nil {
		return r.off
	}
	return 0
}

// seek goes to a place: g in a text, off in its bytes.
func (p *viewer) seek(g goal, off int64) {
	if p.hex {
		p.bytes.top = off
		p.bytes.settle(p)
		return
	}
	p.text.want, p.text.hit = &g, false
}

func (p *viewer) seekRow(r int64) { p.text.want, p.text.hit = &goal{byRow, r}, false }

// follow reads what the screen needs next, if something is missing.
func (p *viewer) follow() tea.Cmd {
	if p.doc == nil || p.broken != "" || p.doc.Size() == 0 {
		return nil
	}
	p.settle()
	var cmds []tea.Cmd
	if !p.busy {
		if p.hex {
			cmds = append(cmds, p.bytes.follow(p))
		} else {
			cmds = append(cmds, p.text.follow(p))
		}
	}
	if !p.hex && !p.counts && !p.index.done {
		p.counts = true
		cmds = append(cmds, p.indexCmd(nil))
	}
	return tea.Batch(cmds...)
}

// failed shows why something couldn't be read, and stops reading.
func (p *viewer) failed(err error) {
	if !errors.Is(err, context.Canceled) {
		p.broken = p.lk.line("cannot read it: " + redact.Text(err.Error()))
	}
}

func (p *viewer) hints(k *keyMap) []hint {
	if p.raw != nil {
		return []hint{{k.down, k.up}, {k.older, k.newer}, {k.pretty}, {k.lookFor}, {k.wrapLines}, {k.asHex}}
	}
	if p.doc == nil {
		return []hint{{k.older, k.newer}, {k.compare}}
	}
	h := []hint{{k.down, k.up}, {k.older, k.newer}, {k.lookFor}}
	if len(p.find.pattern) > 0 {
		h = append(h, hint{k.findNext, k.findPrior})
	}
	h = append(h, hint{k.asHex})
	if !p.hex {
		h = append(h, hint{k.wrapLines})
	}
	h = append(h, hint{k.compare}, hint{k.goTo})
	if !p.hex {
		h = append(h, hint{k.numbering})
	}
	if !p.hex && !p.wrap {
		h = append(h, hint{k.left, k.right})
	}
	return h
}

func (p *viewer) groups(k *keyMap) []keyGroup { return viewerKeys(k) }

func viewerKeys(k *keyMap) []keyGroup {
	return append([]keyGroup{k.moving(), {"File", []binding{
		k.older, k.newer, k.compare, k.lookFor, k.findNext, k.findPrior, k.goTo, k.asHex, k.wrapLines, k.numbering, k.left, k.right,
		k.pretty,
		k.pager, k.editor,
	}}}, k.ownGroup()...)
}
