package ui

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// recorder implements acts and records the calls.
type recorder struct {
	x      Extraction
	files  []string
	waste  analyze.WasteRows
	file   string
	failed error
}

func (r *recorder) actions() Actions {
	return Actions{
		Extract: func(_ context.Context, _ *analyze.Analysis, x Extraction, progress func(done, total int64)) (string, error) {
			progress(1, 2)
			r.x = x
			return "3 files written", r.failed
		},
		ExportFiles: func(_ context.Context, a *analyze.Analysis, listed []analyze.Version, file string) (string, error) {
			for _, v := range listed {
				r.files = append(r.files, a.Tree.Path(v.Node()))
			}
			r.file = file
			return "written", nil
		},
		ExportWaste: func(_ context.Context, _ *analyze.Analysis, listed analyze.WasteRows, file string) (string, error) {
			r.waste, r.file = listed, file
			return "written", nil
		},
	}
}

// TestExtract checks that the extracted files are those that the screen shows.
func TestExtract(t *testing.T) {
	a := open(t, "app")
	tests := []struct {
		name, path, keys string
		layer            int
		alone            bool
		dir              string
	}{
		{"the final union", "/srv/app", "x enter", 7, false, "out"},
		{"after a layer", "/srv/app/model.bin", "[ x enter", 6, false, "out"},
		{"a layer alone", "/srv/app", "m [ [ [ x enter", 4, true, "out"},
		{"a version of the history", "/srv/app/model.bin", "[ tab j x enter", 4, true, "out"},
		{"a removed file, in the mode everything", "/var/lib/apt/lists/main.gz", "m m m x enter", 1, true, "out"},
		{"to another directory", "/etc", "x / s u b enter", 7, false, "out/sub"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := start(t, a, 120, 40)
			var r recorder
			m.options.Actions = r.actions()
			n, ok := a.Tree.Lookup(tt.path)
			if !ok {
				t.Fatal("no such path")
			}
			m.explorer.mode = analyze.Everything // in this mode the path always has a row
			settle(m, m.explorer.reveal(n))
			m.explorer.mode = analyze.Union
			settle(m, m.explorer.follow())
			press(m, tt.keys)
			want := Taken{Node: n, Layer: tt.layer, Alone: tt.alone}
			if len(r.x.Taken) != 1 || r.x.Taken[0] != want || r.x.Dir != tt.dir {
				t.Errorf("got %+v, want %+v to %s", r.x, want, tt.dir)
			}
			rowWith(t, m, "3 files written")
		})
	}
}

func TestExtractFailsAndIsDropped(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	r := recorder{failed: errors.New("no room \x1b[31mleft")}
	m.options.Actions = r.actions()
	press(m, "x enter")
	rowWith(t, m, `no room \x1b[31mleft`)
	press(m, "x esc")
	if m.prompt != nil || m.task != nil {
		t.Error("the question is still shown")
	}
	m.options.Actions = Actions{}
	press(m, "x")
	rowWith(t, m, "cannot be extracted here")
}

// TestTaskStops checks that esc cancels a running task, and that another task must wait.
func TestTaskStops(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	m.options.Actions = (&recorder{}).actions()
	m.options.Actions.Extract = func(ctx context.Context, _ *analyze.Analysis, _ Extraction, _ func(done, total int64)) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}
	press(m, "x")
	_, cmd := m.Update(keyOf("enter"))
	if m.task == nil {
		t.Fatal("no task is running")
	}
	m.task.report(1_000_000, 4_000_000)
	rowWith(t, m, "1.00 MB of 4.00 MB   25 %")
	press(m, "x enter")
	rowWith(t, m, "writing") // it's still the first task
	m.Update(keyOf("esc"))
	settle(m, cmd)
	rowWith(t, m, "was stopped")
}

func TestExport(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	var r recorder
	m.options.Actions = r.actions()
	press(m, "C o enter")
	if r.file != "files.json" || strings.Join(r.files, " ") != "/usr /srv/app /etc /bin /tmp /var/lib/apt/lists" {
		t.Errorf("%s holds %v", r.file, r.files)
	}
	m = start(t, open(t, "app"), 120, 40)
	m.options.Actions = r.actions()
	for _, tt := range []struct {
		keys string
		want int
	}{{"2 s s s enter", 7}, {"s s enter", 7}, {"s s enter", 7}, {"s s enter", 4}} {
		press(m, tt.keys+" o enter")
		if r.waste.Len() != tt.want || r.file != "waste.json" {
			t.Errorf("after %q %s shows %d rows, want %d", tt.keys, r.file, r.waste.Len(), tt.want)
		}
	}
}

func TestCopy(t *testing.T) {
	tests := []struct{ keys, says string }{
		{"C g y", "path copied, if the terminal allows it: /usr"},
		{"Y", "diffID of layer 7 copied"},
		{"3 j y", "value copied, if the terminal allows it: app:1"},
		{"3 y", "no value to copy"},
		{"2 s s s s s enter y", "/var/lib/apt/lists/main.gz"},
	}
	a := open(t, "app")
	for _, tt := range tests {
		t.Run(tt.keys, func(t *testing.T) {
			m := start(t, a, 160, 40)
			press(m, tt.keys)
			rowWith(t, m, tt.says)
		})
	}
}
