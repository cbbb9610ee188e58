package ui

import (
	"fmt"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/internal/human"
)

// Progress is how far the reading of an image has come. What is not known is
// zero.
type Progress struct {
	What       string // what is being read, for people
	Bytes      int64  // bytes read or passed over
	TotalBytes int64  // of how many
	Layers     int    // layers done
	TotalLayer int    // of how many
}

const (
	// tickEvery is how often the loading screen looks at how far things are.
	tickEvery = 100 * time.Millisecond
	// rateOver is the time over which the speed is averaged.
	rateOver = 2 * time.Second
	// loadingWidth is the most columns that the loading screen takes.
	loadingWidth = 64
)

// loading is the screen while the image is read. The reader's goroutines write
// the newest progress, the screen reads it when it ticks: what comes faster is
// never waited for, and never kept.
type loading struct {
	lk     *look
	name   string
	picked bool // there is a list of images to go back to
	newest atomic.Pointer[Progress]

	p     Progress
	ticks int
	since time.Time // of the first tick
	last  time.Time
	rate  float64 // bytes a second
}

// report takes how far reading has come. It may be called by any goroutine.
func (s *loading) report(p Progress) { s.newest.Store(&p) }

// tick looks at how far things are.
func (s *loading) tick(now time.Time) {
	s.ticks++
	p := s.newest.Load()
	if p == nil {
		return
	}
	if s.since.IsZero() {
		s.since, s.last = now, now
		s.p = *p
		return
	}
	dt := now.Sub(s.last)
	if dt <= 0 {
		s.p = *p
		return
	}
	speed := float64(max(p.Bytes-s.p.Bytes, 0)) / dt.Seconds()
	// The first moments count in full, later ones as a part of rateOver.
	weight := max(dt.Seconds()/rateOver.Seconds(), dt.Seconds()/max(now.Sub(s.since).Seconds(), dt.Seconds()))
	s.rate += (speed - s.rate) * min(weight, 1)
	s.p, s.last = *p, now
}

// left estimates the time that reading will still take.
func (s *loading) left() (time.Duration, bool) {
	rest := s.p.TotalBytes - s.p.Bytes
	if s.p.TotalBytes <= 0 || rest <= 0 || s.rate <= 0 {
		return 0, false
	}
	seconds := float64(rest) / s.rate
	if seconds > (100 * time.Hour).Seconds() {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// rows is how many rows the loading screen takes.
const loadingRows = 7

// render draws row i of loadingRows into l.
func (s *loading) render(l *line, i int, k *keyMap) {
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
		l.put(st.key, k.back.first())
		if s.picked {
			l.put(st.dim, " goes back  ")
			l.put(st.key, k.quit.first())
			l.put(st.dim, " quits")
			break
		}
		l.put(st.dim, " or ")
		l.put(st.key, k.quit.first())
		l.put(st.dim, " stops")
	}
	l.fill()
}

func (s *loading) bar(l *line) {
	st, sg := &s.lk.st, &s.lk.sg
	if s.p.TotalBytes <= 0 {
		// How much there is to read is not known: something that moves.
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

// amount says how much is read, how fast, and what is left.
func (s *loading) amount() string {
	if s.p.Bytes == 0 && s.p.TotalBytes == 0 {
		return ""
	}
	text := human.Size(s.p.Bytes)
	if s.p.TotalBytes > 0 {
		text += " of " + human.Size(s.p.TotalBytes)
	}
	if s.rate > 0 {
		text += fmt.Sprintf("   %s/s", human.Size(int64(s.rate)))
	}
	if d, ok := s.left(); ok {
		text += "   " + lasting(d) + " left"
	}
	return text
}

// far says in short how far the reading has come: "reading 412 MB of 1.23 GB, 3 s left".
func (s *loading) far() string {
	text := "reading"
	if s.p.TotalLayer > 0 {
		text += fmt.Sprintf(" %d of %s", s.p.Layers, counted(s.p.TotalLayer, "layer"))
	}
	if s.p.TotalBytes > 0 {
		text += fmt.Sprintf(", %.0f %%", 100*min(float64(s.p.Bytes)/float64(s.p.TotalBytes), 1))
	}
	if s.rate > 0 {
		text += fmt.Sprintf(", %s/s", human.Size(int64(s.rate)))
	}
	if d, ok := s.left(); ok {
		text += ", " + lasting(d) + " left"
	}
	return text
}

func (s *loading) layers() string {
	switch {
	case s.p.TotalLayer > 0:
		return fmt.Sprintf("%d of %s done", s.p.Layers, counted(s.p.TotalLayer, "layer"))
	case s.p.Layers > 0:
		return counted(s.p.Layers, "layer") + " done"
	}
	return ""
}

// lasting returns d for people: "1 s", "2 min 5 s", "3 h 20 min".
func lasting(d time.Duration) string {
	d = max(d.Round(time.Second), time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}

// tickMsg has the loading screen look at how far things are.
type tickMsg struct{}

func (msg tickMsg) update(m *model) tea.Cmd {
	if !m.reading() || m.load == nil {
		return nil
	}
	m.loading.tick(m.now())
	return m.after(tickEvery, msg)
}
