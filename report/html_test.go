package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/bench/madeup"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// htmlBytes is the maximum size of an image's page.
const htmlBytes = 2_000_000

// analysisAt analyses the image at a path.
func analysisAt(t *testing.T, path string) *analyze.Analysis {
	t.Helper()
	im, err := source.Open(t.Context(), path, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	a, err := analyze.Run(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func htmlOf(t *testing.T, a *analyze.Analysis, findings []analyze.Finding) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(t.Context(), &b, a, findings); err != nil {
		t.Fatal(err)
	}
	if b.Len() > htmlBytes {
		t.Errorf("the page has %d bytes, want at most %d", b.Len(), htmlBytes)
	}
	return b.String()
}

// TestHTMLData checks the data of the sample's page: the treemap, one cell per line, then the
// tables.
func TestHTMLData(t *testing.T) {
	a := analysisAt(t, "../testdata/sample.tar")
	page := newHTMLPage(t.Context(), assets(), a, nil)
	var b strings.Builder
	line := func(v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	b.WriteString("# cells: parent, name, kind, bytes, cause, layer, by\n")
	for _, c := range page.Map.Data.Cells {
		line(c)
	}
	b.WriteString("# layers\n")
	for i, l := range page.Layers {
		line(l)
		line(page.Map.Data.Layers[i])
	}
	b.WriteString("# causes\n")
	for _, c := range page.Causes {
		line(c)
	}
	b.WriteString("# waste\n")
	for _, w := range page.Waste {
		line(w)
	}
	testkit.Golden(t, "testdata/sample.page", b.String(), *update)
}

// TestHTMLLeavesOutExactly checks that the page's rows and its sums for omitted rows add up to
// the totals.
func TestHTMLLeavesOutExactly(t *testing.T) {
	var text strings.Builder
	const files = htmlWasteRows + 700
	text.WriteString("-- image many:1 linux/amd64 --\n")
	for range 2 {
		text.WriteString("-- layer --\n")
		for i := range files {
			fmt.Fprintf(&text, "file d%d/f%d %d\n", i%100, i, 1+i)
		}
	}
	for range htmlLayerRows {
		text.WriteString("-- layer --\nfile same 3\n")
	}
	a := analysis(t, text.String())
	page := newHTMLPage(t.Context(), assets(), a, nil)
	if len(page.Waste) != htmlWasteRows || page.MoreWast.Versions != a.Waste.Len()-htmlWasteRows {
		t.Errorf("%d rows of waste and %d more, of %d", len(page.Waste), page.MoreWast.Versions, a.Waste.Len())
	}
	wasted := page.MoreWast.Bytes
	for _, w := range page.Waste {
		wasted += w.Bytes
	}
	stored, entries := page.MoreLay.Stored, page.MoreLay.Entries
	for _, l := range page.Layers {
		stored += l.Stored
		entries += l.Entries
	}
	if wasted != a.Totals.Wasted || stored != a.Totals.Stored || entries != a.Totals.Entries || page.MoreLay.Layers != 2 {
		t.Errorf("rows add up to %d wasted, %d stored, %d entries, %d layers left out; want %+v", wasted, stored, entries, page.MoreLay.Layers, a.Totals)
	}
	if page.Map.RestVersions == 0 {
		t.Error("the map leaves nothing out")
	}
	text.Reset()
	out := html.UnescapeString(htmlOf(t, a, nil))
	for _, said := range []string{
		human.Comma(page.MoreWast.Versions) + " more versions", human.Comma(page.MoreWast.Bytes) + " B",
		human.Comma(page.Map.RestVersions) + " files of " + human.Comma(page.Map.RestBytes) + " B in all",
		"2 more layers: " + human.Comma(page.MoreLay.Stored) + " B stored",
	} {
		if !strings.Contains(out, said) {
			t.Errorf("the page lacks %q", said)
		}
	}
}

// TestHTMLOfLargeImage checks that a large image gives a page of bounded size with exact sums.
// With PEEL_THOROUGH=1 the image has 200,000 entries; .ci/run sets that, without the race
// detector, with which it would take minutes.
func TestHTMLOfLargeImage(t *testing.T) {
	entries := testkit.Size(20_000, 5_000)
	if os.Getenv("PEEL_THOROUGH") != "" {
		entries = 200_000
	}
	path := filepath.Join(t.TempDir(), "docker.tar")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	made := madeup.Image{Entries: entries, Layers: 20, Mean: 100, Again: 10, Holes: true}
	if err := errors.Join(made.WriteDocker(f), f.Close()); err != nil {
		t.Fatal(err)
	}
	a := analysisAt(t, path)
	htmlOf(t, a, advised(t, a))
	m := newTreemap(t.Context(), a, mapCells)
	if visible, wasted, _ := m.sums(len(a.Layers)); visible != a.Totals.Visible || wasted != a.Totals.Wasted {
		t.Errorf("the map has %d visible and %d wasted bytes, want %d and %d", visible, wasted, a.Totals.Visible, a.Totals.Wasted)
	}
	m.check(t, mapCells)
}

// TestHTMLOfLongNames checks that names of the maximum length, made of the characters that grow
// most when escaped, don't make the page larger.
func TestHTMLOfLongNames(t *testing.T) {
	for name, r := range map[string]string{"escaped": "<", "wide": "日", "invisible": "\u202e"} {
		t.Run(name, func(t *testing.T) {
			long := strings.Repeat(r, 240/len(r))
			var text strings.Builder
			for range 2 {
				text.WriteString("-- layer --\n")
				for i := range testkit.Size(500, 100) {
					fmt.Fprintf(&text, "file %q %d\n", fmt.Sprintf("%s%d/%s%d/%s", long, i%10, long, i, long), 1000+i)
				}
			}
			a := analysis(t, text.String())
			for i := range a.Layers {
				a.Layers[i].Layer.Step.Command = strings.Repeat(r, 100_000)
			}
			htmlOf(t, a, advised(t, a))
		})
	}
}

func TestHTMLEscapes(t *testing.T) {
	a := analysis(t, "-- layer --\nfile a 5\n-- layer --\nfile a 5 mode=0600\n")
	const tag = `</script><img src=x onerror=alert(1)>`
	hostile := tag + "\x1b[2J\x07\u2028\u202e\u2066\ufeff\xff\xfe\r\n" + `"'` + "`${x}"
	im := *a.Image
	im.Name, im.Platform, im.Source, im.ID, im.Digest = hostile, hostile, hostile, hostile, hostile
	a.Image = &im
	a.Waste = rowsAt(a.Waste, hostile)
	a.Flaws = append(a.Flaws, source.Flaw{Layer: -1, Problem: hostile}, source.Flaw{Layer: 1, Path: hostile, Problem: hostile})
	for i := range a.Layers {
		l := *a.Layers[i].Layer
		l.Step.Command, l.MediaType, l.DiffID = hostile, hostile, hostile
		if i == 0 {
			l.Err = errors.New(hostile)
		}
		a.Layers[i].Layer = &l
	}
	findings := []analyze.Finding{{
		ID: hostile, Rule: hostile, Severity: analyze.Warning, Title: hostile, Message: hostile, Advice: hostile, Path: hostile, Layer: 1,
		Bytes: 5, Step: hostile, Line: &dockerfile.Line{File: hostile, First: 3, Last: 4},
	}}
	page := htmlOf(t, a, findings)
	printable(t, page)
	if n := strings.Count(page, "</script>"); n != 3 {
		t.Errorf("got %d script ends in the page, want 3", n)
	}
	if strings.Contains(page, "<img") {
		t.Error("the page has a picture")
	}
	if !strings.Contains(html.UnescapeString(page), `:3-4 (probably)`) {
		t.Error("the finding's line is missing")
	}
}

// TestHTMLPolicy checks that the policy allows only the page's own scripts and style.
func TestHTMLPolicy(t *testing.T) {
	page := htmlOf(t, analysis(t, "-- layer --\nfile a 5\n"), nil)
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindStringSubmatch(page)
	if policy == nil {
		t.Fatal("no policy")
	}
	rules := html.UnescapeString(policy[1])
	if !strings.HasPrefix(rules, "default-src 'none'; ") || strings.Contains(rules, "unsafe") {
		t.Errorf("got policy %s", rules)
	}
	inline := regexp.MustCompile(`(?s)<(?:script|style)>(.*?)</(?:script|style)>`).FindAllStringSubmatch(page, -1)
	if len(inline) != 3 {
		t.Errorf("got %d scripts and styles, want 3", len(inline))
	}
	for _, text := range inline {
		if hash := hashOf(text[1]); !strings.Contains(rules, hash) {
			t.Errorf("the policy forbids %.40q...", text[1])
		}
	}
	// Comments of the library may contain addresses, but attributes may not.
	if at := regexp.MustCompile(`(?i)(?:src|href|action)="?[^"#d>][^>]*`).FindString(strings.Split(page, "<script>")[0]); at != "" {
		t.Errorf("the page refers to an address: %s", at)
	}
}

// TestHTMLContext checks that a page isn't made after its context has ended.
func TestHTMLContext(t *testing.T) {
	a := analysisAt(t, "../testdata/sample.tar")
	ctx, cancel := context.WithCancel(t.Context())
	findings := advised(t, a)
	cancel()
	var b bytes.Buffer
	if err := HTML(ctx, &b, a, findings); !errors.Is(err, context.Canceled) || b.Len() > 0 {
		t.Errorf("%v, %d bytes", err, b.Len())
	}
}

func advised(t *testing.T, a *analyze.Analysis) []analyze.Finding {
	t.Helper()
	found, err := analyze.Advise(t.Context(), a, analyze.AdviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
