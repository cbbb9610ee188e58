package ui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// testedThemes are the themes whose frames are compared.
var testedThemes = []struct {
	name    string
	colours colorprofile.Profile
	isDark  bool
}{
	{"dark", colorprofile.TrueColor, true},
	{"light", colorprofile.TrueColor, false},
	{"dark256", colorprofile.ANSI256, true},
	{"light256", colorprofile.ANSI256, false},
	{"basic", colorprofile.ANSI, true},
	{"plain", colorprofile.ASCII, true},
}

// TestThemeFrames draws every view once in every theme, with its colours: "^[" stands for an
// escape.
func TestThemeFrames(t *testing.T) {
	views := []struct{ name, keys string }{{"files", ""}, {"chips", "j space S"}, {"fix", "2 space j"}, {"waste", "2 s s s enter j"}, {"image", "3 j"}, {"map", "4 E left j"}, {"packages", "5 j"}, {"help", "?"}}
	app, packaged, built := open(t, "app"), open(t, "packages"), openFrame(t, "built")
	for _, th := range testedThemes {
		for _, v := range views {
			name := "theme-" + th.name + "-" + v.name
			t.Run(name, func(t *testing.T) {
				a := app
				switch v.name {
				case "packages":
					a = packaged
				case "fix":
					a = built
				}
				m := start(t, a, 80, 24)
				send(m, tea.ColorProfileMsg{Profile: th.colours})
				m.isDark = th.isDark
				m.restyle()
				press(m, v.keys)
				intact(t, m)
				content := m.View().Content
				if coloured := strings.Contains(content, "\x1b[3"); coloured && th.name == "plain" {
					t.Error("the theme without colours has a colour")
				}
				golden(t, name, strings.Split(strings.ReplaceAll(content, "\x1b", "^["), "\n"))
			})
		}
	}
}
