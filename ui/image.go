package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
)

// imagePage is the view of an image's own facts: its identity, how it runs, how it was built, and
// its flaws. Every line can be selected. Lines of build steps lead to their layers.
type imagePage struct {
	factPage
	a     *analyze.Analysis
	about []aboutLine // by line
}

// aboutLine is what a line of the image view is about.
type aboutLine struct {
	layer int    // layer that it leads to, or -1
	value string // text to copy, or ""
}

// openImagePage opens the view, for the table of views.
func openImagePage(h host, s *snapshot) (body, tea.Cmd) {
	p := &imagePage{factPage: factPage{h: h, lk: h.look(), name: "Image"}, a: s.a}
	p.fill = p.make
	return inFrame(h.look(), p), nil
}

func (p *imagePage) adopt(s *snapshot) tea.Cmd { //nolint:unparam // like every adopter
	p.a, p.wide = s.a, 0
	return nil
}

func (p *imagePage) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.h.keys()
	switch {
	case p.listKey(k):
	case keys.jump.matches(k):
		if at := p.about[p.cursor].layer; at >= 0 {
			return p.h.jumpToLayer(at), true
		}
	case keys.copyPath.matches(k):
		return copyText(p.h, p.about[p.cursor].value, "value"), true
	case keys.documents.matches(k):
		return viewDocuments(p.h), true
	default:
		return nil, false
	}
	return nil, true
}

func (p *imagePage) mouse(msg tea.MouseMsg, _, y int) tea.Cmd {
	if !p.click(msg, y) {
		return nil
	}
	at, layer := msg.Mouse(), p.about[p.cursor].layer
	if p.h.doubleClick(at.X, at.Y) && layer >= 0 {
		return p.h.jumpToLayer(layer)
	}
	return nil
}

func (p *imagePage) hints(k *keyMap) []hint {
	first, others := k.otherViews("image")
	return slices.Concat([]hint{{k.down, k.up}, {k.jump}, {k.narrow}, {k.documents}, {k.copyPath}}, first, others)
}

func (p *imagePage) groups(k *keyMap) []keyGroup { return imageKeys(k) }

func imageKeys(k *keyMap) []keyGroup {
	return []keyGroup{k.moving(), {"Image", []binding{k.jump, k.documents, k.narrow, k.copyPath}}}
}

// labelWidth is the number of columns for the names of facts.
const labelWidth = 12

// shownOfMany is the maximum length of lists that come from an image.
const shownOfMany = 1000

func (p *imagePage) make() {
	p.lines, p.about = p.lines[:0], p.about[:0]
	im := p.a.Image
	p.section("Image")
	p.fact("name", im.Name)
	p.fact("platform", im.FullPlatform())
	if os, _, _ := strings.Cut(im.Platform, "/"); os == "windows" {
		p.note("a Windows image: its files are shown as they are stored, below Files and Hives")
	}
	p.fact("created", timeText(im.Created))
	p.fact("read from", im.Source)
	p.fact("ID", im.ID)
	p.fact("digest", im.Digest)
	p.figures()
	p.container()

	c := &im.Config
	p.section("How it is run")
	p.fact("entrypoint", quoted(c.Entrypoint))
	p.fact("command", quoted(c.Cmd))
	p.fact("user", c.User)
	p.fact("directory", c.WorkingDir)
	p.fact("stop signal", c.StopSignal)
	p.fact("author", c.Author)
	p.facts("environment", c.Env)
	p.facts("ports", c.ExposedPorts)
	p.facts("volumes", c.Volumes)
	p.facts("labels", pairs(c.Labels))
	p.facts("annotations", pairs(im.Annotations))

	p.history()
	p.flaws()
	if p.narrow.on() {
		p.only()
	}
	p.cursor = max(min(p.cursor, len(p.lines)-1), 0)
}

// only keeps the lines that contain the text of the view's filter.
func (p *imagePage) only() {
	lines, from := p.narrow.lines(p.lines, func(i int) bool { return len(p.lines[i]) > 0 && p.lines[i][0].st == p.lk.st.title })
	about := make([]aboutLine, len(from))
	for i, k := range from {
		about[i] = p.about[k]
	}
	p.lines, p.about = lines, about
	if len(lines) == 0 {
		p.note("nothing here contains " + p.lk.text(p.narrow.text))
	}
}

// container describes the container whose own layer is on top.
func (p *imagePage) container() {
	c := p.a.Image.Container
	if c == nil {
		return
	}
	p.section("Container")
	p.fact("name", c.Name)
	p.fact("ID", c.ID)
	p.fact("engine", c.Engine)
	p.fact("image", c.Image)
	p.fact("state", c.State)
	p.fact("runs", quoted(c.Command))
	p.fact("created", timeText(c.Created))
	p.fact("layer read", timeText(c.ReadAt)+", from "+c.From)
	if c.InitLayer != "" {
		p.fact("init layer", c.InitLayer)
		p.note("the engine's own mount points, such as /etc/hosts: not one of the layers here")
	}
	var mounts []string
	for _, m := range c.Mounts {
		mounts = append(mounts, strings.TrimSuffix(m.Path+": "+m.Kind+" "+m.Source, " "))
	}
	p.facts("mounts", mounts)
	if len(mounts) > 0 {
		p.note("their content is in no layer and in no figure")
	}
}

func (p *imagePage) figures() {
	t := &p.a.Totals
	compressed := "unknown: not all layers are stored compressed"
	if t.Compressed >= 0 {
		compressed = size(t.Compressed)
	}
	p.fact("stored", size(t.Stored)+" in "+counted(t.Layers, "layer")+", "+counted(t.Entries, "entry"))
	p.fact("compressed", compressed)
	p.fact("visible", size(t.Visible)+", image efficiency "+human.Percent(t.Efficiency))
	p.fact("wasted", size(t.Wasted))
	p.fact("base", p.lk.line(p.a.Base.Text()))
	p.fact("your layers", fmt.Sprintf("store %s, of which %s are wasted, own efficiency %s", size(t.UserStored), size(t.UserWasted), human.Percent(t.OwnEfficiency)))
	p.fact("base hidden", size(t.BaseHidden)+" of the base image, hidden by your layers")
}

// size returns a number of bytes, rounded and exact.
func size(n int64) string {
	if n < 1000 {
		return human.Size(n)
	}
	return human.Size(n) + " (" + human.Comma(n) + " bytes)"
}

// history lists every build step, including those that made no layer, and the layers whose step is
// unknown.
func (p *imagePage) history() {
	st := &p.lk.st
	p.section("How it was built")
	layer := 0
	for i, s := range p.a.Image.History {
		if i == shownOfMany {
			p.note(human.Comma(int64(len(p.a.Image.History)-i)) + " more steps")
			break
		}
		at := -1
		if !s.Empty {
			if layer < len(p.a.Layers) {
				at = layer
			}
			layer++
		}
		step := p.lk.line(dockerfile.StepText(s))
		if step == "" {
			step = unknownStep
		}
		head, stored := "no layer", ""
		if at >= 0 {
			head, stored = fmt.Sprintf("layer %d", at), human.Size(p.a.Layers[at].Stored)
		} else if !s.Empty {
			head = "missing" // the image has fewer layers than that
		}
		line := aboutLine{layer: at, value: step}
		for j, text := range wrap(cut(step, commandShown, p.lk.sg.tail), p.wide-2-labelWidth-sizeWidth-3) {
			if j > 0 {
				head, stored = "", ""
			}
			p.add(line, span{st.dim, fmt.Sprintf("  %-*s", labelWidth, head)},
				span{st.text, fmt.Sprintf("%*s  ", sizeWidth, stored)}, span{st.text, text})
		}
	}
	for ; layer < len(p.a.Layers) && layer < shownOfMany; layer++ {
		p.add(aboutLine{layer: layer}, span{st.dim, fmt.Sprintf("  %-*s", labelWidth, fmt.Sprintf("layer %d", layer))},
			span{st.text, fmt.Sprintf("%*s  ", sizeWidth, human.Size(p.a.Layers[layer].Stored))}, span{st.dim, "unknown"})
	}
	p.section("Layers' digests")
	for i, t := range p.a.Layers[:min(len(p.a.Layers), shownOfMany)] {
		name := fmt.Sprintf("layer %d", i)
		for _, d := range []struct{ what, digest string }{{"blob", t.Layer.Digest}, {"diffID", t.Layer.DiffID}} {
			if d.digest != "" {
				p.add(aboutLine{layer: i, value: d.digest}, span{st.dim, fmt.Sprintf("  %-*s%-7s", labelWidth, name, d.what)}, span{st.text, p.lk.line(d.digest)})
				name = ""
			}
		}
		if by := t.Layer.ListedBy; by != "" {
			p.add(aboutLine{layer: i}, span{st.dim, fmt.Sprintf("  %-*s%-7s", labelWidth, name, "files")}, span{st.text, "listed by its table of contents (" + by + ")"})
		}
	}
}

func (p *imagePage) flaws() {
	if len(p.a.Flaws) == 0 {
		return
	}
	p.section(fmt.Sprintf("Flaws (%s)", human.Comma(int64(len(p.a.Flaws)))))
	for i, f := range p.a.Flaws {
		if i == shownOfMany {
			p.note(human.Comma(int64(len(p.a.Flaws)-i)) + " more")
			return
		}
		where := ""
		if f.Layer >= 0 {
			where = fmt.Sprintf("layer %d", f.Layer)
		}
		text := strings.TrimPrefix(p.lk.text(f.Path)+": ", ": ") + p.lk.line(f.Problem)
		p.wrapped(aboutLine{layer: f.Layer, value: f.Path}, p.lk.st.failure, where, text)
	}
}

func (p *imagePage) add(about aboutLine, spans ...span) {
	p.lines.add(spans...)
	p.about = append(p.about, about)
}

func (p *imagePage) section(title string) {
	if len(p.lines) > 0 {
		p.add(aboutLine{layer: -1})
	}
	p.add(aboutLine{layer: -1}, span{p.lk.st.title, title})
}

// fact adds a line with a name and a value, unless the value is unknown.
func (p *imagePage) fact(name, value string) {
	if value != "" {
		p.wrapped(aboutLine{layer: -1, value: value}, p.lk.st.text, name, p.lk.line(value))
	}
}

// facts adds a name with several values, each on lines of its own.
func (p *imagePage) facts(name string, values []string) {
	for i, v := range values {
		if i == shownOfMany {
			p.note(human.Comma(int64(len(values)-i)) + " more")
			return
		}
		p.wrapped(aboutLine{layer: -1, value: v}, p.lk.st.text, name, p.lk.line(v))
		name = ""
	}
}

func (p *imagePage) note(text string) {
	p.wrapped(aboutLine{layer: -1}, p.lk.st.dim, "", text)
}

func (p *imagePage) wrapped(about aboutLine, st style, name, text string) {
	for _, line := range wrap(cut(text, commandShown, p.lk.sg.tail), p.wide-3-labelWidth) {
		p.add(about, span{p.lk.st.dim, fmt.Sprintf("  %-*s", labelWidth, name)}, span{st, line})
		name = ""
	}
}

// quoted writes a command's words as in the config, or "" if there are none.
func quoted(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return fmt.Sprintf("%q", words)
}

// pairs returns the entries of a map as "name=value", by name.
func pairs(of map[string]string) []string {
	var out []string
	for name, value := range of {
		out = append(out, name+"="+value)
	}
	slices.Sort(out)
	return out
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}
