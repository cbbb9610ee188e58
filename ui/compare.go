package ui

import (
	"context"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// comparison is the page that compares a version with the one below: a unified
// diff of texts; for other files the sizes, the checksums and the first
// different byte; for everything the attributes.
type comparison struct {
	scroller
	h    host
	lk   *look
	ctx  context.Context // done when the page is closed
	stop context.CancelFunc

	is, was analyze.Version
	path    string    // clean
	words   [2]string // names of the older and the newer version's image; "" if it is the same
	wide    int
	x       int // the column that the diff begins with
	head    styledLines
	done    int64          // bytes that have been compared
	all     int64          // all bytes to compare
	result  *compareResult // nil until it is known
	broken  string
	reread  rereading
}

// openComparison compares the chosen version with the one below it.
func (e *explorer) openComparison() tea.Cmd {
	v, ok := e.chosen()
	if !ok {
		return e.h.say("no file here")
	}
	return compareVersion(e.h, v)
}

// compareVersion opens a page that compares v with the version below it.
func compareVersion(h host, v analyze.Version) tea.Cmd {
	t := h.analysis().Tree
	name := h.look().text(t.Path(v.Node()))
	if v.Change() == analyze.Removed {
		return h.say(fmt.Sprintf("layer %d removes %s: nothing to compare", v.Layer(), name))
	}
	was := versionBelow(t.Versions(v.Node()), v.Layer())
	if was == nil {
		return h.say(fmt.Sprintf("%s does not exist below layer %d: nothing to compare it with", name, v.Layer()))
	}
	return compareBoth(h, v, *was, name, [2]string{})
}

// compareBoth opens a page that compares two versions of a path, which is clean, newer version
// first. The words name the two images, or are "" for versions of one image.
func compareBoth(h host, v, was analyze.Version, name string, words [2]string) tea.Cmd {
	p := &comparison{h: h, lk: h.look(), is: v, was: was, path: name, words: words}
	p.ctx, p.stop = context.WithCancel(h.context())
	p.all = max(v.Size(), was.Size())
	files := v.Kind() == analyze.TypeFile && was.Kind() == analyze.TypeFile
	if !files {
		p.result = &compareResult{} // nothing to read
	}
	h.open(p)
	if !files {
		return nil
	}
	p.reread = h.reread()
	return tea.Batch(p.beginCmd(), redrawCmd(h, p))
}

func (p *comparison) closed() { p.stop() }

// rereads reports whether nothing has been compared yet.
func (p *comparison) rereads() bool {
	return p.result == nil && p.broken == "" && p.done == 0 && p.ctx.Err() == nil
}

func (p *comparison) restyle() { p.wide = 0 }

func (p *comparison) title(w int) (left, right string) {
	right = fmt.Sprintf("layer %d %s layer %d", p.is.Layer(), p.lk.sg.was, p.was.Layer())
	if p.words[now] != "" {
		right = fmt.Sprintf("%s, layer %d %s %s, layer %d", p.words[now], p.is.Layer(), p.lk.sg.was, p.words[then], p.was.Layer())
	}
	return cutLeft(p.path, w-width(right)-3, p.lk.sg.tail), right
}

func (p *comparison) foot() string {
	switch {
	case p.broken != "":
		return "esc closes"
	case p.result == nil && p.done > 0:
		return "comparing: " + percent(p.done, p.all) + ", esc stops"
	case p.result == nil:
		return p.reread.says("comparing", p.lk)
	}
	return p.lk.outOfSight(p.hidden())
}

func (p *comparison) hints(k *keyMap) []hint {
	if p.result == nil || len(p.result.lines) == 0 {
		return []hint{{k.down, k.up}}
	}
	return []hint{{k.down, k.up}, {k.left, k.right}}
}

func (p *comparison) groups(k *keyMap) []keyGroup { return comparisonKeys(k) }

func comparisonKeys(k *keyMap) []keyGroup {
	return []keyGroup{k.moving(), {"Comparison", []binding{k.left, k.right}}}
}

func (p *comparison) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	switch {
	case keys.left.matches(k):
		p.x = max(p.x-sideStep, 0)
	case keys.right.matches(k):
		if p.result != nil && p.x+sideStep < p.result.widest {
			p.x += sideStep
		}
	default:
		return nil, p.scroller.key(keys, k)
	}
	return nil, true
}

func (p *comparison) mouse(msg tea.MouseMsg, _, _ int) tea.Cmd {
	p.wheel(msg)
	return nil
}

func (p *comparison) resize(w, h int) {
	if w != p.wide {
		p.wide = w
		p.make()
	}
	n := len(p.head)
	if p.result != nil {
		n += len(p.result.lines)
	}
	p.scroller.resize(n, h)
}

func (p *comparison) render(l *line, i int) {
	i += p.top
	l.skip(1)
	switch {
	case i < len(p.head):
		p.head.render(l, i)
	case p.result != nil && i-len(p.head) < len(p.result.lines):
		p.line(l, p.result.lines[i-len(p.head)])
	}
	l.fill()
}

// line draws a line of the diff. Its first column, the sign, doesn't scroll sideways.
func (p *comparison) line(l *line, text string) {
	st := &p.lk.st
	how, sign := st.text, " "
	switch text[0] {
	case '+':
		how, sign = st.change[analyze.Added], "+"
	case '-':
		how, sign = st.change[analyze.Removed], "-"
	case '@':
		l.put(st.key, p.lk.text(text))
		return
	case '\\':
		l.put(st.dim, p.lk.text(text))
		return
	}
	l.put(how, sign)
	l.skip(1)
	rest := []byte(text[1:])
	p.lk.drawText(l, rest, p.x, min(len(rest), maxPiece), p.lk.sg.more, func(int) (style, int) { return how, len(rest) + 1 })
}

// make writes the lines above the diff.
func (p *comparison) make() {
	st, sg := &p.lk.st, &p.lk.sg
	p.head = p.head[:0]
	row := func(name, was, is string) {
		if was == "" && is == "" {
			return
		}
		spans := []span{{st.dim, fmt.Sprintf("%-8s", name)}}
		if was == is {
			spans = append(spans, span{st.text, is}, span{st.faint, "  the same"})
		} else {
			spans = append(spans, span{st.text, is}, span{st.waste, " " + sg.was + " " + was})
		}
		p.head.add(spans...)
	}
	is, was := p.is, p.was
	target := func(v analyze.Version) string { to, _ := v.Target(); return p.lk.text(to) }
	if was.Kind() != is.Kind() {
		row("kind", was.Kind().String(), is.Kind().String())
	}
	row("target", target(was), target(is))
	row("mode", fmt.Sprintf("%04o", was.Mode()), fmt.Sprintf("%04o", is.Mode()))
	row("owner", fmt.Sprintf("%d:%d", was.UID(), was.GID()), fmt.Sprintf("%d:%d", is.UID(), is.GID()))
	row("time", timeOf(was), timeOf(is))
	p.xattrs(row)
	if is.Kind() == analyze.TypeFile && was.Kind() == analyze.TypeFile {
		row("size", size(was.Size()), size(is.Size()))
	}
	switch r := p.result; {
	case p.broken != "":
		p.head.gap()
		p.head.add(span{st.failure, p.broken})
	case r == nil:
		p.head.gap()
		p.head.add(span{st.dim, "comparing" + sg.tail})
	case r.files:
		p.sums(row)
	}
	if p.result != nil && len(p.result.lines) > 0 {
		p.head.gap()
	}
}

// sums describes the result of comparing the contents.
func (p *comparison) sums(row func(name, was, is string)) {
	st, r := &p.lk.st, p.result
	if p.wide >= 2*64+16 || r.wasSum == r.isSum {
		row("sha256", r.wasSum, r.isSum)
	} else { // they don't fit side by side
		p.head.add(span{st.dim, "sha256  "}, span{st.text, r.isSum})
		p.head.add(span{st.waste, fmt.Sprintf("%8s", p.lk.sg.was+" ")}, span{st.waste, r.wasSum})
	}
	if r.first >= 0 {
		where := fmt.Sprintf("first at byte %s (%#x)", human.Comma(r.first), r.first)
		if r.first == min(p.is.Size(), p.was.Size()) {
			where += ", where the shorter one ends"
		}
		p.head.add(span{st.dim, "differ  "}, span{st.text, where})
	}
	if r.note != "" {
		p.head.add(span{st.dim, "diff    "}, span{st.text, r.note})
	}
}

// xattrs adds a row for every extended attribute of either version.
func (p *comparison) xattrs(row func(name, was, is string)) {
	is, _ := p.is.Entry()
	was, _ := p.was.Entry()
	for _, name := range attributeNames(is.Xattrs, was.Xattrs) {
		value := func(of map[string]string) string {
			v, ok := of[name]
			if !ok {
				return "none"
			}
			return p.lk.text(fmt.Sprintf("%q", v))
		}
		row("xattr", p.lk.text(name)+" "+value(was.Xattrs), p.lk.text(name)+" "+value(is.Xattrs))
	}
}

func timeOf(v analyze.Version) string {
	if v.Time().IsZero() {
		return ""
	}
	return v.Time().UTC().Format("2006-01-02 15:04:05")
}
