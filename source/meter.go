package source

import (
	"sync"
	"time"
)

// progressEvery is the minimum time between two progress reports.
const progressEvery = 100 * time.Millisecond

// meter counts bytes read and reports them, dropping reports that come too fast. Safe for
// concurrent use; a nil meter counts nothing.
type meter struct {
	mu     sync.Mutex
	state  Progress
	report func(Progress)
	last   time.Time

	arrivals *arrivals // used by the goroutine that reads a stream; nil if not requested
}

func newMeter(what string, report func(Progress)) *meter {
	if report == nil {
		return nil
	}
	return &meter{state: Progress{What: what}, report: report}
}

// update changes the state and reports it if a report is due, or at once if requested.
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

// restart resets the counters: the same data is read in another way.
func (m *meter) restart() {
	m.update(true, func(p *Progress) { *p = Progress{What: p.What} })
	if m != nil && m.arrivals != nil {
		m.arrivals = &arrivals{}
	}
}

func (m *meter) add(n int64) { m.update(false, func(p *Progress) { p.Bytes += n }) }

func (m *meter) layerDone() { m.update(true, func(p *Progress) { p.Layers++ }) }

// what changes the description of the current read.
func (m *meter) what(what string) { m.update(true, func(p *Progress) { p.What = what }) }

// skip subtracts a layer of this size that turned out not to need reading.
func (m *meter) skip(bytes int64) {
	m.update(false, func(p *Progress) { p.TotalBytes = max(p.TotalBytes-bytes, 0) })
}
