package ui

import (
	"errors"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/redact"
)

// picker is the page with the images that can be opened: the first screen if peel gets no image,
// and a page on top of an image to open another one.
type picker struct {
	list
	h       pickerHost
	lk      *look
	sources []Source
	now     func() time.Time

	states  []sourceState // of the sources
	asked   int           // how often the sources were queried
	found   int           // all images
	images  []*Candidate  // listed images
	order   imageOrder
	search  string
	refused map[string]string // by reference: why an image could not be opened, clean
	failed  string            // the last image that could not be opened
	start   string            // the cursor begins on the image with this reference; "" once it has moved

	marked *Candidate // to compare with the next one chosen; nil without one

	inside bool   // the picker is on top of an image
	open   string // the reference of that image

	wide, high int
	widest     int // columns of the longest name, and of the longest source
	widestFrom int
	notes      styledLines // below the list
	stale      bool        // the notes are out of date
	told       string      // the reference of the image that the notes are about
}

// A pickerHost is what the picker sees of the program.
type pickerHost interface {
	host
	openImage(c *Candidate) tea.Cmd
	comparePair(before, after *Candidate) tea.Cmd
}

func newPicker(h pickerHost, sources []Source, now func() time.Time) *picker {
	return &picker{h: h, lk: h.look(), sources: sources, now: now, states: make([]sourceState, len(sources))}
}

func (p *picker) current() (*Candidate, bool) {
	if p.cursor >= len(p.images) {
		return nil, false
	}
	return p.images[p.cursor], true
}

func (p *picker) title(int) (left, right string) {
	left = "Images"
	switch {
	case p.search != "":
		left += " " + p.lk.sg.dot + " " + human.Comma(int64(len(p.images))) + " of " + human.Comma(int64(p.found)) + " match"
	case p.found > 0:
		left += " " + p.lk.sg.dot + " " + human.Comma(int64(p.found))
	}
	sign := p.lk.sg.order
	if _, back := p.order.base(); back {
		sign = p.lk.sg.back
	}
	return left, "by " + p.order.String() + " " + sign
}

// chips returns the list's search, and its order unless that is the initial one.
func (p *picker) chips() []chip {
	var out []chip
	if p.order != byAge {
		text := "by " + p.order.String()
		if _, back := p.order.base(); back {
			text += " " + p.lk.sg.back
		}
		out = append(out, chip{text, func() tea.Cmd { return p.orderBy(byAge) }})
	}
	if p.search != "" {
		out = append(out, chip{"search: " + p.lk.text(p.search), func() tea.Cmd {
			p.search = ""
			p.fill()
			return nil
		}})
	}
	return out
}

// openOrders shows the menu of the list's orders.
func (p *picker) openOrders() {
	now, _ := p.order.base()
	var items []menuItem
	for by := range imageOrders {
		text := [imageOrders]string{"age, newest first", "name", "size, largest first"}[by]
		items = append(items, menuItem{text: text, current: by == now, do: func() tea.Cmd { return p.orderBy(by) }})
	}
	openMenu(p.h, "Order by", items, p.h.keys().pickSort)
}

func (p *picker) asideClicked() { p.openOrders() }

func (p *picker) orderBy(by imageOrder) tea.Cmd {
	p.order = by
	p.fill()
	return nil
}

func (p *picker) foot() string {
	hidden := p.lk.outOfSight(p.top, p.rows-p.top-p.page)
	if p.marked != nil {
		keys := p.h.keys()
		return strings.TrimSpace(keys.pickOpen.first() + " compares with " + cut(p.lk.line(p.marked.Name), max(p.wide/3, 8), p.lk.sg.tail) + "  " + hidden)
	}
	if p.inside && hidden == "" {
		return "esc closes"
	}
	return hidden
}

func (p *picker) restyle() { p.stale = true }

// resize makes room for the notes, which take at most a third of the page.
func (p *picker) resize(w, h int) {
	at := ""
	if c, ok := p.current(); ok {
		at = c.Ref
	}
	if p.wide != w || p.high != h || p.stale || at != p.told {
		p.wide, p.high, p.stale, p.told = w, h, false, at
		p.tell(w-2, max(h/3, 1))
	}
	room := 0
	if len(p.notes) > 0 && h > 4 {
		room = len(p.notes) + 1 // and a line above them
	}
	p.list.resize(len(p.images), h-1-room)
}

// tell writes the notes below the list: errors, and sources that haven't answered. If they don't
// fit into this many rows, each note gets one.
func (p *picker) tell(w, rows int) {
	st := &p.lk.st
	var notes []span
	if c, ok := p.current(); ok && p.refused[c.Ref] != "" {
		notes = append(notes, span{st.failure, p.refused[c.Ref]})
	} else if p.failed != "" && p.refused[p.failed] != "" && !p.lists(p.failed) {
		notes = append(notes, span{st.failure, p.refused[p.failed]})
	}
	if names := p.pending(); len(names) > 0 {
		notes = append(notes, span{st.text, "asking " + strings.Join(names, ", ") + p.lk.sg.tail})
	}
	for _, s := range p.states {
		if s.err == nil || s.pending {
			continue
		}
		text := st.failure
		if errors.Is(s.err, ErrNoSource) {
			text = st.dim
		}
		notes = append(notes, span{text, p.lk.line(redact.Text(s.err.Error()))})
	}
	p.notes = nil
	for _, n := range notes {
		for _, row := range wrap(n.text, max(w, 1)) {
			p.notes.add(span{n.st, row})
		}
	}
	if len(p.notes) > rows {
		p.notes = nil
		for _, n := range notes[:min(len(notes), rows)] {
			p.notes.add(n)
		}
	}
}

func (p *picker) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	p.start = ""
	if p.list.key(keys, k) {
		return nil, true
	}
	switch {
	case keys.pickOpen.matches(k):
		return p.choose(), true
	case keys.pickMark.matches(k):
		p.mark()
	case keys.pickSearch.matches(k):
		p.askSearch()
	case keys.pickSort.matches(k):
		p.openOrders()
	case keys.reverse.matches(k):
		return p.orderBy(p.order ^ imagesReversed), true
	case keys.pickAgain.matches(k):
		return p.askSources(), true
	case keys.back.matches(k) && p.search != "":
		p.search = ""
		p.fill()
	case keys.back.matches(k) && p.marked != nil:
		p.marked = nil
	case !p.inside && keys.quit.matches(k):
		return tea.Quit, true
	case !p.inside && keys.back.matches(k):
		return p.h.say("no image is open to go back to: " + keys.quit.first() + " quits"), true
	default:
		return nil, false
	}
	return nil, true
}

// startAt puts the cursor on the image with a reference, as soon as that is listed.
func (p *picker) startAt(ref string) {
	p.open = ref
	if ref != "" {
		p.start = ref
		p.fill()
	}
}

// refuse records why an image could not be opened; it stays in the list with the reason.
func (p *picker) refuse(ref, why string) {
	if p.refused == nil {
		p.refused = map[string]string{}
	}
	p.refused[ref], p.failed, p.stale = why, ref, true
	p.start = ref
	p.fill()
}

// lists reports whether the list has the image of a reference.
func (p *picker) lists(ref string) bool { return p.index(ref) >= 0 }

// index returns the row of the image with a reference, or -1: the user may have named a file in
// another way than the list does.
func (p *picker) index(ref string) int {
	at := slices.IndexFunc(p.images, func(c *Candidate) bool { return c.Ref == ref })
	if at < 0 {
		plain := strings.TrimPrefix(ref, "./")
		at = slices.IndexFunc(p.images, func(c *Candidate) bool { return strings.TrimPrefix(c.Ref, "./") == plain || c.Name == plain })
	}
	return at
}

// mark marks only the image under the cursor, or, if that is already marked, none.
func (p *picker) mark() {
	c, ok := p.current()
	switch {
	case !ok:
	case p.isMarked(c):
		p.marked = nil
	default:
		one := *c
		p.marked = &one
	}
}

func (p *picker) isMarked(c *Candidate) bool { return p.marked != nil && p.marked.Ref == c.Ref }

// choose opens the image under the cursor, or compares the marked one with it.
func (p *picker) choose() tea.Cmd {
	c, ok := p.current()
	switch {
	case !ok:
		return nil
	case p.isMarked(c):
		return p.h.say("this is the marked image: go to another one to compare it with, or unmark it with " + p.h.keys().pickMark.first())
	case p.marked != nil:
		before := p.marked
		p.marked = nil
		return p.h.comparePair(before, c)
	}
	return p.h.openImage(c)
}

// askSearch searches while the user types. The arrows move within the matches, enter opens one,
// esc cancels the search.
func (p *picker) askSearch() {
	q := newPrompt("search:", p.search)
	q.chips = true
	before := p.search
	q.changed = func(text string) tea.Cmd {
		p.search, p.start = text, ""
		p.fill()
		q.aside = human.Comma(int64(len(p.images))) + " of " + human.Comma(int64(p.found))
		return nil
	}
	q.other = func(k tea.KeyPressMsg) (tea.Cmd, bool) {
		switch k.String() {
		case "up", "down", "pgup", "pgdown":
			return nil, p.list.key(p.h.keys(), k)
		}
		return nil, false
	}
	q.done = func(string) tea.Cmd { return p.choose() }
	q.dropped = func() tea.Cmd {
		p.search = before
		p.fill()
		return nil
	}
	p.h.ask(q)
}

// clickHead orders the list by the column whose title is at column x.
func (p *picker) clickHead(x int) {
	c := p.columns()
	at := 1 + c.name
	by, ok := byImageName, x < at
	if c.from {
		at += 2 + c.fromWide
	}
	if c.size && x > at && x <= at+2+sizeWidth {
		by, ok = byImageSize, true
	}
	at += 2 + sizeWidth
	if c.age && x > at && x <= at+2+ageWidth {
		by, ok = byAge, true
	}
	if ok {
		if by == p.order { // a second click reverses the order
			by ^= imagesReversed
		}
		p.orderBy(by)
	}
}

func (p *picker) mouse(msg tea.MouseMsg, x, y int) tea.Cmd {
	at := msg.Mouse()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		p.list.scroll(wheel(at.Button))
	case tea.MouseClickMsg:
		if at.Button == tea.MouseLeft && y == 0 {
			p.clickHead(x)
			return nil
		}
		i := p.top + y - 1
		if at.Button != tea.MouseLeft || y < 1 || y > p.page || i >= p.rows {
			return nil
		}
		p.to(i)
		if p.h.doubleClick(at.X, at.Y) {
			return p.choose()
		}
	}
	return nil
}

func (p *picker) hints(k *keyMap) []hint {
	if p.marked != nil {
		compare := k.pickOpen
		compare.short = "compare"
		unmark := k.pickMark
		unmark.short = "unmark"
		return []hint{{k.down, k.up}, {compare}, {unmark}, {k.pickSearch}, {k.pickSort}, {k.pickAgain}}
	}
	return []hint{{k.down, k.up}, {k.pickOpen}, {k.pickMark}, {k.pickSearch}, {k.pickSort}, {k.pickAgain}}
}

func (p *picker) groups(k *keyMap) []keyGroup { return pickerKeys(k) }

func pickerKeys(k *keyMap) []keyGroup {
	return []keyGroup{k.moving(), {"Images", []binding{k.pickOpen, k.pickMark, k.pickSearch, k.pickSort, k.reverse, k.pickAgain}}}
}
