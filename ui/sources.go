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

// A Source is a place with images to pick from: an engine, or the files in a folder.
type Source struct {
	Name string // "docker"

	// List returns the source's images. It is called on its own goroutine each time the picker
	// opens. It may return images and an error; ErrNoSource is not shown as a failure.
	List func(ctx context.Context) ([]Candidate, error)
}

// ErrNoSource means that a source doesn't exist here, such as an engine that isn't installed.
var ErrNoSource = errors.New("not here")

// A Candidate is an image that can be picked. Unknown values are zero, or negative where noted.
type Candidate struct {
	Ref      string // argument for Options.Open
	Name     string
	From     string // "docker", or a file name
	Size     int64  // in bytes; -1 if unknown
	Created  time.Time
	Layers   int // -1 if unknown
	Platform string
}

// sourceState is a source's answer so far.
type sourceState struct {
	pending bool
	images  []Candidate
	err     error
}

// An imageOrder is a sort order for the picker's list.
type imageOrder uint8

const (
	byAge imageOrder = iota // newest first
	byImageName
	byImageSize // largest first
	imageOrders

	imagesReversed imageOrder = 1 << 4 // added to one of these for the reverse order
)

// base returns the order without its direction, and whether it is reversed.
func (o imageOrder) base() (by imageOrder, back bool) {
	return o &^ imagesReversed, o&imagesReversed != 0
}

func (o imageOrder) String() string {
	by, _ := o.base()
	return [...]string{"age", "name", "size"}[by]
}

// compare compares two images in this order.
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

// askSources asks every source for its images, including those that have answered before. Their
// old answers stay until the new ones arrive.
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

// listedMsg delivers the images of a source.
type listedMsg struct {
	p             *picker
	source, asked int
	images        []Candidate
	err           error
}

func (msg listedMsg) update() tea.Cmd { //nolint:unparam // like every pageMsg
	if p := msg.p; msg.asked == p.asked {
		p.states[msg.source] = sourceState{images: msg.images, err: msg.err}
		p.fill()
	}
	return nil
}

// fill lists the images that match the search, sorted. The cursor stays on its image, or on the
// first row if it's there.
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

// has reports whether the picker's text for an image contains all words, which are in lower
// case.
func (c *Candidate) has(words []string) bool {
	text := strings.ToLower(c.Name + " " + c.From + " " + c.Platform + " " + c.Ref)
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// pending returns the names of the sources that haven't answered yet.
func (p *picker) pending() []string {
	var names []string
	for i, s := range p.states {
		if s.pending {
			names = append(names, p.sources[i].Name)
		}
	}
	return names
}
