package ui

import (
	"fmt"
	"image/color"
	"maps"
	"slices"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"
)

// A role is the purpose of a colour. The settings can assign another colour to each role than
// the theme.
type role struct {
	name string
	help string
	of   func(p *palette) []*color.Color // colours with this role
}

// roles lists all roles, in the order of peel config.
var roles = []role{
	{"text", "running text", func(p *palette) []*color.Color { return []*color.Color{&p.text} }},
	{"dim", "what matters less", func(p *palette) []*color.Color { return []*color.Color{&p.dim} }},
	{"faint", "what matters least, and frames without the focus", func(p *palette) []*color.Color { return []*color.Color{&p.faint} }},
	{"accent", "titles, keys, bars", func(p *palette) []*color.Color { return []*color.Color{&p.accent} }},
	{"border", "the frame with the focus", func(p *palette) []*color.Color { return []*color.Color{&p.border} }},
	{"selected", "background of the selected row", func(p *palette) []*color.Color { return []*color.Color{&p.selected} }},
	{"idle", "the same in a pane without the focus", func(p *palette) []*color.Color { return []*color.Color{&p.idle} }},
	{"column", "background of the selected layer's column", func(p *palette) []*color.Color { return []*color.Color{&p.column} }},
	{"added", "what is added, and the version that shows", func(p *palette) []*color.Color { return []*color.Color{&p.shows} }},
	{"changed", "what is changed, or covered", func(p *palette) []*color.Color { return []*color.Color{&p.covers} }},
	{"removed", "what is removed, and errors", func(p *palette) []*color.Color { return []*color.Color{&p.cut} }},
	{"waste", "wasted bytes", func(p *palette) []*color.Color { return []*color.Color{&p.waste} }},
	{"directory", "names of directories", func(p *palette) []*color.Color { return []*color.Color{&p.dir} }},
	{"link", "names of links", func(p *palette) []*color.Color { return []*color.Color{&p.link} }},
	{"found", "background of matches in a file", func(p *palette) []*color.Color { return []*color.Color{&p.found, &p.foundHere} }},
	{"keyword", "in a file: words of its language", func(p *palette) []*color.Color { return []*color.Color{&p.keyword} }},
	{"string", "in a file: literals", func(p *palette) []*color.Color { return []*color.Color{&p.str} }},
	{"number", "in a file: numbers", func(p *palette) []*color.Color { return []*color.Color{&p.number} }},
	{"comment", "in a file: comments", func(p *palette) []*color.Color { return []*color.Color{&p.comment} }},
	{"name", "in a file: names being defined", func(p *palette) []*color.Color { return []*color.Color{&p.name} }},
}

// Roles returns the names of the roles whose colours settings can change, and their help.
func Roles() (names []string, help map[string]string) {
	help = map[string]string{}
	for _, r := range roles {
		names = append(names, r.name)
		help[r.name] = r.help
	}
	return names, help
}

// ansiColours are the names of the terminal's own 16 colours, numbered as in ECMA-48 and
// aixterm.
var ansiColours = []string{
	"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white",
	"bright-black", "bright-red", "bright-green", "bright-yellow", "bright-blue", "bright-magenta", "bright-cyan", "bright-white",
}

// parseColour parses a colour: "#rgb" or "#rrggbb", one of the 256 colours by number, or one of
// the terminal's own 16 by name.
func parseColour(s string) (color.Color, error) {
	if digits, ok := strings.CutPrefix(s, "#"); ok {
		if _, err := strconv.ParseUint(digits, 16, 32); err == nil && (len(digits) == 3 || len(digits) == 6) {
			return lipgloss.Color(s), nil
		}
	} else if n, err := strconv.ParseUint(s, 10, 8); err == nil {
		return lipgloss.Color(strconv.FormatUint(n, 10)), nil
	} else if i := slices.Index(ansiColours, s); i >= 0 {
		return lipgloss.Color(strconv.Itoa(i)), nil
	}
	return nil, fmt.Errorf("unknown colour %q: use #rrggbb, a number from 0 to 255, or a name such as red or bright-blue", s)
}

// checkColours returns an error if the colours in settings are invalid.
func checkColours(theme string, colours map[string]string) error {
	if theme == "none" && len(colours) > 0 {
		return fmt.Errorf("colours: the theme none has no colours: choose another one")
	}
	for _, name := range slices.Sorted(maps.Keys(colours)) {
		if !slices.ContainsFunc(roles, func(r role) bool { return r.name == name }) {
			all, _ := Roles()
			return fmt.Errorf("colours: unknown role %q: use %s", name, strings.Join(all, ", "))
		}
		if _, err := parseColour(colours[name]); err != nil {
			return fmt.Errorf("colours: %s: %w", name, err)
		}
	}
	return nil
}

// with returns the palette with the colours that the settings assign to roles.
func (p palette) with(colours map[string]string) palette {
	for _, r := range roles {
		if c, err := parseColour(colours[r.name]); err == nil { // Check has reported errors
			for _, of := range r.of(&p) {
				*of = c
			}
		}
	}
	return p
}
