package ui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/redact"
)

// noticeLasts is how long a notice stays in the footer.
const noticeLasts = 5 * time.Second

// A notice is a short message in place of the footer: what was done, or why not.
type notice struct {
	text   string // clean
	failed bool
	seq    int
}

func (m *model) say(text string) tea.Cmd { return m.notify(text, false) }

func (m *model) fail(err error) tea.Cmd { return m.notify(m.lk.line(redact.Text(err.Error())), true) }

func (m *model) notify(text string, failed bool) tea.Cmd {
	m.notice = notice{text: text, failed: failed, seq: m.notice.seq + 1}
	return m.after(noticeLasts, noticeGoneMsg{m.notice.seq})
}

// noticeGoneMsg removes a notice, unless a newer one replaced it.
type noticeGoneMsg struct{ seq int }

func (msg noticeGoneMsg) update(m *model) tea.Cmd {
	if msg.seq == m.notice.seq {
		m.notice.text = ""
	}
	return nil
}

// render draws the notice.
func (n *notice) render(l *line, lk *look) {
	st := lk.st.text
	if n.failed {
		st = lk.st.failure
	}
	l.skip(1)
	l.put(st, n.text)
	l.fill()
}
