package report

import (
	"html/template"
	"slices"
	"strings"
)

// htmlShell is what every page has around what it shows. All text is fit to be shown.
type htmlShell struct {
	Policy  string
	Style   template.CSS
	Library template.JS
	Script  template.JS

	Kind   string // "report", "check", "diff"
	Title  string
	About  []string // what there is to say of it, a line
	Source string
	Nav    []htmlLink // one at least
	HasMap bool
}

// An htmlLink leads to a section of the page.
type htmlLink struct{ ID, Name string }

// shell returns the shell of a page about something of a name.
func (p *pageAssets) shell(kind, name string) htmlShell {
	return htmlShell{Policy: p.policy, Style: p.style, Library: p.library, Script: p.script, Kind: kind, Title: cutRunes(name, htmlPathRunes)}
}

// Description is what a browser's history or a search says of the page.
func (s *htmlShell) Description() string {
	return strings.Join(slices.Concat([]string{s.Title}, s.About), ", ")
}
