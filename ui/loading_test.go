package ui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
)

func TestLoading(t *testing.T) {
	type step struct {
		after time.Duration
		p     Progress
	}
	tests := []struct {
		name  string
		steps []step
		want  []string // on the screen
		not   []string
	}{
		{
			"nothing known yet", nil,
			[]string{"Reading app.tar", "q stops"}, []string{"%", "/s", "left", "done"},
		},
		{
			"half way",
			[]step{
				{0, Progress{What: "app.tar", TotalBytes: 100e6, TotalLayer: 4}},
				{time.Second, Progress{What: "app.tar", Bytes: 50e6, TotalBytes: 100e6, Layers: 1, TotalLayer: 4}},
			},
			[]string{"50 %", "50.0 MB of 100 MB", "50.0 MB/s", "1 s left", "1 of 4 layers done"}, nil,
		},
		{
			"the total is not known",
			[]step{{0, Progress{}}, {2 * time.Second, Progress{What: "docker://app:1", Bytes: 3e6, Layers: 2}}},
			[]string{"docker://app:1", "3.00 MB", "1.50 MB/s", "2 layers done"}, []string{"%", "left", " of "},
		},
		{
			"more than was announced",
			[]step{{0, Progress{TotalBytes: 10}}, {time.Second, Progress{Bytes: 20, TotalBytes: 10}}},
			[]string{"100 %"}, []string{"left"},
		},
		{
			"layers that have come",
			[]step{{0, Progress{What: "docker://app:1", Bytes: 3e6, Layers: 2, Arrived: []Arrived{
				{Number: -1, Entries: 4512, Bytes: 233e6, Largest: []Share{{"usr", 180e6}, {"var", 52e6}}},
				{Number: 3, Entries: 1, Bytes: 5, Largest: []Share{{"a\x1b[2Jb", 5}}},
			}}}},
			[]string{
				"2 layers done; the manifest gives their order",
				"  ·   233 MB  4,512 entries  /usr 180 MB, /var 52.0 MB",
				"  3      5 B        1 entry  /a\\x1b[2Jb 5 B",
				"q stops",
			},
			[]string{"\x1b[2J"},
		},
		{
			"more layers than rows",
			[]step{{0, Progress{Layers: 40, Arrived: slices.Repeat([]Arrived{{Bytes: 1}, {Bytes: 2}}, 20)}}},
			[]string{"40 layers done", "1 B", "2 B", "q stops"}, nil,
		},
		{
			"hostile text",
			[]step{{0, Progress{What: "a\x1b[2Jb\nc"}}},
			[]string{`a\x1b[2Jb c`}, []string{"\x1b[2J"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &loading{lk: &look{st: newStyles(dark, nil), sg: unicodeSigns}, name: "app.tar"}
			now := time.Unix(1000, 0)
			for _, st := range tt.steps {
				now = now.Add(st.after)
				s.report(st.p)
				s.tick(now)
			}
			var b strings.Builder
			rows := s.rows(24)
			for i := range rows {
				l := line{b: &b, left: loadingWidth, tail: "…"}
				s.render(&l, i, rows, newKeyMap(false))
				b.WriteByte('\n')
			}
			raw, screen := b.String(), ansi.Strip(b.String())
			for i, row := range strings.Split(strings.TrimSuffix(screen, "\n"), "\n") {
				if w := ansi.StringWidth(row); w != loadingWidth {
					t.Errorf("row %d is %d columns wide", i, w)
				}
			}
			for _, want := range tt.want {
				if !strings.Contains(screen, want) {
					t.Errorf("no %q on\n%s", want, screen)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(screen, not) || strings.ContainsAny(not, "\x1b") && strings.Contains(raw, not) {
					t.Errorf("the screen contains %q:\n%s", not, screen)
				}
			}
		})
	}
}

// TestReportKeepsTheNewest checks that reading an image never waits for the screen, however
// often it reports progress.
func TestReportKeepsTheNewest(t *testing.T) {
	s := &loading{lk: &look{sg: unicodeSigns}}
	for i := range 1_000_000 {
		s.report(Progress{Bytes: int64(i)})
	}
	s.tick(time.Unix(1, 0))
	if s.p.Bytes != 999_999 {
		t.Errorf("got %d bytes", s.p.Bytes)
	}
}
