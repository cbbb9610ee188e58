package ui

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/human"
)

// A Source is where images to pick from may be: an engine, or the files of a
// folder.
type Source struct {
	Name string // "docker"

	// List returns the source's images. It is called on a goroutine of its own,
	// each time the picker opens. There may be images beside an error; one that
	// is ErrNoSource says that it is no loss.
	List func(ctx context.Context) ([]Candidate, error)
}

// ErrNoSource says that a source does not exist here, as an engine that is not
// installed.
var ErrNoSource = errors.New("not here")

// A Candidate is an image that can be picked. What is not known is zero, or
// negative where that is said.
type Candidate struct {
	Ref      string // what Options.Open is called with
	Name     string
	From     string // "docker", or the name of a file
	Size     int64  // bytes; -1 if not known
	Created  time.Time
	Layers   int // -1 if not known
	Platform string
}

// sourceState is what a source has said so far.
type sourceState struct {
	pending bool
	images  []Candidate
	err     error
}

// An imageOrder is how the picker's list is sorted.
type imageOrder uint8

const (
	byAge imageOrder = iota // newest first
	byImageName
	byImageSize // largest first
	imageOrders

	imagesReversed imageOrder = 1 << 4 // is added to one of these for the other way round
)

// base returns the order without its direction, and whether that is the other one.
func (o imageOrder) base() (by imageOrder, back bool) {
	return o &^ imagesReversed, o&imagesReversed != 0
}

func (o imageOrder) String() string {
	by, _ := o.base()
	return [...]string{"age", "name", "size"}[by]
}

// compare says which of two images stands first.
func (o imageOrder) compare(a, b *Candidate) int {
	first := 0
	by, back := o.base()
	if back {
		a, b = b, a
	}
	switch by {
	case byAge:
		first = b.Created.Compare(a.Created)
	case byImageSize:
		first = cmp.Compare(b.Size, a.Size)
	}
	return cmp.Or(first, human.CompareNames(a.Name, b.Name), strings.Compare(a.Ref, b.Ref))
}

// askSources asks every source for its images, those that have answered before
// too. What they said then stays until they answer.
func (p *picker) askSources() tea.Cmd {
	p.asked++
	var cmds []tea.Cmd
	ctx, asked := p.h.context(), p.asked
	for i := range p.sources {
		p.states[i].pending = true
		list := p.sources[i].List
		cmds = append(cmds, func() tea.Msg {
			images, err := list(ctx)
			return listedMsg{p, i, asked, images, err}
		})
	}
	p.fill()
	return tea.Batch(cmds...)
}

// listedMsg brings the images of a source.
type listedMsg struct {
	p             *picker
	source, asked int
	images        []Candidate
	err           error
}

func (msg listedMsg) update() tea.Cmd { //nolint:unparam // as every pageMsg
	if p := msg.p; msg.asked == p.asked {
		p.states[msg.source] = sourceState{images: msg.images, err: msg.err}
		p.fill()
	}
	return nil
}

// fill lists what was found, matches what is searched for, in its order. The
// cursor stays on its image, unless it is on the first row: that is where it
// has not been moved yet.
func (p *picker) fill() {
	ref := ""
	if c, ok := p.current(); ok && p.cursor > 0 {
		ref = c.Ref
	}
	p.found, p.widest, p.widestFrom, p.stale = 0, 0, 0, true
	p.images = p.images[:0]
	words := strings.Fields(strings.ToLower(p.search))
	for i := range p.states {
		images := p.states[i].images
		p.found += len(images)
		for j := range images {
			p.widest = max(p.widest, width(p.lk.line(images[j].Name)))
			p.widestFrom = max(p.widestFrom, width(p.lk.line(images[j].From)))
			if images[j].has(words) {
				p.images = append(p.images, &images[j])
			}
		}
	}
	slices.SortStableFunc(p.images, p.order.compare)
	at := slices.IndexFunc(p.images, func(c *Candidate) bool { return c.Ref == ref })
	if p.start != "" {
		at = p.index(p.start)
	}
	p.list.resize(len(p.images), p.list.page)
	p.to(max(at, 0))
}

// has reports whether all words, in small letters, are in what the picker shows
// of an image.
func (c *Candidate) has(words []string) bool {
	text := strings.ToLower(c.Name + " " + c.From + " " + c.Platform + " " + c.Ref)
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// pending are the names of the sources that have not answered yet.
func (p *picker) pending() []string {
	var names []string
	for i, s := range p.states {
		if s.pending {
			names = append(names, p.sources[i].Name)
		}
	}
	return names
}
