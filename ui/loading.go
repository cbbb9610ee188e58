package ui

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/human"
)

// Progress is the state of reading an image. Unknown values are zero.
type Progress struct {
	What       string // what peel is reading, for people
	Bytes      int64  // bytes read or skipped
	TotalBytes int64  // of all
	Layers     int    // layers read
	TotalLayer int    // of all

	// Arrived are layers that were read before the order of all is known, latest last.
	Arrived []Arrived
}

// An Arrived is a layer that was read.
type Arrived struct {
	Number  int   // its index; -1 while unknown
	Entries int   // tar members
	Bytes   int64 // bytes of content
	Largest []Share
}

// A Share is the content of a name at a layer's root.
type Share struct {
	Name  string
	Bytes int64
}

const (
	// tickEvery is how often the loading screen reads the progress.
	tickEvery = 100 * time.Millisecond
	// loadingWidth is the maximum width of the loading screen.
	loadingWidth = 64
)

// loading is the screen while the image is read. Readers write the latest
// progress, and the screen reads it on each tick, so readers never wait and
// nothing is queued.
type loading struct {
	lk     *look
	name   string
	picked bool // a list of images is open to go back to
	newest atomic.Pointer[Progress]

	p     Progress
	ticks int
	pace  human.Pace
}

// report receives the progress of reading. Any goroutine may call it.
func (s *loading) report(p Progress) { s.newest.Store(&p) }

// tick reads the progress.
func (s *loading) tick(now time.Time) {
	s.ticks++
	p := s.newest.Load()
	if p == nil {
		return
	}
	s.pace.Note(now, p.Bytes)
	s.p = *p
}

// left estimates the time that reading will still take.
func (s *loading) left() (time.Duration, bool) {
	return s.pace.Left(s.p.TotalBytes - s.p.Bytes)
}

// loadingRows is the number of rows of the loading screen without layers.
const loadingRows = 7

// rows returns the number of rows that the loading screen takes, out of h.
func (s *loading) rows(h int) int {
	if n := min(len(s.p.Arrived), h-loadingRows-1); n > 0 {
		return loadingRows + 1 + n
	}
	return loadingRows
}

// arrivedRow is the row of the first layer that was read.
const arrivedRow = 6

// render draws row i of rows into l.
func (s *loading) render(l *line, i, rows int, k *keyMap) {
	if n := rows - loadingRows - 1; n > 0 {
		if at := i - arrivedRow; at >= 0 && at < n {
			s.arrived(l, s.p.Arrived[len(s.p.Arrived)-n+at])
			return
		}
		if i >= arrivedRow {
			i -= n + 1
		}
	}
	st, sg := &s.lk.st, &s.lk.sg
	switch i {
	case 0:
		l.put(st.key, sg.spin[s.ticks%len(sg.spin)]+" ")
		l.put(st.strong, "Reading ")
		l.put(st.title, s.name)
	case 1:
		if what := s.lk.line(s.p.What); what != s.name {
			l.skip(2)
			l.put(st.dim, what)
		}
	case 2:
		s.bar(l)
	case 3:
		l.put(st.text, s.amount())
	case 4:
		l.put(st.dim, s.layers())
	case 6:
		if s.picked {
			l.put(st.key, k.back.first())
			l.put(st.dim, " lists images  ")
			l.put(st.key, k.quit.first())
			l.put(st.dim, " quits")
			break
		}
		l.put(st.key, k.quit.first())
		l.put(st.dim, " stops")
	}
	l.fill()
}

// arrived draws a layer that was read: its number, its size, and the names with most of its bytes.
func (s *loading) arrived(l *line, a Arrived) {
	st := &s.lk.st
	number := "  " + s.lk.sg.dot
	if a.Number >= 0 {
		number = fmt.Sprintf("%3d", a.Number)
	}
	l.put(st.key, number+" ")
	l.put(st.text, fmt.Sprintf("%8s", human.Size(a.Bytes)))
	l.put(st.dim, fmt.Sprintf("  %13s", counted(a.Entries, "entry")))
	for i, x := range a.Largest {
		if i == 0 {
			l.put(st.dim, "  ")
		} else {
			l.put(st.dim, ", ")
		}
		l.put(st.text, "/"+s.lk.line(x.Name))
		l.put(st.dim, " "+human.Size(x.Bytes))
	}
	l.fill()
}

func (s *loading) bar(l *line) {
	st, sg := &s.lk.st, &s.lk.sg
	if s.p.TotalBytes <= 0 {
		// The total is unknown: draw something that moves.
		const blob = 6
		at := s.ticks % max(l.left-blob, 1)
		l.repeat(st.faint, sg.empty, at)
		l.repeat(st.bar, sg.full, blob)
		l.repeat(st.faint, sg.empty, l.left)
		return
	}
	part := min(float64(s.p.Bytes)/float64(s.p.TotalBytes), 1)
	done := fmt.Sprintf(" %3.0f %%", 100*part)
	w := max(l.left-len(done), 0)
	full := min(max(int(part*float64(w)), 0), w)
	l.repeat(st.bar, sg.full, full)
	l.repeat(st.faint, sg.empty, w-full)
	l.put(st.strong, done)
}

// amount says how much is read, how fast, and how long the rest takes.
func (s *loading) amount() string {
	if s.p.Bytes == 0 && s.p.TotalBytes == 0 {
		return ""
	}
	text := human.Size(s.p.Bytes)
	if s.p.TotalBytes > 0 {
		text += " of " + human.Size(s.p.TotalBytes)
	}
	if rate := s.pace.Rate(); rate > 0 {
		text += fmt.Sprintf("   %s/s", human.Size(int64(rate)))
	}
	if d, ok := s.left(); ok {
		text += "   " + human.Lasting(d) + " left"
	}
	return text
}

// far describes the progress of reading in short: "reading 412 MB of 1.23 GB, 3 s left".
func (s *loading) far() string {
	text := "reading"
	if s.p.TotalLayer > 0 {
		text += fmt.Sprintf(" %d of %s", s.p.Layers, counted(s.p.TotalLayer, "layer"))
	}
	if s.p.TotalBytes > 0 {
		text += fmt.Sprintf(", %.0f %%", 100*min(float64(s.p.Bytes)/float64(s.p.TotalBytes), 1))
	}
	if rate := s.pace.Rate(); rate > 0 {
		text += fmt.Sprintf(", %s/s", human.Size(int64(rate)))
	}
	if d, ok := s.left(); ok {
		text += ", " + human.Lasting(d) + " left"
	}
	return text
}

func (s *loading) layers() string {
	switch {
	case s.p.TotalLayer > 0:
		return fmt.Sprintf("%d of %s done", s.p.Layers, counted(s.p.TotalLayer, "layer"))
	case slices.ContainsFunc(s.p.Arrived, func(a Arrived) bool { return a.Number < 0 }):
		return counted(s.p.Layers, "layer") + " done; the manifest gives their order"
	case s.p.Layers > 0:
		return counted(s.p.Layers, "layer") + " done"
	}
	return ""
}

// tickMsg makes the loading screen read the progress.
type tickMsg struct{}

func (msg tickMsg) update(m *model) tea.Cmd {
	switch {
	case !m.reading(), m.load == nil && m.pair == nil:
		return nil
	case m.pair != nil:
		for _, l := range m.pair.loading {
			if l != nil {
				l.tick(m.now())
			}
		}
	default:
		m.loading.tick(m.now())
	}
	return m.after(tickEvery, msg)
}
