package human

import (
	"fmt"
	"time"
)

// paceOver is the time over which a speed is averaged.
const paceOver = 2 * time.Second

// A Pace computes the speed of a task from its progress at several moments. The zero value is
// ready to use. It must not be used concurrently.
type Pace struct {
	since, last time.Time
	at          int64
	rate        float64 // bytes per second
}

// Note records how many bytes are done at a moment. If the number has decreased, a new task has
// begun.
func (p *Pace) Note(now time.Time, done int64) {
	if p.since.IsZero() || done < p.at {
		*p = Pace{since: now, last: now, at: done}
		return
	}
	dt := now.Sub(p.last)
	if dt <= 0 {
		return
	}
	speed := float64(done-p.at) / dt.Seconds()
	// The first moments count fully, later ones in proportion to paceOver.
	weight := max(dt.Seconds()/paceOver.Seconds(), dt.Seconds()/max(now.Sub(p.since).Seconds(), dt.Seconds()))
	p.rate += (speed - p.rate) * min(weight, 1)
	p.at, p.last = done, now
}

// Rate returns the speed in bytes per second, or 0 if it isn't known yet.
func (p *Pace) Rate() float64 { return p.rate }

// Left estimates how long the remaining bytes take, or returns false if it can't.
func (p *Pace) Left(rest int64) (time.Duration, bool) {
	if rest <= 0 || p.rate <= 0 {
		return 0, false
	}
	seconds := float64(rest) / p.rate
	if seconds > (100 * time.Hour).Seconds() {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// Lasting formats d: "1 s", "2 min 5 s", "3 h 20 min".
func Lasting(d time.Duration) string {
	d = max(d.Round(time.Second), time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}
