package ui

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// wheelRows is how many rows one step of the mouse's wheel moves.
const wheelRows = 3

// wheel returns how many rows a turn of the wheel moves.
func wheel(b tea.MouseButton) int {
	switch b {
	case tea.MouseWheelUp:
		return -wheelRows
	case tea.MouseWheelDown:
		return wheelRows
	}
	return 0
}

// doubleClick is the longest time between the two clicks of a double click.
const doubleClick = 400 * time.Millisecond

// A click is where and when the mouse was pressed.
type click struct {
	x, y int
	at   time.Time
}

func (m *model) doubleClick(x, y int) bool {
	now := m.now()
	twice := m.clicked.x == x && m.clicked.y == y && now.Sub(m.clicked.at) <= doubleClick
	m.clicked = click{x, y, now}
	if twice {
		m.clicked.at = time.Time{} // a third one begins anew
	}
	return twice
}
