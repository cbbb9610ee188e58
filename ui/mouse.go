package ui

import (
	"strings"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// wheelRows is the number of rows for one step of the mouse's wheel.
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

// takesMouse reports whether the program uses the mouse. If not, the terminal selects text with
// it as usual.
func (m *model) takesMouse() bool {
	if m.mouse == unsaid {
		return m.options.Settings.Mouse != "off"
	}
	return m.mouse == yes
}

// turnMouse gives the mouse to the terminal, or takes it back.
func (m *model) turnMouse() tea.Cmd {
	m.mouse = m.mouse.flipped(m.takesMouse())
	if m.takesMouse() {
		return m.say("peel uses the mouse again")
	}
	return m.say("the mouse selects text in the terminal: " + m.km.mouse.first() + " gives it back to peel")
}

// clickAround handles a click on the header or the footer, and reports whether it hit something:
// the image's name leads to the list of images, the view's name to the next view, a figure to the
// view that explains it; a hint in the footer does what its key does.
func (m *model) clickAround(x, y int) (tea.Cmd, bool) {
	top := m.top()
	if top == nil || m.areas.tooSmall || m.prompt != nil {
		return nil, false
	}
	switch {
	case m.areas.footer.hasRow(y) && m.task == nil && m.notice.text == "":
		if b, ok := hintAt(append(top.hints(m.km), m.km.always()...), m.areas.footer.w, x); ok {
			return m.press(keyPress(b.Keys()[0])), true
		}
	case m.areas.header.hasRow(y) && m.a != nil:
		return m.clickHeader(x)
	}
	return nil, false
}

// keyCodes are the keys that have names, as bindings name them.
var keyCodes = map[string]rune{
	"enter": tea.KeyEnter, "tab": tea.KeyTab, "esc": tea.KeyEscape, "backspace": tea.KeyBackspace, "space": tea.KeySpace,
	"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
	"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd,
}

// keyPress returns the press of a key by its name in bindings.
func keyPress(name string) tea.KeyPressMsg {
	var k tea.KeyPressMsg
	for {
		rest, ok := strings.CutPrefix(name, "ctrl+")
		if ok {
			k.Mod |= tea.ModCtrl
		} else if rest, ok = strings.CutPrefix(name, "shift+"); ok {
			k.Mod |= tea.ModShift
		} else if rest, ok = strings.CutPrefix(name, "alt+"); ok {
			k.Mod |= tea.ModAlt
		}
		if !ok {
			break
		}
		name = rest
	}
	if code, ok := keyCodes[name]; ok {
		k.Code = code
		return k
	}
	k.Code, _ = utf8.DecodeRuneInString(name)
	if k.Mod == 0 {
		k.Text = name
	}
	return k
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
		m.clicked.at = time.Time{} // a third click starts again
	}
	return twice
}
