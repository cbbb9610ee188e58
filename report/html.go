package report

import (
	"context"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"html/template"
	"io"
	"strings"
	"sync"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// The parts of an HTML report. The vendored library is updated by report/web/vendor/update.sh.
var (
	//go:embed web/parts.html
	partsTemplate string
	//go:embed web/page.html
	pageTemplate string
	//go:embed web/check.html
	checkPageTemplate string
	//go:embed web/diff.html
	diffPageTemplate string
	//go:embed web/fleet.html
	fleetPageTemplate string
	//go:embed web/page.css
	pageStyle string
	//go:embed web/page.js
	pageScript string
	//go:embed web/vendor/d3-hierarchy.min.js
	mapLibrary string
	//go:embed web/vendor/d3-hierarchy.LICENSE
	mapLicence string
)

// HTML writes the analysis and its findings (see analyze.Advise) as one self-contained HTML page:
// no network, no other file. It shows the totals, a treemap of every stored byte, the layers,
// what to change in the build, the causes, and a searchable table of the largest waste; anything
// omitted is summarized with exact figures. docs/html.md describes it. It fails only if w does,
// or if ctx ends.
//
// Text from an image never becomes markup or code: it passes through internal/clean and
// html/template, and the page's policy forbids all other scripts and styles, and all loading.
func HTML(ctx context.Context, w io.Writer, a *analyze.Analysis, findings []analyze.Finding) error {
	p := assets()
	page := newHTMLPage(ctx, p, a, analyze.Brief(findings, analyze.DefaultFloor(a.Totals.Stored)))
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.template.ExecuteTemplate(w, reportTemplate, page)
}

// The templates of pages.
const (
	reportTemplate = "report"
	checkTemplate  = "check"
	diffTemplate   = "diff"
	fleetTemplate  = "fleet"
)

// pageAssets are the parts of a page that are the same for all.
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
		template: template.New("parts").Funcs(template.FuncMap{
			"size":    human.Size,
			"percent": human.Percent,
			"comma":   human.Comma[int],
			"commas":  human.Comma[int64],
			"exact":   func(n int64) string { return human.Comma(n) + " B" },
		}),
		style: template.CSS(unix(pageStyle)), //nolint:gosec // the project's own
		// the licence requires a copy next to the library
		library: template.JS(unix("/*\n" + mapLicence + "*/\n" + mapLibrary)), //nolint:gosec // as above
		script:  template.JS(unix(pageScript)),                                //nolint:gosec // as above
	}
	template.Must(p.template.Parse(unix(partsTemplate)))
	for name, text := range map[string]string{reportTemplate: pageTemplate, checkTemplate: checkPageTemplate, diffTemplate: diffPageTemplate, fleetTemplate: fleetPageTemplate} {
		template.Must(p.template.New(name).Parse(unix(text)))
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

// unix normalizes line endings, because browsers compare the hash of what they parse.
func unix(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// hashOf returns the Content-Security-Policy source of an inline text.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
