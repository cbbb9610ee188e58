package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// A menuItem is one item to choose.
type menuItem struct {
	text    string
	short   string // the footer's word for it, which also finds it
	key     string // key that does the same elsewhere, as in the help; or ""
	current bool   // it is the current one
	do      func() tea.Cmd
}

// menu is the page of items to choose from: orders, or every possible action. The cursor begins on
// the current one.
type menu struct {
	list
	h     host
	lk    *look
	name  string
	items []menuItem
	shown []int   // indices in items of the listed ones
	again binding // the key that opened it moves to the next item
}

// openMenu opens a menu.
func openMenu(h host, name string, items []menuItem, again binding) *menu {
	p := &menu{h: h, lk: h.look(), name: name, items: items, again: again}
	p.match("")
	for i, it := range items {
		if it.current {
			p.cursor = i
		}
	}
	h.open(p)
	return p
}

// match lists the items that contain the words of a text: those with a short name that is or
// begins with the text first, then those of which words begin with its words. If no item contains
// them, it lists those that the text abbreviates.
func (p *menu) match(text string) {
	text = strings.ToLower(text)
	words := strings.Fields(text)
	p.shown = p.shown[:0]
	ranks := make([]int, len(p.items))
	for i, it := range p.items {
		if containsAll(strings.ToLower(it.text+" "+it.short), words) {
			ranks[i] = it.rank(text, words)
			p.shown = append(p.shown, i)
		}
	}
	if len(p.shown) == 0 {
		for i, it := range p.items {
			if abbreviates(strings.Join(words, ""), strings.ToLower(it.text)) {
				p.shown = append(p.shown, i)
			}
		}
	}
	slices.SortStableFunc(p.shown, func(a, b int) int { return cmp.Compare(ranks[a], ranks[b]) })
	p.list.resize(len(p.shown), p.page)
	p.to(0)
}

// rank says how well an item that contains the words of a text fits it; 0 is best.
func (it *menuItem) rank(text string, words []string) int {
	short, long := strings.ToLower(it.short), strings.ToLower(it.text)
	switch {
	case len(words) == 0:
		return 0 // all fit equally
	case short == text:
		return 0
	case short != "" && strings.HasPrefix(short, text):
		return 1
	case strings.HasPrefix(long, text):
		return 2
	}
	for _, w := range words {
		if !strings.Contains(" "+long+" "+short, " "+w) {
			return 4
		}
	}
	return 3
}

func containsAll(s string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}

// abbreviates reports whether long contains the letters of short in this order, each at the
// beginning of a word or directly after the previous letter: "gtl" and "golin" abbreviate "go to a
// line".
func abbreviates(short, long string) bool {
	return short != "" && abbreviated([]rune(short), []rune(long), false)
}

// abbreviated is the same from a position in long on. next says that the letter there directly
// follows the last one found.
func abbreviated(short, long []rune, next bool) bool {
	if len(short) == 0 {
		return true
	}
	for i, r := range long {
		begins := i == 0 && !next || i > 0 && long[i-1] == ' '
		if r == short[0] && (begins || i == 0 && next) && abbreviated(short[1:], long[i+1:], true) {
			return true
		}
	}
	return false
}

// choose closes the menu, and runs the item under the cursor.
func (p *menu) choose() tea.Cmd {
	p.h.closePage()
	if p.cursor >= len(p.shown) {
		return nil
	}
	return p.items[p.shown[p.cursor]].do()
}

func (p *menu) title(int) (left, right string) {
	return p.name, p.lk.outOfSight(p.top, max(p.rows-p.top-p.page, 0))
}

func (p *menu) foot() string    { return "esc closes" }
func (p *menu) restyle()        {}
func (p *menu) resize(_, h int) { p.list.resize(len(p.shown), h) }

func (p *menu) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	switch {
	case p.list.key(keys, k):
	case p.again.matches(k) && len(p.shown) > 0:
		p.to((p.cursor + 1) % len(p.shown))
	case keys.choose.matches(k):
		return p.choose(), true
	default:
		return nil, false
	}
	return nil, true
}

func (p *menu) mouse(msg tea.MouseMsg, _, y int) tea.Cmd {
	at := msg.Mouse()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		p.scroll(wheel(at.Button))
	case tea.MouseClickMsg:
		if i := p.top + y; at.Button == tea.MouseLeft && i < len(p.shown) {
			p.to(i)
			return p.choose()
		}
	}
	return nil
}

func (p *menu) hints(k *keyMap) []hint      { return []hint{{k.down, k.up}, {k.choose}} }
func (p *menu) groups(k *keyMap) []keyGroup { return menuKeys(k) }

func menuKeys(k *keyMap) []keyGroup {
	return []keyGroup{k.moving(), {"Menu", []binding{k.choose}}}
}

func (p *menu) render(l *line, i int) {
	st, sg := &p.lk.st, &p.lk.sg
	if i += p.top; i >= len(p.shown) {
		if len(p.shown) == 0 && i == 0 {
			l.put(st.dim, " no action matches")
		}
		return
	}
	it := p.items[p.shown[i]]
	if i == p.cursor {
		l.base = st.selected
		l.put(st.key, sg.mark)
	} else {
		l.skip(1)
	}
	mark := " "
	if it.current {
		mark = sg.strip[analyze.SignShows]
	}
	l.put(st.key, " "+mark+" ")
	if it.key != "" {
		l.put(st.key, it.key+strings.Repeat(" ", max(10-width(it.key), 1)))
	}
	l.put(st.text, it.text)
	l.fill()
}

// openPalette shows every possible action, those on the selected row first. Typed text finds them;
// a number goes to that layer.
func (m *model) openPalette() {
	top := m.top()
	groups := append(top.groups(m.km), m.viewKeys(), m.km.programGroup())
	first := map[string]bool{}
	for _, b := range []binding{m.km.view, m.km.compare, m.km.extract, m.km.copyPath} {
		first[b.name] = true
	}
	var rows, rest []menuItem
	seen := map[string]bool{m.km.palette.name: true}
	for _, g := range groups {
		for _, b := range g.keys {
			if seen[b.name] || b.short == "" && b.Help().Desc == "" {
				continue
			}
			seen[b.name] = true
			it := menuItem{text: b.Help().Desc, short: b.short, key: b.first(), do: func() tea.Cmd { return m.press(keyPress(b.Keys()[0])) }}
			if first[b.name] {
				rows = append(rows, it)
			} else {
				rest = append(rest, it)
			}
		}
	}
	p := openMenu(m, "Actions", append(rows, rest...), binding{})
	q := newPrompt(":", "")
	q.aside = "an action, or a layer's number"
	q.changed = func(text string) tea.Cmd {
		p.match(text)
		return nil
	}
	q.other = func(k tea.KeyPressMsg) (tea.Cmd, bool) {
		switch k.String() {
		case "up", "down", "pgup", "pgdown":
			return nil, p.list.key(m.km, k)
		}
		return nil, false
	}
	q.done = func(text string) tea.Cmd {
		if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
			m.closePage()
			return m.goToLayer(n)
		}
		return p.choose()
	}
	q.dropped = func() tea.Cmd {
		m.closePage()
		return nil
	}
	m.ask(q)
}

// goToLayer selects a layer by its number, with a way back.
func (m *model) goToLayer(n int) tea.Cmd {
	if m.pair != nil {
		return m.say("a number selects a layer of one image, but two images are open")
	}
	if m.a == nil || n < 0 || n >= len(m.a.Layers) {
		text := fmt.Sprintf("no layer %d", n)
		if m.a != nil && len(m.a.Layers) > 0 {
			text += fmt.Sprintf(": they are 0 to %d", len(m.a.Layers)-1)
		}
		return m.say(text)
	}
	m.remember(m.here())
	m.view = filesView
	m.explorer.layers.to(n)
	return m.explorer.follow()
}
