package ui

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/human"
)

// maxHits is the maximum number of matches kept for a file. If there are more, the screen says
// that the search was incomplete.
const maxHits = 1 << 18

// finder looks for something in a file, from its beginning to its end, in steps.
type finder struct {
	seq     int    // of the search
	pattern []byte // nil: nothing
	fold    bool   // lower-case letters also match upper-case ones
	hits    []int64
	at      int   // the hit under the cursor; -1 for none
	from    int64 // where the user was
	pos     int64 // searched up to here
	done    bool
	full    bool // there may be more than maxHits
}

// patternOf parses a search: text, or bytes as \x7f, \n, \t, \r, \0 and \\. Without capital
// letters, it ignores case.
func patternOf(s string) (pattern []byte, fold bool) {
	fold = s == strings.ToLower(s)
	for s != "" {
		if s[0] == '\\' && len(s) > 1 {
			if v, n, ok := escape(s); ok {
				pattern = append(pattern, v)
				s = s[n:]
				continue
			}
		}
		pattern = append(pattern, s[0])
		s = s[1:]
	}
	if fold {
		lower(pattern)
	}
	return pattern, fold
}

// escape reads the escape that s begins with.
func escape(s string) (b byte, n int, ok bool) {
	if s[1] == 'x' && len(s) >= 4 {
		v, err := strconv.ParseUint(s[2:4], 16, 8)
		return byte(v), 4, err == nil
	}
	i := strings.IndexByte(`nrt0\`, s[1])
	if i < 0 {
		return 0, 0, false
	}
	return "\n\r\t\x00\\"[i], 2, true
}

// lower makes ASCII letters lower-case, in place.
func lower(b []byte) {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
}

// each calls fn with the positions of the pattern in b, whose letters are lower-case if it folds.
func (f *finder) each(b []byte, fn func(i int) bool) {
	for i := 0; len(f.pattern) > 0; {
		k := bytes.Index(b[i:], f.pattern)
		if k < 0 || !fn(i+k) {
			return
		}
		i += k + len(f.pattern)
	}
}

// styleAt reports whether the byte at off belongs to a hit, and the style of that hit.
func (f *finder) styleAt(off int64, st *styles) (style, bool) {
	if len(f.pattern) == 0 || len(f.hits) == 0 {
		return style{}, false
	}
	lo, hi := 0, len(f.hits)
	for lo < hi { // the first hit after off
		if mid := (lo + hi) / 2; f.hits[mid] > off {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo == 0 || off >= f.hits[lo-1]+int64(len(f.pattern)) {
		return style{}, false
	}
	if lo-1 == f.at {
		return st.foundHere, true
	}
	return st.found, true
}

// painted puts the hits on top of a piece's own paint.
func (f *finder) painted(p *piece, st *styles, under paint) paint {
	if len(f.pattern) == 0 {
		return under
	}
	return func(i int) (style, int) {
		if found, ok := f.styleAt(p.off+int64(i), st); ok {
			return found, i + 1
		}
		own, _ := under(i)
		return own, i + 1
	}
}

// says adds the result of the search to a text.
func (f *finder) says(text string, lk *look) string {
	if s := f.count(); s != "" {
		return s + " " + lk.sg.dot + " " + text
	}
	return text
}

// count says how many hits there are.
func (f *finder) count() string {
	n := human.Comma(len(f.hits))
	if f.full {
		n = "the first " + n
	}
	switch {
	case len(f.pattern) == 0:
		return ""
	case len(f.hits) == 0 && f.done:
		return "not found"
	case len(f.hits) == 0:
		return "looking"
	case !f.done:
		n += " so far"
	}
	if f.at < 0 {
		return n + " found"
	}
	return human.Comma(f.at+1) + " of " + n
}

// askFind asks for a text, and searches while the user types.
func (p *viewer) askFind() {
	start := p.offset()
	q := newPrompt("find:", "")
	p.finding = q
	q.changed = func(text string) tea.Cmd {
		cmd := p.look(text, start)
		q.aside = p.find.count()
		return cmd
	}
	q.dropped = func() tea.Cmd {
		p.find = finder{seq: p.find.seq + 1}
		p.seek(goal{byOffset, start}, start)
		return p.follow()
	}
	p.h.ask(q)
}

// look starts a search for the typed text, from the beginning of the file. It goes to the first hit
// from byte start on.
func (p *viewer) look(text string, start int64) tea.Cmd {
	pattern, fold := patternOf(text)
	p.find = finder{seq: p.find.seq + 1, pattern: pattern, fold: fold, at: -1, from: start}
	if len(pattern) == 0 || p.doc == nil {
		p.find.pattern = nil
		return nil
	}
	return p.findCmd(nil)
}

// nextHit goes to the next or the previous hit.
func (p *viewer) nextHit(n int) tea.Cmd {
	f := &p.find
	switch {
	case len(f.pattern) == 0:
		return p.h.say("no search to repeat: " + p.h.keys().lookFor.first() + " searches")
	case len(f.hits) == 0:
		return p.h.say(f.count())
	case !f.done && f.at+n >= len(f.hits), !f.done && f.at+n < 0:
		return p.h.say("still looking for more")
	}
	p.toHit((f.at + n + len(f.hits)) % len(f.hits))
	return nil
}

// toHit goes to a hit.
func (p *viewer) toHit(i int) {
	f := &p.find
	f.at = i
	off := f.hits[i]
	if p.hex {
		n := p.bytes.perRow(p)
		if off < p.bytes.top || off >= p.bytes.top+n*int64(p.high) {
			p.bytes.top = max(off-n*int64(p.high/3), 0)
			p.bytes.settle(p)
		}
		return
	}
	p.text.want, p.text.hit = &goal{byOffset, off}, true
}

// hitsMsg brings the hits in a part of the file.
type hitsMsg struct {
	p    *viewer
	seq  int // of the finder
	hits []int64
	pos  int64
	buf  []byte
	err  error
}

func (msg hitsMsg) update() tea.Cmd {
	p := msg.p
	f := &p.find
	if msg.seq != f.seq || p.doc == nil {
		return nil
	}
	if msg.err != nil {
		p.failed(msg.err)
		return nil
	}
	f.hits, f.pos = append(f.hits, msg.hits...), msg.pos
	f.full = len(f.hits) >= maxHits
	f.done = f.full || f.pos >= p.doc.Size()
	if f.at < 0 {
		for i, off := range f.hits {
			if off >= f.from {
				p.toHit(i)
				break
			}
		}
		if f.at < 0 && f.done && len(f.hits) > 0 {
			p.toHit(0)
		}
	}
	if p.h.asking(p.finding) {
		p.finding.aside = f.count()
	}
	var next tea.Cmd
	if !f.done {
		next = p.findCmd(msg.buf)
	}
	return tea.Batch(next, p.follow())
}

// findCmd searches the next part of the file. buf is the previous step's buffer.
func (p *viewer) findCmd(buf []byte) tea.Cmd {
	f, doc := p.find, p.doc
	ctx, seq := p.ctx, f.seq
	return func() tea.Msg { return findStep(ctx, p, seq, &f, doc, buf) }
}

func findStep(ctx context.Context, p *viewer, seq int, f *finder, doc content, buf []byte) tea.Msg {
	n := min(readStep+int64(len(f.pattern)), doc.Size()-f.pos)
	if int64(len(buf)) < n {
		buf = make([]byte, n)
	}
	if _, err := doc.ReadAt(ctx, buf[:n], f.pos); err != nil {
		return hitsMsg{p: p, seq: seq, err: err}
	}
	if f.fold {
		lower(buf[:n])
	}
	msg := hitsMsg{p: p, seq: seq, buf: buf}
	// A hit at the very end may continue in the next part, so the next step finds it.
	msg.pos = f.pos + n
	if msg.pos < doc.Size() {
		msg.pos -= int64(len(f.pattern) - 1)
	}
	f.each(buf[:n], func(i int) bool {
		msg.hits = append(msg.hits, f.pos+int64(i))
		msg.pos = max(msg.pos, f.pos+int64(i+len(f.pattern)))
		return len(f.hits)+len(msg.hits) < maxHits
	})
	return msg
}

// askGoTo asks for a line of text, or a byte, to go to.
func (p *viewer) askGoTo() {
	label := "line:"
	if p.hex {
		label = "byte:"
	}
	q := newPrompt(label, "")
	q.done = func(text string) tea.Cmd {
		text = strings.TrimSpace(text)
		if text == "" {
			return nil
		}
		n, err := strconv.ParseInt(text, 0, 64)
		if err != nil || n < 0 {
			return p.h.fail(fmt.Errorf("not a number: %q", text))
		}
		if p.doc == nil {
			return nil
		}
		p.seek(goal{byLine, max(n-1, 0)}, n)
		return p.follow()
	}
	p.h.ask(q)
}
