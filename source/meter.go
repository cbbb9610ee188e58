package source

import (
	"sync"
	"time"
)

// progressEvery is the least time between two reports of progress.
const progressEvery = 100 * time.Millisecond

// meter counts what has been read and reports it, lossily. Safe for concurrent
// use; a nil meter counts nothing.
type meter struct {
	mu     sync.Mutex
	state  Progress
	report func(Progress)
	last   time.Time

	arrivals *arrivals // for the goroutine that reads a stream; nil if nobody wants to know
}

func newMeter(what string, report func(Progress)) *meter {
	if report == nil {
		return nil
	}
	return &meter{state: Progress{What: what}, report: report}
}

// update changes the state and reports it if it is time to, or at once if asked.
func (m *meter) update(now bool, change func(*Progress)) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.state)
	if t := time.Now(); now || t.Sub(m.last) >= progressEvery {
		m.last = t
		m.report(m.state)
	}
}

func (m *meter) expect(bytes int64, layers int) {
	m.update(true, func(p *Progress) { p.TotalBytes, p.TotalLayer = bytes, layers })
}

// restart begins to count anew: what was read is read another way.
func (m *meter) restart() {
	m.update(true, func(p *Progress) { *p = Progress{What: p.What} })
	if m != nil && m.arrivals != nil {
		m.arrivals = &arrivals{}
	}
}

func (m *meter) add(n int64) { m.update(false, func(p *Progress) { p.Bytes += n }) }

func (m *meter) layerDone() { m.update(true, func(p *Progress) { p.Layers++ }) }

// what changes what is said to be read.
func (m *meter) what(what string) { m.update(true, func(p *Progress) { p.What = what }) }

// skip leaves out a layer of so many bytes that need not be read after all.
func (m *meter) skip(bytes int64) {
	m.update(false, func(p *Progress) { p.TotalBytes = max(p.TotalBytes-bytes, 0) })
}
