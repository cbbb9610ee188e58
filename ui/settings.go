package ui

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"

	"github.com/peelhq/peel/analyze"
)

// Settings are the user's settings for the screen. An empty value means the default.
type Settings struct {
	Theme   string // one of Themes
	Sort    string // one of Sorts: the initial order of files
	Mode    string // one of Modes: which files are shown initially
	Columns string // one of ColumnChoices: whether mode and owner are shown
	Mouse   string // one of MouseChoices: whether the program or the terminal gets it

	// Colours override the theme's colours for roles, by the names from Roles: "#rrggbb", "0"
	// to "255", "red".
	Colours map[string]string

	// Commands are user-defined commands.
	Commands []OwnCommand

	// Keys override the default keys of actions, by the names from AllKeys: "ctrl+x", "pgdown",
	// "X".
	Keys map[string][]string
}

// The values of settings, the default first.
var (
	Themes        = []string{"auto", "dark", "light", "basic", "none"}
	Sorts         = []string{"size", "wasted", "name"}
	Modes         = []string{"union", "alone", "range", "everything"}
	ColumnChoices = []string{"auto", "all", "few"}
	MouseChoices  = []string{"on", "off"}
)

// Check returns an error if the settings are invalid.
func (s Settings) Check() error {
	for _, v := range []struct {
		name, value string
		of          []string
	}{{"theme", s.Theme, Themes}, {"sort", s.Sort, Sorts}, {"mode", s.Mode, Modes}, {"columns", s.Columns, ColumnChoices}, {"mouse", s.Mouse, MouseChoices}} {
		if v.value != "" && !slices.Contains(v.of, v.value) {
			return fmt.Errorf("%s: %q is not one of %s", v.name, v.value, strings.Join(v.of, ", "))
		}
	}
	if err := checkColours(s.Theme, s.Colours); err != nil {
		return err
	}
	if err := checkOwn(s.Commands); err != nil {
		return err
	}
	k, err := newKeyMap(false).with(s.Keys)
	if err == nil {
		err = k.withOwn(s.Commands).distinct()
	}
	return err
}

// AllKeys returns the keys of every action by name, with the settings applied.
func (s Settings) AllKeys() (map[string][]string, error) {
	k, err := newKeyMap(false).with(s.Keys)
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	k.each(func(b *binding) { all[b.name] = b.Keys() })
	return all, nil
}

// use applies the settings to a new model.
func (m *model) use(s Settings) {
	if k, err := m.km.with(s.Keys); err == nil { // Check has reported errors
		m.km = k.withOwn(s.Commands)
	}
	m.theme = max(slices.Index(Themes, s.Theme), 0)
	m.initial = initial{
		order: order(max(slices.Index([]string{"size", "wasted", "name"}, s.Sort), 0)),
		mode:  analyze.Mode(max(slices.Index(Modes, s.Mode), 0)),
		attrs: choice(max(slices.Index(ColumnChoices, s.Columns), 0)),
	}
}

// initial is the explorer's initial state.
type initial struct {
	order  order
	mode   analyze.Mode
	attrs  choice
	divide int // columns of the left frame; 0 to follow the width
}

// themeOf returns the theme from the settings, or one that suits the terminal.
func (m *model) themeOf() theme {
	switch {
	case m.noColor:
		return plain
	case Themes[m.theme] == "dark":
		return themeFor(m.colours, true)
	case Themes[m.theme] == "light":
		return themeFor(m.colours, false)
	case Themes[m.theme] == "basic":
		return max(basic, themeFor(m.colours, m.isDark))
	case Themes[m.theme] == "none":
		return plain
	}
	return themeFor(m.colours, m.isDark)
}

// each calls f with every binding.
func (k *keyMap) each(f func(*binding)) {
	for _, v := range reflect.ValueOf(k).Elem().Fields() {
		switch v.Type() { // a test checks that there are no others
		case reflect.TypeFor[binding]():
			f((*binding)(v.Addr().UnsafePointer()))
		case reflect.TypeFor[[]binding]():
			for i := range v.Len() {
				f((*binding)(v.Index(i).Addr().UnsafePointer()))
			}
		}
	}
}

// with returns a copy of k with the keys of some actions replaced. It is an error to name an
// unknown action, to remove all keys of one, or to assign a key to two actions that are
// available in the same place.
func (k *keyMap) with(keys map[string][]string) (*keyMap, error) {
	out := *k
	out.views = slices.Clone(k.views)
	left := maps.Clone(keys)
	var err error
	out.each(func(b *binding) {
		own, ok := keys[b.name]
		if !ok {
			return
		}
		delete(left, b.name)
		if len(own) == 0 || slices.Contains(own, "") {
			err = fmt.Errorf("keys: %s has no key", b.name)
			return
		}
		names := make([]string, len(own))
		for i, name := range own {
			names[i] = keyName(name)
		}
		b.Binding = key.NewBinding(key.WithKeys(own...), key.WithHelp(strings.Join(names, " "), b.Help().Desc))
	})
	for _, name := range slices.Sorted(maps.Keys(left)) {
		return nil, fmt.Errorf("keys: unknown action %q; peel config lists them", name)
	}
	if err == nil {
		err = out.distinct()
	}
	return &out, err
}

// keyName returns a key's name in the help: "^x", "PgDn", "X".
func keyName(name string) string {
	switch name {
	case "pgdown":
		return "PgDn"
	case "pgup":
		return "PgUp"
	case "backspace":
		return "bksp"
	}
	if rest, ok := strings.CutPrefix(name, "ctrl+"); ok {
		return "^" + rest
	}
	if rest, ok := strings.CutPrefix(name, "alt+"); ok {
		return "A-" + rest
	}
	if rest, ok := strings.CutPrefix(name, "shift+"); ok {
		return "S-" + rest
	}
	return name
}

// distinct returns an error if a key has two meanings in the same place.
func (k *keyMap) distinct() error {
	for _, scope := range k.narrowScopes() {
		seen := map[string]string{}
		for _, g := range scope.groups {
			for _, b := range g.keys {
				for _, name := range b.Keys() {
					if other, ok := seen[name]; ok && other != b.name {
						first, second := min(other, b.name), max(other, b.name)
						return fmt.Errorf("keys: %q is both %s and %s (%s)", name, first, second, scope.name)
					}
					seen[name] = b.name
				}
			}
		}
	}
	return nil
}
