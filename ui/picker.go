package ui

import (
	"errors"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/human"
)

// picker is the page with the images that can be opened: what peel begins with
// if it is not told of one, and what lies over an image to open another.
type picker struct {
	list
	lk     *look
	places []Place
	now    func() time.Time

	states  []placeState // of the places
	asked   int          // how often the places were asked
	found   int          // images in all
	images  []*Candidate // those that are listed
	order   imageOrder
	search  string
	failure string // why what was picked could not be opened, clean; "" if nothing is wrong

	inside bool // it lies over an image

	wide, high int
	widest     int // columns of the longest name, and of the longest place
	widestFrom int
	notes      prose // below the list
	stale      bool  // the notes are not what they would be now
}

func newPicker(m *model) *picker {
	return &picker{lk: &m.look, places: m.places, now: m.now, states: make([]placeState, len(m.places))}
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
		left += " " + p.lk.sg.dot + " " + human.Comma(int64(len(p.images))) + " of " + human.Comma(int64(p.found)) + " match " + p.lk.text(p.search)
	case p.found > 0:
		left += " " + p.lk.sg.dot + " " + human.Comma(int64(p.found))
	}
	return left, "by " + p.order.String() + " " + p.lk.sg.order
}

func (p *picker) foot() string {
	hidden := outOfSight(p.top, p.rows-p.top-p.page)
	if p.inside && hidden == "" {
		return "esc closes"
	}
	return hidden
}

func (p *picker) renew(*model) { p.stale = true }

// resize makes room for the notes, which take a third of the page at most.
func (p *picker) resize(w, h int) {
	if p.wide != w || p.high != h || p.stale {
		p.wide, p.high, p.stale = w, h, false
		p.tell(w-2, max(h/3, 1))
	}
	room := 0
	if len(p.notes) > 0 && h > 4 {
		room = len(p.notes) + 1 // and a line above them
	}
	p.list.resize(len(p.images), h-1-room)
}

// tell writes what goes below the list: what is wrong, and who has not answered.
// Where that does not fit into so many rows, each note gets one.
func (p *picker) tell(w, rows int) {
	st := &p.lk.st
	var notes []span
	if p.failure != "" {
		notes = append(notes, span{st.failure, p.failure})
	}
	if names := p.pending(); len(names) > 0 {
		notes = append(notes, span{st.text, "asking " + strings.Join(names, ", ") + p.lk.sg.tail})
	}
	for _, s := range p.states {
		if s.err == nil || s.pending {
			continue
		}
		text := st.failure
		if errors.Is(s.err, ErrNoPlace) {
			text = st.dim
		}
		notes = append(notes, span{text, p.lk.line(s.err.Error())})
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

func (p *picker) key(m *model, k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := m.keys
	if p.list.key(keys, k) {
		return nil, true
	}
	switch {
	case keys.pickOpen.matches(k):
		return p.choose(m), true
	case keys.pickSearch.matches(k):
		p.askSearch(m)
	case keys.pickSort.matches(k):
		p.order = (p.order + 1) % imageOrders
		p.fill()
	case keys.pickAgain.matches(k):
		return p.askPlaces(m), true
	case keys.back.matches(k) && p.search != "":
		p.search = ""
		p.fill()
	case m.a == nil && (keys.back.matches(k) || keys.quit.matches(k)):
		return tea.Quit, true
	default:
		return nil, false
	}
	return nil, true
}

// choose opens the image under the cursor.
func (p *picker) choose(m *model) tea.Cmd {
	c, ok := p.current()
	if !ok {
		return nil
	}
	return m.openImage(c)
}

// askSearch searches as one types. The arrows move in what is found, enter opens
// it, esc drops the search.
func (p *picker) askSearch(m *model) {
	q := newPrompt("search:", p.search)
	before := p.search
	q.changed = func(text string) tea.Cmd {
		p.search = text
		p.fill()
		q.aside = human.Comma(int64(len(p.images))) + " of " + human.Comma(int64(p.found))
		return nil
	}
	q.other = func(k tea.KeyPressMsg) (tea.Cmd, bool) {
		switch k.String() {
		case "up", "down", "pgup", "pgdown":
			return nil, p.list.key(m.keys, k)
		}
		return nil, false
	}
	q.done = func(string) tea.Cmd { return p.choose(m) }
	q.dropped = func() tea.Cmd {
		p.search = before
		p.fill()
		return nil
	}
	m.ask(q)
}

func (p *picker) mouse(m *model, msg tea.MouseMsg, _, y int) tea.Cmd {
	at := msg.Mouse()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		p.list.scroll(wheel(at.Button))
	case tea.MouseClickMsg:
		i := p.top + y - 1
		if at.Button != tea.MouseLeft || y < 1 || y > p.page || i >= p.rows {
			return nil
		}
		p.to(i)
		if m.double(at.X, at.Y) {
			return p.choose(m)
		}
	}
	return nil
}

func (p *picker) hints(k *keyMap) []hint {
	return []hint{{k.down, k.up}, {k.pickOpen}, {k.pickSearch}, {k.pickSort}, {k.pickAgain}}
}

func (p *picker) groups(k *keyMap) []keyGroup {
	return []keyGroup{k.moving(), {"Images", []binding{k.pickOpen, k.pickSearch, k.pickSort, k.pickAgain}}}
}

// Columns of the picker. What stands in them is cut to fit.
const (
	fromWidth     = 14 // more where there is room
	layersWidth   = 6
	ageWidth      = 9
	platformWidth = 14
	leastName     = 20 // columns that a name has left before another column goes
)

// pickerColumns are the columns that there is room for, beside the name.
type pickerColumns struct {
	from, size, age, layers, platform bool
	name, fromWide                    int
}

// columns chooses what there is room for: what matters least goes first.
func (p *picker) columns() pickerColumns {
	c := pickerColumns{name: p.wide - 1, fromWide: max(min(p.widestFrom, fromWidth), len("from"))} // without the cursor's mark
	for _, col := range []struct {
		there *bool
		wide  int
	}{{&c.size, sizeWidth}, {&c.from, c.fromWide}, {&c.age, ageWidth}, {&c.layers, layersWidth}, {&c.platform, platformWidth}} {
		if c.name-col.wide-2 < leastName {
			break
		}
		*col.there = true
		c.name -= col.wide + 2
	}
	// What the names leave is for the places.
	spare := c.name - max(min(p.widest, c.name), leastName)
	c.name -= max(spare, 0)
	if c.from {
		c.fromWide = max(min(p.widestFrom, c.fromWide+spare), c.fromWide)
	}
	return c
}

func (p *picker) render(l *line, i int) {
	st, sg := &p.lk.st, &p.lk.sg
	switch {
	case i == 0:
		l.skip(1)
		p.row(l, [6]string{"name", "from", "size", "age", "layers", "platform"}, [3]style{st.dim, st.dim, st.dim})
		return
	case i > p.page:
		if i -= p.page + 1; i == 0 {
			l.repeat(st.idleBorder, sg.top, l.left)
			return
		}
		l.skip(1)
		p.notes.render(l, i-1)
		return
	}
	i += p.top - 1
	if i >= len(p.images) {
		if i == 0 {
			l.skip(1)
			l.put(st.dim, p.nothing())
		}
		return
	}
	if i == p.cursor {
		l.base = st.selected
		l.put(st.key, sg.mark)
	} else {
		l.skip(1)
	}
	c := p.images[i]
	size, layers := "?", "?"
	if c.Size >= 0 {
		size = human.Size(c.Size)
	}
	if c.Layers >= 0 {
		layers = strconv.Itoa(c.Layers)
	}
	p.row(l, [6]string{
		p.lk.line(c.Name), p.lk.line(c.From), size, human.Age(p.now(), c.Created), layers, p.lk.line(c.Platform),
	}, [3]style{st.strong, st.text, st.dim})
}

// row draws the columns that there is room for. The styles are those of the
// name, of figures, and of the rest.
func (p *picker) row(l *line, texts [6]string, st [3]style) {
	cols := p.columns()
	part(l, cols.name, func(l *line) { l.put(st[0], cutLeft(texts[0], l.left, p.lk.sg.tail)) })
	gap := func() { l.skip(2) }
	if cols.from {
		gap()
		part(l, cols.fromWide, func(l *line) { l.put(st[2], texts[1]) })
	}
	if cols.size {
		gap()
		l.right(st[1], texts[2], sizeWidth)
	}
	if cols.age {
		gap()
		l.right(st[1], texts[3], ageWidth)
	}
	if cols.layers {
		gap()
		l.right(st[1], texts[4], layersWidth)
	}
	if cols.platform {
		gap()
		part(l, platformWidth, func(l *line) { l.put(st[2], texts[5]) })
	}
	l.fill()
}

// nothing says why no image is listed.
func (p *picker) nothing() string {
	switch {
	case p.found > 0:
		return "no image matches: " + p.lk.text(p.search)
	case len(p.pending()) > 0:
		return "looking for images" + p.lk.sg.tail
	}
	return "no images here: build or pull one, or open a saved one: peel app.tar"
}
