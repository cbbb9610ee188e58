package ui

import (
	"image/color"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/peelhq/peel/analyze"
)

// A palette has the colours of a theme. A nil colour is the terminal's own.
type palette struct {
	text, dim, faint   color.Color // normal text, less important text, least important text
	accent             color.Color // keys, titles, bars
	border             color.Color // the focused frame; nil means accent
	shows, covers, cut color.Color // a version that shows, a covered one, a removal
	waste              color.Color // wasted bytes
	selected, idle     color.Color // background of the selected row, with and without the focus
	column             color.Color // background of the selected layer's column
	dir, link          color.Color // names of directories and links

	// For a text: a language's keywords, literals, numbers, comments and declared names, and
	// search matches.
	keyword, str, number, comment, name color.Color
	found, foundHere                    color.Color // backgrounds
}

var darkPalette = palette{
	text:     lipgloss.Color("#d8dee9"),
	dim:      lipgloss.Color("#8b95a7"),
	faint:    lipgloss.Color("#4b5468"),
	accent:   lipgloss.Color("#7cc7ff"),
	shows:    lipgloss.Color("#8fd48a"),
	covers:   lipgloss.Color("#e9c46a"),
	cut:      lipgloss.Color("#f2777a"),
	waste:    lipgloss.Color("#f29e6a"),
	selected: lipgloss.Color("#2f4468"),
	idle:     lipgloss.Color("#2a303c"),
	column:   lipgloss.Color("#3d4a63"),
	dir:      lipgloss.Color("#9ec1ff"),
	link:     lipgloss.Color("#86d3cf"),
	keyword:  lipgloss.Color("#c792ea"),
	str:      lipgloss.Color("#a5d6a0"),
	number:   lipgloss.Color("#f0b37e"),
	comment:  lipgloss.Color("#7d8799"),
	name:     lipgloss.Color("#82b8f2"),
	found:    lipgloss.Color("#5a4a1e"), foundHere: lipgloss.Color("#8a6410"),
}

var lightPalette = palette{
	text:     lipgloss.Color("#24292f"),
	dim:      lipgloss.Color("#5e6773"),
	faint:    lipgloss.Color("#b0b7c1"),
	accent:   lipgloss.Color("#0a5fb4"),
	shows:    lipgloss.Color("#1a7f37"),
	covers:   lipgloss.Color("#8a5a00"),
	cut:      lipgloss.Color("#c1272d"),
	waste:    lipgloss.Color("#b64700"),
	selected: lipgloss.Color("#cfe3ff"),
	idle:     lipgloss.Color("#e8ecf1"),
	column:   lipgloss.Color("#d5dce6"),
	dir:      lipgloss.Color("#0b4a9e"),
	link:     lipgloss.Color("#0b6e6a"),
	keyword:  lipgloss.Color("#8250b5"),
	str:      lipgloss.Color("#1b6e3c"),
	number:   lipgloss.Color("#a34700"),
	comment:  lipgloss.Color("#6a737d"),
	name:     lipgloss.Color("#0b52a8"),
	found:    lipgloss.Color("#ffefb0"), foundHere: lipgloss.Color("#ffd257"),
}

// basicPalette is for terminals with 16 colours, dark or light. It uses their own text colour,
// and other colours only if they are readable on both.
var basicPalette = palette{
	accent:  lipgloss.Cyan,
	shows:   lipgloss.Green,
	covers:  lipgloss.Yellow,
	cut:     lipgloss.Red,
	waste:   lipgloss.Magenta,
	dir:     lipgloss.Blue,
	link:    lipgloss.Cyan,
	keyword: lipgloss.Magenta,
	str:     lipgloss.Green,
	number:  lipgloss.Yellow,
	name:    lipgloss.Blue,
}

// A theme is a set of colours for the screen.
type theme uint8

const (
	dark     theme = iota // any colours, on a dark background
	light                 // any colours, on a light one
	dark256               // 256 colours, on a dark background
	light256              // 256 colours, on a light one
	basic                 // 16 colours, on either
	plain                 // none: only bold, underlined and reversed text
)

// palette returns the colours of t. With 256 colours, the nearest ones are good enough for
// text; for backgrounds they are too bright, so palette uses greys.
func (t theme) palette() palette {
	switch t {
	case dark:
		return darkPalette
	case light:
		return lightPalette
	case dark256:
		p := darkPalette
		p.selected, p.idle, p.column = lipgloss.Color("238"), lipgloss.Color("235"), lipgloss.Color("240")
		p.found, p.foundHere = lipgloss.Color("58"), lipgloss.Color("94")
		return p
	case light256:
		p := lightPalette
		p.selected, p.idle, p.column = lipgloss.Color("153"), lipgloss.Color("254"), lipgloss.Color("252")
		p.found, p.foundHere = lipgloss.Color("229"), lipgloss.Color("221")
		return p
	case basic:
		return basicPalette
	}
	return palette{}
}

// themeFor returns the theme for a terminal's colours and background.
func themeFor(p colorprofile.Profile, isDark bool) theme {
	switch {
	case p <= colorprofile.ASCII:
		return plain
	case p == colorprofile.ANSI:
		return basic
	case p == colorprofile.ANSI256 && isDark:
		return dark256
	case p == colorprofile.ANSI256:
		return light256
	case isDark:
		return dark
	}
	return light
}

// A style is the escape sequence that turns a style on; ansiReset ends it.
type style struct {
	on    string
	solid bool // as a row's base: nothing on the row has its own colour
	firm  bool // keeps its colour on such a row
}

const ansiReset = "\x1b[m"

func newStyle(s lipgloss.Style) style {
	on, _, _ := strings.Cut(s.Render("x"), "x")
	return style{on: on}
}

// styles are the styles for everything on the screen.
type styles struct {
	text, strong, dim, faint style
	title, idleTitle         style // of a pane with and without the focus
	border, idleBorder       style
	key                      style // a key's name
	waste, bar, wasteBar     style
	barOnWaste               style // a cell with bar on the left, and wasteBar on the right
	dir, link                style
	strip                    [4]style // by analyze.Sign
	columnStrip              [4]style // the same in the selected layer's column
	columnHead               style    // that layer's number
	change                   [5]style // by analyze.Change
	selected, idleSelected   style    // bases of the selected row
	failure                  style
	caret                    style // the character under a prompt's cursor
	match                    style // what was searched for, in a name
	code                     [tokenClassCount]style
	escape                   style // a replacement for a character that can't be shown
	found, foundHere         style // a match in a text, and the current match
}

// newStyles returns the styles of a theme, with other colours for some roles. A theme without
// colours ignores them.
func newStyles(t theme, colours map[string]string) styles {
	p := t.palette()
	if t != plain {
		p = p.with(colours)
	}
	if p.border == nil {
		p.border = p.accent
	}
	few := t == basic || t == plain // no shades: attributes show brightness
	dim, faint := fg(p.dim), fg(p.faint)
	if few {
		faint = faint.Faint(true)
	}
	s := styles{
		text:         newStyle(fg(p.text)),
		strong:       newStyle(fg(p.text).Bold(true)),
		dim:          newStyle(dim),
		faint:        newStyle(faint),
		title:        newStyle(fg(p.accent).Bold(true)),
		idleTitle:    newStyle(fg(p.text)),
		border:       newStyle(fg(p.border)),
		idleBorder:   newStyle(faint),
		key:          newStyle(fg(p.accent)),
		waste:        newStyle(fg(p.waste)),
		bar:          newStyle(fg(p.accent)),
		wasteBar:     newStyle(fg(p.waste)),
		barOnWaste:   newStyle(onto(fg(p.accent), p.waste)),
		dir:          newStyle(fg(p.dir)),
		link:         newStyle(fg(p.link)),
		columnHead:   newStyle(inColumn(fg(p.text).Bold(true), p.column)),
		selected:     newStyle(lipgloss.NewStyle().Background(p.selected)),
		idleSelected: newStyle(lipgloss.NewStyle().Background(p.idle)),
		failure:      newStyle(fg(p.cut).Bold(true)),
		caret:        newStyle(lipgloss.NewStyle().Reverse(true)),
		match:        newStyle(fg(p.covers).Bold(true).Underline(true)),
	}
	s.match.firm = true
	if few {
		if p.selected == nil {
			s.selected = newStyle(lipgloss.NewStyle().Reverse(true))
			s.selected.solid = true
		}
		if p.idle == nil {
			s.idleSelected = newStyle(lipgloss.NewStyle().Bold(true))
		}
	}
	s.addSigns(p, faint)
	s.addTexts(p, few)
	return s
}

// fg returns the style of a colour; nil is the terminal's own.
func fg(c color.Color) lipgloss.Style {
	if c == nil {
		return lipgloss.NewStyle()
	}
	return lipgloss.NewStyle().Foreground(c)
}

// onto sets the background of st; nil is the terminal's own.
func onto(st lipgloss.Style, bg color.Color) lipgloss.Style {
	if bg == nil {
		return st
	}
	return st.Background(bg)
}

// addSigns makes the styles of the strip's signs and of the changes.
func (s *styles) addSigns(p palette, faint lipgloss.Style) {
	for sign, st := range map[analyze.Sign]lipgloss.Style{
		analyze.SignNothing: faint,
		analyze.SignRemoved: fg(p.cut),
		analyze.SignCovered: fg(p.covers),
		analyze.SignShows:   fg(p.shows),
	} {
		s.strip[sign], s.columnStrip[sign] = newStyle(st), newStyle(inColumn(st, p.column))
	}
	for change, c := range map[analyze.Change]color.Color{
		analyze.Added:     p.shows,
		analyze.Modified:  p.covers,
		analyze.Metadata:  p.waste,
		analyze.Identical: p.dim,
		analyze.Removed:   p.cut,
	} {
		s.change[change] = newStyle(fg(c))
	}
}

// addTexts makes the styles for viewed files.
func (s *styles) addTexts(p palette, few bool) {
	s.code = [tokenClassCount]style{
		plainToken:   s.text,
		keywordToken: newStyle(fg(p.keyword).Bold(few)),
		stringToken:  newStyle(fg(p.str)),
		numberToken:  newStyle(fg(p.number)),
		commentToken: newStyle(fg(p.comment).Faint(few)),
		nameToken:    newStyle(fg(p.name)),
	}
	s.escape = newStyle(fg(p.cut).Faint(few))
	s.found = newStyle(fg(p.text).Background(p.found))
	s.foundHere = newStyle(fg(p.text).Background(p.foundHere).Bold(true))
	if few {
		if p.found == nil {
			s.found = newStyle(lipgloss.NewStyle().Underline(true))
		}
		s.foundHere = newStyle(lipgloss.NewStyle().Reverse(true))
	}
}

// inColumn adapts st to the selected layer's column.
func inColumn(st lipgloss.Style, bg color.Color) lipgloss.Style {
	if bg == nil {
		return st.Bold(true).Underline(true)
	}
	return st.Background(bg).Bold(true)
}

// look has the colours, signs and rules for text that the panes draw with. They share one, so
// that a change of theme reaches every pane.
type look struct {
	st styles
	sg signs
	cleaner
}

// cursor returns the base of the row under a cursor.
func (s *styles) cursor(focused bool) style {
	if focused {
		return s.selected
	}
	return s.idleSelected
}
