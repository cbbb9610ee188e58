package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"
	"sync"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// web holds what an HTML report is made of. The vendored library is updated by
// report/web/vendor/update.sh.
//
//go:embed web/page.html web/page.css web/page.js web/vendor/d3-hierarchy.min.js web/vendor/d3-hierarchy.LICENSE
var web embed.FS

// HTML writes the analysis as one HTML page that needs nothing else: no network,
// no other file. It shows the totals, a treemap of every stored byte, the layers,
// the causes, and the largest waste in a table to be searched; what its bounds
// leave out is said with exact figures. docs/html.md describes it. It fails only
// where w does.
//
// Nothing that the image says is ever markup or code: text passes through
// internal/clean and html/template, and the page's own policy forbids every
// script and style but its own, and all loading.
func HTML(w io.Writer, a *analyze.Analysis) error {
	return writeHTML(w, a, analyze.Advise(a, analyze.AdviceOptions{}))
}

// writeHTML is HTML with findings, the gravest first.
func writeHTML(w io.Writer, a *analyze.Analysis, findings []analyze.Finding) error {
	p := assets()
	return p.template.Execute(w, newHTMLPage(p, a, findings))
}

// pageAssets are the parts of a page that are the same for every image.
type pageAssets struct {
	template *template.Template
	style    template.CSS
	library  template.JS
	script   template.JS
	policy   string // of the Content-Security-Policy
}

// assets is made when the first page is written.
var assets = sync.OnceValue(func() *pageAssets {
	p := &pageAssets{
		template: template.Must(template.New("page").Funcs(template.FuncMap{
			"size":    human.Size,
			"percent": human.Percent,
			"comma":   func(n int) string { return human.Comma(n) },
			"exact":   func(n int64) string { return human.Comma(n) + " B" },
		}).Parse(asset("page.html"))),
		style: template.CSS(asset("page.css")), //nolint:gosec // the project's own
		// The licence asks to go wherever the library goes.
		library: template.JS("/*\n" + asset("vendor/d3-hierarchy.LICENSE") + "*/\n" + asset("vendor/d3-hierarchy.min.js")), //nolint:gosec // as above
		script:  template.JS(asset("page.js")),                                                                             //nolint:gosec // as above
	}
	p.policy = strings.Join([]string{
		"default-src 'none'",
		"script-src " + hashOf(string(p.library)) + " " + hashOf(string(p.script)),
		"style-src " + hashOf(string(p.style)),
		"img-src data:", // the empty icon, without which browsers ask the server for one
		"base-uri 'none'",
		"form-action 'none'",
	}, "; ")
	return p
})

// asset returns one of the page's files, as text with bare newlines: browsers
// compare the hash of what they have parsed.
func asset(name string) string {
	b, err := web.ReadFile("web/" + name)
	if err != nil {
		panic(err) // it is built in
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}

// hashOf returns how a Content-Security-Policy names an inline text that may be
// used.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
