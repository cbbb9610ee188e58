package ui

import (
	"context"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/peelhq/peel/analyze"
)

func TestSettingsCheck(t *testing.T) {
	tests := []struct {
		name string
		s    Settings
		want string // part of the error; "" for none
	}{
		{"nothing said", Settings{}, ""},
		{"all said", Settings{Theme: "none", Sort: "name", Mode: "everything", Columns: "few"}, ""},
		{"an unknown theme", Settings{Theme: "pink"}, `theme: "pink" is not one of auto, dark`},
		{"an unknown order", Settings{Sort: "date"}, `sort: "date"`},
		{"another key", Settings{Keys: map[string][]string{"quit": {"ctrl+q"}}}, ""},
		{"an unknown action", Settings{Keys: map[string][]string{"fly": {"f"}}}, `unknown action "fly"`},
		{"no key", Settings{Keys: map[string][]string{"quit": {}}}, "quit has no key"},
		{"a key twice", Settings{Keys: map[string][]string{"sort": {"m"}}}, `"m" is both mode and sort`},
		{"keys that change sources", Settings{Keys: map[string][]string{"sort": {"m"}, "mode": {"s"}}}, ""},
		{"one key in two panes", Settings{Keys: map[string][]string{"to-files": {"+"}}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			switch err := tt.s.Check(); {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestSettingsAreUsed checks that the screen starts with the settings, and uses their keys.
func TestSettingsAreUsed(t *testing.T) {
	a := open(t, "app")
	m := newModel(t.Context(), Options{
		Environ:  []string{"LANG=C.UTF-8"},
		Settings: Settings{Sort: "name", Mode: "alone", Columns: "all", Keys: map[string][]string{"quit": {"ctrl+q"}, "view-fix": {"W"}}},
		Load: func(context.Context, func(Progress), func(*analyze.Analysis)) (*analyze.Analysis, error) {
			return a, nil
		},
	})
	m.timer = nothingLater
	settle(m, m.Init())
	send(m, tea.WindowSizeMsg{Width: 120, Height: 40})
	rowWith(t, m, "Layer 7 alone")
	rowWith(t, m, "by name")
	rowWith(t, m, "mode owner")
	rowWith(t, m, "W fix")
	rowWith(t, m, "^q quit")
	press(m, "W")
	rowWith(t, m, "by size")
	if _, cmd := m.Update(keyOf("q")); settle(m, cmd) {
		t.Error("q still quits")
	}
	if _, cmd := m.Update(keyOf("ctrl+q")); !settle(m, cmd) {
		t.Error("ctrl+q doesn't quit")
	}
}

func TestThemeSettings(t *testing.T) {
	tests := []struct {
		setting string
		colours colorprofile.Profile
		isDark  bool
		env     string
		want    theme
	}{
		{"", colorprofile.TrueColor, false, "", light},
		{"auto", colorprofile.TrueColor, true, "", dark},
		{"dark", colorprofile.TrueColor, false, "", dark},
		{"light", colorprofile.ANSI256, true, "", light256},
		{"basic", colorprofile.TrueColor, true, "", basic},
		{"basic", colorprofile.ASCII, true, "", plain},
		{"none", colorprofile.TrueColor, true, "", plain},
		{"dark", colorprofile.TrueColor, true, "NO_COLOR=1", plain},
	}
	for _, tt := range tests {
		m := newModel(t.Context(), Options{Environ: []string{"LANG=C.UTF-8", tt.env}, Settings: Settings{Theme: tt.setting}})
		m.Update(tea.ColorProfileMsg{Profile: tt.colours})
		m.isDark = tt.isDark
		if got := m.themeOf(); got != tt.want {
			t.Errorf("%q on %v: got theme %d, want %d", tt.setting, tt.colours, got, tt.want)
		}
	}
}
