package human

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	var p Pace
	now := time.Unix(1, 0)
	if p.Note(now, 1000); p.Rate() != 0 {
		t.Errorf("at once: %v", p.Rate())
	}
	if _, ok := p.Left(10); ok {
		t.Error("the remaining time is known before any progress")
	}
	for range 100 {
		now = now.Add(100 * time.Millisecond)
		p.Note(now, p.at+200)
	}
	if r := p.Rate(); r < 1999 || r > 2001 {
		t.Errorf("got %v bytes a second, want 2000", r)
	}
	if d, ok := p.Left(4000); !ok || d.Round(time.Millisecond) != 2*time.Second {
		t.Errorf("%v left, want 2 s", d)
	}
	if p.Note(now, 5); p.Rate() != 0 {
		t.Error("a restart already has a speed")
	}
}

func TestLasting(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{0, "1 s"},
		{59*time.Second + 400*time.Millisecond, "59 s"},
		{125 * time.Second, "2 min 5 s"},
		{200 * time.Minute, "3 h 20 min"},
	}
	for _, tt := range tests {
		if got := Lasting(tt.d); got != tt.want {
			t.Errorf("Lasting(%v) = %q, want %q", tt.d, got, tt.want)
		}
	}
}
