package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
)

// verdictOn checks an image with the default rules.
func verdictOn(t *testing.T, ref string) *report.Verdict {
	t.Helper()
	im, err := source.Open(t.Context(), ref, source.Options{Collect: analyze.Collectors()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	a, err := analyze.Run(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o, err := analyze.Check(t.Context(), a, analyze.NewRules(), analyze.CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return &report.Verdict{Analysis: a, Outcome: o}
}

// writtenPage writes a page to a file.
func writtenPage(t *testing.T, write func(*bytes.Buffer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// evilImage returns an image whose names, steps and labels try to be more than text.
func evilImage(t *testing.T) string {
	t.Helper()
	evil := []string{`<script>window.pwned=1</script>`, `</script><img src=x onerror=window.pwned=1>`, `"onmouseover="window.pwned=1" x='`, `{{.Policy}}`, "\u202egnp.exe", strings.Repeat("x", 250)}
	var text strings.Builder
	text.WriteString("-- image evil:1 linux/amd64 --\n")
	for _, e := range evil {
		text.WriteString("step " + strconv.Quote("RUN "+e) + "\n")
	}
	for i := range evil {
		text.WriteString("-- layer --\n")
		for j, name := range evil {
			text.WriteString("file " + strconv.Quote("dir/"+name) + " " + strconv.Itoa(1000*(j+1)) + " seed=" + strconv.Itoa(i) + "\n")
		}
	}
	f, err := testkit.Parse(text.String())
	if err != nil {
		t.Fatal(err)
	}
	return f.Shapes()[0].Write(t, f)
}

// TestHTMLPages checks that the pages of a check, a comparison and a fleet are readable in both themes
// and at every width, do nothing forbidden, and run nothing from an image.
func TestHTMLPages(t *testing.T) {
	needBrowser(t)
	sample, evil := verdictOn(t, "../testdata/sample.tar"), verdictOn(t, evilImage(t))
	c := &report.Comparison{Before: analyze.Final(sample.Analysis), After: analyze.Final(evil.Analysis)}
	var err error
	if c.Difference, err = analyze.Compare(t.Context(), c.Before, c.After, 0); err != nil {
		t.Fatal(err)
	}
	lost := &report.Verdict{Name: "<b>lost", Err: os.ErrNotExist}
	for _, x := range []struct {
		name, first string // first is the ID of an element that must exist
		write       func(*bytes.Buffer) error
	}{
		{"check", "cells", func(b *bytes.Buffer) error { return report.CheckHTML(t.Context(), b, sample) }},
		{"check of a hostile image", "cells", func(b *bytes.Buffer) error { return report.CheckHTML(t.Context(), b, evil) }},
		{"check of several", "verdict", func(b *bytes.Buffer) error { return report.CheckHTML(t.Context(), b, sample, evil, lost) }},
		{"fleet", "cells", func(b *bytes.Buffer) error { return report.FleetHTML(b, fleetReport(evilNames)) }},
		{"diff", "figures", func(b *bytes.Buffer) error { return report.DiffHTML(b, c) }},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := openPageWith(t, writtenPage(t, x.write), x.first)
			want(p, `document.querySelectorAll("header, main, footer, h1").length`, 4)
			want(p, `Array.from(document.querySelectorAll("section")).every(function (s) { return s.querySelector("h2").id === s.getAttribute("aria-labelledby"); })`, true)
			want(p, `document.querySelectorAll("thead th:not([scope=col]), tbody th:not([scope=row]), nav:not([aria-label])").length`, 0)
			want(p, `document.querySelectorAll("img, iframe, object, embed, [onerror], [onmouseover]").length`, 0)
			p.run(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach(function (d) { d.open = true; })`))
			p.settle()
			for _, dark := range []bool{false, true} {
				p.dark(dark)
				want(p, contrasts, "")
			}
			for _, width := range []int64{1280, 800, 360} {
				p.resize(width, 800)
				want(p, `document.documentElement.scrollWidth`, int(width))
			}
			want(p, `window.pwned === undefined`, true)
		})
	}
}
