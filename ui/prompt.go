package ui

import (
	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
)

// maxTyped bounds what can be typed or pasted into a prompt, in characters.
const maxTyped = 1000

// A prompt is a question in place of the footer, with a line for the answer. While it is open
// it gets all keys except ctrl+c.
type prompt struct {
	label  string // "search:"
	aside  string // at the right: number of matches, or an error
	failed bool   // aside is an error
	chips  bool   // it narrows a list: backspace in an empty line removes the list's last chip
	input  textinput.Model

	// Callbacks for when something was typed, when enter accepts the answer, and when esc drops
	// it. Each may be nil. done may open another prompt, or this one again.
	changed func(text string) tea.Cmd
	done    func(text string) tea.Cmd
	dropped func() tea.Cmd
	// other gets keys before the line, and may consume them.
	other func(k tea.KeyPressMsg) (tea.Cmd, bool)
}

// newPrompt returns a prompt with an answer to edit.
func newPrompt(label, text string) *prompt {
	in := textinput.New()
	in.Prompt = ""
	in.CharLimit = maxTyped
	in.KeyMap.Paste = key.NewBinding() // terminals paste by themselves; don't ask other programs
	in.Focus()
	in.SetValue(text)
	in.CursorEnd()
	return &prompt{label: label, input: in}
}

func (m *model) ask(p *prompt)         { m.prompt = p }
func (m *model) asking(p *prompt) bool { return p != nil && m.prompt == p }

// promptKey handles a key while a prompt is open.
func (m *model) promptKey(k tea.KeyPressMsg) tea.Cmd {
	p := m.prompt
	if p.other != nil {
		if cmd, ok := p.other(k); ok {
			return cmd
		}
	}
	switch k.String() {
	case "enter":
		m.prompt = nil
		if p.done != nil {
			return p.done(p.input.Value())
		}
		return nil
	case "backspace":
		if p.chips && p.input.Value() == "" {
			return m.dropChip()
		}
	case "esc":
		m.prompt = nil
		if p.dropped != nil {
			return p.dropped()
		}
		return nil
	}
	return p.edit(k)
}

// edit passes a key or pasted text to the line.
func (p *prompt) edit(msg tea.Msg) tea.Cmd {
	was := p.input.Value()
	p.input, _ = p.input.Update(msg) // its commands only blink the cursor
	if text := p.input.Value(); text != was && p.changed != nil {
		return p.changed(text)
	}
	return nil
}

// render draws the prompt: the label, the part of the text around the cursor,
// and the aside.
func (p *prompt) render(l *line, lk *look) {
	st := &lk.st
	l.skip(1)
	l.put(st.key, p.label)
	l.skip(1)
	aside := ""
	if p.aside != "" {
		room := max(l.left/2, l.left-width(lk.text(p.input.Value()))-4) // the space that the typed text leaves
		aside = "  " + cut(p.aside, room, lk.sg.tail)
	}
	text := []rune(p.input.Value())
	at := min(p.input.Position(), len(text))
	room := max(l.left-width(aside)-1, 1)
	from := 0
	for from < at && width(lk.text(string(text[from:at]))) >= room {
		from++
	}
	part(l, room, func(l *line) {
		l.put(st.text, lk.text(string(text[from:at])))
		under, rest := " ", ""
		if at < len(text) {
			under, rest = lk.text(string(text[at])), lk.text(string(text[at+1:]))
		}
		l.put(st.caret, under)
		l.put(st.text, rest)
	})
	asideStyle := st.dim
	if p.failed {
		asideStyle = st.failure
	}
	l.put(asideStyle, aside)
	l.fill()
}
