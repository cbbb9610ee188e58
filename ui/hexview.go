package ui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/human"
)

// hexView shows a file byte by byte: the offset, in hexadecimal, and as ASCII.
type hexView struct {
	top  int64  // the first byte on the screen
	held []byte // of the file, from byte from on
	from int64
}

// perRow returns the number of bytes that fit in a row: 16, 8 or 4.
func (b *hexView) perRow(p *viewer) int64 {
	for _, n := range []int{16, 8} {
		if p.wide >= 1+b.digits(p)+2+3*n+n/8+n {
			return int64(n)
		}
	}
	return 4
}

// digits is the number of digits of an offset.
func (b *hexView) digits(p *viewer) int { return max(len(fmt.Sprintf("%x", p.doc.Size())), 8) }

func (b *hexView) scrollBy(p *viewer, n int) {
	b.top += int64(n) * b.perRow(p)
	b.settle(p)
}

// settle keeps the top at the beginning of a row, and the screen full.
func (b *hexView) settle(p *viewer) {
	n := b.perRow(p)
	rows := (p.doc.Size() + n - 1) / n
	b.top = max(min(b.top/n, rows-int64(p.high)), 0) * n
}

func (b *hexView) foot(p *viewer) string {
	end := min(b.top+int64(p.high)*b.perRow(p), p.doc.Size())
	return fmt.Sprintf("bytes %s to %s of %s", human.Comma(b.top), human.Comma(end), human.Comma(p.doc.Size()))
}

func (b *hexView) render(p *viewer, l *line, i int) {
	st := &p.lk.st
	n := b.perRow(p)
	at := b.top + int64(i)*n
	end := min(at+n, p.doc.Size())
	if at >= p.doc.Size() {
		return
	}
	l.skip(1)
	l.put(st.dim, fmt.Sprintf("%0*x ", b.digits(p), at))
	if at < b.from || end > b.from+int64(len(b.held)) {
		l.put(st.faint, " "+p.lk.sg.tail)
		return
	}
	row := b.held[at-b.from : end-b.from]
	style := func(k int) style {
		if found, ok := p.find.styleAt(at+int64(k), st); ok {
			return found
		}
		switch c := row[k]; {
		case c == 0:
			return st.faint
		case c < ' ' || c > '~':
			return st.dim
		}
		return st.text
	}
	for k := range int(n) {
		gap := 1
		if k > 0 && k%8 == 0 {
			gap = 2
		}
		l.skip(gap)
		if k < len(row) {
			l.put(style(k), hexBytes[2*int(row[k]):2*int(row[k])+2])
		} else {
			l.skip(2)
		}
	}
	l.skip(2)
	for k, c := range row {
		show := "."
		if c >= ' ' && c <= '~' {
			show = asciiText[c-' ' : c-' '+1]
		}
		l.put(style(k), show)
	}
}

var hexBytes = func() string {
	var b strings.Builder
	for c := range 256 {
		fmt.Fprintf(&b, "%02x", c)
	}
	return b.String()
}()

// hexMargin is how many bytes to hold before the first byte on the screen, and after it.
const hexMargin = 32 << 10

func (b *hexView) follow(p *viewer) tea.Cmd {
	screen := 2 * int64(p.high) * b.perRow(p)
	end := min(b.top+screen, p.doc.Size())
	if max(b.top-screen, 0) >= b.from && end <= b.from+int64(len(b.held)) {
		return nil
	}
	p.busy = true
	ctx, seq, doc := p.ctx, p.seq, p.doc
	from := max(b.top-screen-hexMargin, 0)
	to := min(b.top+screen+hexMargin, doc.Size())
	return func() tea.Msg {
		buf := make([]byte, to-from)
		_, err := doc.ReadAt(ctx, buf, from)
		return bytesMsg{p, seq, from, buf, err}
	}
}

// bytesMsg brings bytes of the file.
type bytesMsg struct {
	p    *viewer
	seq  int
	from int64
	held []byte
	err  error
}

func (msg bytesMsg) update() tea.Cmd {
	p := msg.p
	if msg.seq != p.seq {
		return nil
	}
	p.busy = false
	if msg.err != nil {
		p.failed(msg.err)
		return nil
	}
	p.bytes.held, p.bytes.from = msg.held, msg.from
	return p.follow()
}
