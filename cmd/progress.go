package cmd

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/redact"
	"github.com/peelhq/peel/source"
)

// progressInterval is the minimum time between two writes of the progress line.
const progressInterval = 100 * time.Millisecond

// eraseLine goes to the first column and clears the line.
const eraseLine = "\r\x1b[2K"

// progress is a line on a terminal about the state of reading. It is lossy: a
// report replaces an earlier one that was not shown yet, so a slow terminal
// slows nothing. A nil progress shows nothing.
type progress struct {
	verb   string // "reading"
	out    io.Writer
	width  func() int
	latest atomic.Pointer[source.Progress]
	done   chan struct{}
	ended  sync.WaitGroup
	forget func() // the line is erased; may be nil
}

// startProgress shows the progress of reading or writing on standard error, if that is a terminal
// that can rewrite a line and has no log on it.
func (a *app) startProgress(verb string) *progress {
	tty, ok := terminal(a.stderr)
	if !ok || a.verbose || os.Getenv("TERM") == "dumb" {
		return nil
	}
	p := &progress{verb: verb, out: tty, width: func() int { return terminalWidth(tty) }, done: make(chan struct{})}
	a.tty.set(func() { _, _ = tty.WriteString(eraseLine) })
	p.forget = func() { a.tty.set(nil) }
	p.ended.Go(p.show)
	return p
}

// report records the progress of reading. It never blocks.
func (p *progress) report(v source.Progress) {
	if p != nil {
		p.latest.Store(&v)
	}
}

// stop stops showing progress, and erases the line. Call it once.
func (p *progress) stop() {
	if p != nil {
		close(p.done)
		p.ended.Wait()
		if p.forget != nil {
			p.forget()
		}
	}
}

func (p *progress) show() {
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	var shown *source.Progress
	var pace human.Pace
	began := time.Now()
	for {
		select {
		case <-p.done:
			if shown != nil {
				fmt.Fprint(p.out, eraseLine)
			}
			return
		case now := <-tick.C:
			if v := p.latest.Load(); v != nil && v != shown {
				line := progressLine(p.verb, *v)
				if pace.Note(now, v.Bytes); now.Sub(began) > paceAfter {
					line += paceText(&pace, *v)
				}
				fmt.Fprint(p.out, eraseLine+ansi.Truncate(line, p.width()-1, "…"))
				shown = v
			}
		}
	}
}

// paceAfter is how long something must take before its speed is shown.
const paceAfter = time.Second

// paceText says "  35.0 MB/s, 24 s left".
func paceText(p *human.Pace, v source.Progress) string {
	if p.Rate() <= 0 {
		return ""
	}
	s := "  " + human.Size(int64(p.Rate())) + "/s"
	if left, ok := p.Left(v.TotalBytes - v.Bytes); ok {
		s += ", " + human.Lasting(left) + " left"
	}
	return s
}

// progressLine says "reading app.tar  412 MB of 1.24 GB  layer 3 of 12".
func progressLine(verb string, v source.Progress) string {
	s := verb + " " + clean.Line(redact.Text(v.What)) + "  " + human.Size(v.Bytes)
	if v.TotalBytes > 0 {
		s += " of " + human.Size(v.TotalBytes)
	}
	if v.TotalLayer > 0 {
		s += fmt.Sprintf("  %d of %s", v.Layers, human.Count(v.TotalLayer, "layer", "layers"))
	}
	return s
}
