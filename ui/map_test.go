package ui

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/testkit"
)

// mapSizes are the terminal sizes on which the map is tested.
var mapSizes = [][2]int{{80, 24}, {120, 40}}

// eachMapSize runs a test at each of these sizes with the map open.
func eachMapSize(t *testing.T, a *analyze.Analysis, test func(t *testing.T, m *model)) {
	t.Helper()
	for _, size := range mapSizes {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			m := start(t, a, size[0], size[1])
			press(m, "4")
			rowWith(t, m, "Map · after layer")
			test(t, m)
			intact(t, m)
		})
	}
}

// TestMapBytesDie checks that moving right shows bytes dying: the bytes that layer 4 stores in
// /srv/app are live until layer 7 removes them, and absent before layer 4.
func TestMapBytesDie(t *testing.T) {
	eachMapSize(t, open(t, "app"), func(t *testing.T, m *model) {
		press(m, "home")
		for layer := 7; layer >= 3; layer-- {
			live := m.a.Tree.View(analyze.Spec{At: layer}).Bytes(analyze.Root)
			rowWith(t, m, fmt.Sprintf("after layer %d · %s live", layer, human.Size(live)))
			if layer > 3 {
				press(m, "left")
			}
		}
		row := rowWith(t, m, "srv/app")
		if !strings.Contains(row, "●") || strings.Contains(row, "✕") || !strings.Contains(row, "·") {
			t.Errorf("after layer 3: %q", row)
		}
		press(m, "right right right right")
		if row := rowWith(t, m, "srv/app"); !strings.Contains(row, "✕") || strings.Contains(row, "·") {
			t.Errorf("after layer 7: %q", row)
		}
		press(m, "/ s r v enter down left left left")
		rowWith(t, m, "/srv/app · layer 4 stores 66,500 bytes here")
		rowWith(t, m, "in the end 2,500 live · 64,000 removed by layer 7")
		rowWith(t, m, "RUN chmod 600 /srv/app/model.bin")
	})
}

// TestMapShowsFiles checks that v and a double click open the files of a cell, as enter does on
// a directory without subdirectories, and that backspace leads back to the cell.
func TestMapShowsFiles(t *testing.T) {
	eachMapSize(t, open(t, "app"), func(t *testing.T, m *model) {
		press(m, "j j left left left left v")
		rowWith(t, m, "Layer 3 alone")
		if got := m.explorer.selectedPath(); got != "/srv/app" {
			t.Errorf("got cursor on %s", got)
		}
		press(m, "backspace")
		rowWith(t, m, "/srv/app · layer 3 stores")

		press(m, "enter")
		rowWith(t, m, "Layer 3 alone")
		press(m, "backspace")

		press(m, "left left left v") // layer 0 stores nothing there, and nothing shows
		rowWith(t, m, "Everything in any layer")
		press(m, "backspace right right right right right v") // it shows after layer 5
		rowWith(t, m, "Files after layer 5")
		press(m, "backspace")
		rowWith(t, m, "after layer 5")
	})
}

func TestMapMouse(t *testing.T) {
	eachMapSize(t, open(t, "app"), func(t *testing.T, m *model) {
		p := m.top().(*framed).page.(*mapView)
		c := p.columns(p.wide)
		click := func(layer, row int) {
			x := m.areas.body.x + 1 + c.fixed + c.name + layer*c.cell + c.cell - 1
			send(m, tea.MouseClickMsg{Button: tea.MouseLeft, X: x, Y: m.areas.body.y + 1 + row})
		}
		click(2, 2)
		if p.layer != 2 || p.cursor != 1 {
			t.Errorf("got cursor at layer %d, row %d, want 2, 1", p.layer, p.cursor)
		}
		click(4, 0)
		if p.layer != 4 || p.cursor != 1 {
			t.Errorf("after a click on a number, got layer %d, row %d, want 4, 1", p.layer, p.cursor)
		}
		sign := tea.MouseClickMsg{Button: tea.MouseLeft, X: m.areas.body.x + 1 + c.fixed, Y: m.areas.body.y + 3}
		send(m, sign)
		rowWith(t, m, "▾ usr")
		send(m, tea.MouseWheelMsg{Button: tea.MouseWheelLeft, X: 5, Y: 5})
		if p.layer != 3 {
			t.Errorf("after turning the wheel, got layer %d, want 3", p.layer)
		}
		click(3, 2)
		click(3, 2)
		rowWith(t, m, "Files after layer 3") // a layer that stores nothing in /usr
	})
}

// TestMapNarrow checks that the map stays narrowed until esc, and that an opened directory
// shows all its children.
func TestMapNarrow(t *testing.T) {
	eachMapSize(t, open(t, "app"), func(t *testing.T, m *model) {
		press(m, "/ p y t h o n enter")
		rowWith(t, m, "with python")
		rowWith(t, m, "python3")
		if strings.Contains(strings.Join(screen(m), "\n"), "197 kB") {
			t.Error("srv/app is shown")
		}
		press(m, "esc")
		rowWith(t, m, "197 kB")
	})
}

// TestMapOfManyLayers checks that the map of an image with 120 layers scrolls sideways and
// keeps the cursor's cell visible.
func TestMapOfManyLayers(t *testing.T) {
	var s strings.Builder
	for layer := range 120 {
		fmt.Fprintf(&s, "-- layer --\nfile d%d/f 1000 seed=%d\nfile again/f 5000 seed=%d\n", layer%7, layer, layer)
	}
	f, err := testkit.Parse(s.String())
	if err != nil {
		t.Fatal(err)
	}
	a := openFile(t, testkit.ShapeNamed("docker-20").Write(t, f))
	for _, size := range testkit.Sample([][2]int{{40, 10}, {80, 24}, {120, 40}, {200, 60}}) {
		m := start(t, a, size[0], size[1])
		press(m, "4")
		for i := 119; i >= 0; i-- {
			head := rowWith(t, m, "directory")
			if !strings.Contains(head, fmt.Sprintf(" %d ", i)) && !strings.HasSuffix(strings.TrimRight(head, "│ ›"), fmt.Sprint(i)) {
				t.Fatalf("%v: no layer %d in %q", size, i, head)
			}
			if rows := strings.Join(screen(m), "\n"); strings.Count(rows, "[") != 1 || strings.Count(rows, "]") != 1 {
				t.Fatalf("%v: layer %d: the cursor's cell is not visible:\n%s", size, i, rows)
			}
			intact(t, m)
			press(m, "left")
		}
	}
}

// TestMapIsMadeWhenShown checks that the map is computed when it is first shown, and again when
// more of the image has been read.
func TestMapIsMadeWhenShown(t *testing.T) {
	a := open(t, "app")
	m := start(t, a, 80, 24)
	p := m.views[3].(*framed).page.(*mapView)
	if p.sums != nil || p.busy {
		t.Error("the map was computed before it was shown")
	}
	press(m, "4")
	sums := p.sums
	if sums == nil {
		t.Fatal("the map was not computed")
	}
	press(m, "1 4 s s enter")
	if p.sums != sums {
		t.Error("the sums were computed again")
	}
	other := open(t, "app")
	settle(m, m.adopt(newSnapshot(other, m.lk.cleaner)))
	if p.sums == sums || p.sums.Tree() != other.Tree {
		t.Error("the sums aren't those of the newer analysis")
	}
}

// TestMapKeysWait checks that keys pressed while the map is computed take effect afterwards.
func TestMapKeysWait(t *testing.T) {
	m := start(t, open(t, "app"), 80, 24)
	_, cmd := m.Update(keyOf("4"))
	for _, k := range []string{"j", "j", "left"} {
		_, next := m.Update(keyOf(k))
		cmd = tea.Batch(cmd, next)
	}
	settle(m, cmd)
	rowWith(t, m, "/srv/app · layer 6 stores nothing here")
}
