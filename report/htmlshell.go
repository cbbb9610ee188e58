package report

import (
	"html/template"
	"slices"
	"strings"
)

// htmlShell is the frame of every page, around its content. All text is safe to show.
type htmlShell struct {
	Policy  string
	Style   template.CSS
	Library template.JS
	Script  template.JS

	Kind   string // "report", "check", "diff"
	Title  string
	About  []string // its facts, one per line
	Source string
	Nav    []htmlLink // one at least
	HasMap bool
}

// An htmlLink leads to a section of the page.
type htmlLink struct{ ID, Name string }

// shell returns the shell of a page about something with this name.
func (p *pageAssets) shell(kind, name string) htmlShell {
	return htmlShell{Policy: p.policy, Style: p.style, Library: p.library, Script: p.script, Kind: kind, Title: cutRunes(name, htmlPathRunes)}
}

// Description is the page's description in a browser's history or a search.
func (s *htmlShell) Description() string {
	return strings.Join(slices.Concat([]string{s.Title}, s.About), ", ")
}
