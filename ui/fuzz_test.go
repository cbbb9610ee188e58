package ui

import (
	"path/filepath"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// fuzzKeys maps bytes of FuzzKeys to key presses.
var fuzzKeys = []string{
	"j", "k", "down", "up", "pgdown", "pgup", "g", "G", "tab", "shift+tab", "enter", "space", "l", "h", "E", "C", "s", "m", "i",
	"[", "]", "J", "K", "?", "esc", "1", "2", "3", "4", "5", "left", "right", "b", "z", "p", "L", "A", "c", "R", "U", "a", "<", ">", "backspace", "x", "y", "Y", "o",
	"/", "n", "N", "f", "F", "ctrl+r", "e", "*", ".", "!", ":", ">", "0",
	"v", "d", "w", "t", "#",
	"X", "$", "ctrl+y", "ctrl+t", "e",
}

// FuzzKeys presses any keys and clicks anywhere on terminals of any size. The program must
// never panic, and every frame must be intact.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"))
	f.Add([]byte("\xc0\x30\x12\x0b\x0b\x0b\x00\x00\xf0\x20\x08\x10\x10\x10\x0d\x06\x07"))
	f.Add([]byte("\xd0\x05\x05\x0d\xd0\xff\xff\xe0\x10\x10\xe1\x40\x08\xe2\x50\x06"))
	var images []*analyze.Analysis
	for _, name := range []string{"app", "odd", "no-layers", "packages"} {
		images = append(images, open(f, name))
	}
	images = append(images, openFrame(f, "built"))
	for _, name := range []string{"unreadable-xz", "empty-layer", "history-none", "names-dotdot", "type-changes"} {
		images = append(images, openFixture(f, filepath.Join("..", "testdata", name+".image")))
	}
	f.Fuzz(func(t *testing.T, keys []byte) {
		if len(keys) == 0 || len(keys) > 120 {
			return
		}
		m := start(t, images[int(keys[0])%len(images)], 80, 24)
		hammer(t, m, keys[1:], fuzzKeys)
	})
}

// hammer interprets bytes as actions: it presses keys by name, clicks, turns the wheel and
// resizes the terminal.
func hammer(t *testing.T, m *model, keys []byte, names []string) {
	t.Helper()
	for i := 0; i < len(keys); i++ {
		k := keys[i]
		arg := func() int { // next byte
			if i+1 >= len(keys) {
				return 0
			}
			i++
			return int(keys[i])
		}
		switch {
		case k < 0xc0:
			send(m, keyOf(names[int(k)%len(names)]))
		case k < 0xe0:
			send(m, tea.WindowSizeMsg{Width: arg(), Height: arg() / 3})
		case k < 0xf0:
			send(m, tea.MouseClickMsg{Button: tea.MouseLeft, X: arg(), Y: arg() / 3})
		default:
			wheel := tea.MouseWheelUp
			if k&1 == 0 {
				wheel = tea.MouseWheelDown
			}
			send(m, tea.MouseWheelMsg{Button: wheel, X: arg(), Y: arg() / 3})
		}
		intact(t, m)
	}
}
