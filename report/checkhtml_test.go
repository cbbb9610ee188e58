package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dom "golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/testkit"
)

// checkHTML returns the page of a check.
func checkHTML(t *testing.T, vs ...*Verdict) string {
	t.Helper()
	var b bytes.Buffer
	if err := CheckHTML(t.Context(), &b, vs...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func diffHTML(t *testing.T, c *Comparison) string {
	t.Helper()
	var b bytes.Buffer
	if err := DiffHTML(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// soundPage fails the test if a page is too large, contains control characters, loads or runs
// anything external, or has duplicate IDs. scripts is the expected number of scripts.
func soundPage(t *testing.T, page string, scripts int) *dom.Node {
	t.Helper()
	if len(page) > htmlBytes {
		t.Errorf("the page has %d bytes, want at most %d", len(page), htmlBytes)
	}
	printable(t, page)
	noOrders(t, page)
	root, err := dom.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	ids, links := map[string]bool{}, []string{}
	for n := range root.Descendants() {
		if n.Type != dom.ElementNode {
			continue
		}
		switch n.Data {
		case "script":
			scripts--
		case "img", "iframe", "object", "embed", "base":
			t.Errorf("unexpected element %s", n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "src", a.Key == "style" && n.Data != "div":
				t.Errorf("%s has the attribute %s", n.Data, a.Key)
			case a.Key == "id" && ids[a.Val]:
				t.Errorf("two elements have the ID %s", a.Val)
			case a.Key == "id":
				ids[a.Val] = true
			case a.Key == "href" && a.Val != "data:,":
				links = append(links, a.Val)
			case a.Key == "aria-labelledby":
				links = append(links, "#"+a.Val)
			}
		}
	}
	for _, link := range links {
		if !strings.HasPrefix(link, "#") || !ids[link[1:]] {
			t.Errorf("a link leads to %q, which doesn't exist", link)
		}
	}
	if scripts != 0 {
		t.Errorf("%d expected scripts are missing", scripts)
	}
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; script-src [^"]*">`)
	if !policy.MatchString(page) {
		t.Error("no policy")
	}
	return root
}

// outline returns the text of a page's main part, one block per line, without the map.
func outline(root *dom.Node) string {
	blocks := []atom.Atom{atom.H2, atom.H3, atom.P, atom.Tr, atom.Li, atom.Dt, atom.Dd, atom.Caption, atom.Summary, atom.Div}
	var b strings.Builder
	var walk func(n *dom.Node)
	walk = func(n *dom.Node) {
		switch {
		case n.Type == dom.TextNode:
			b.WriteString(strings.Join(strings.Fields(" "+n.Data+" "), " "))
			if strings.TrimRight(n.Data, " \n") != n.Data {
				b.WriteByte(' ')
			}
			return
		case n.DataAtom == atom.Script, n.DataAtom == atom.Style, n.DataAtom == atom.Header, n.DataAtom == atom.Footer, n.DataAtom == atom.Svg:
			return
		case n.Type == dom.ElementNode && slices.ContainsFunc(n.Attr, func(a dom.Attribute) bool {
			return a.Key == "id" && a.Val == "map" || a.Key == "class" && (a.Val == "words" || strings.Contains(a.Val, "script") || a.Val == "skip")
		}):
			return
		}
		if n.DataAtom == atom.Small || n.DataAtom == atom.Br {
			b.WriteByte(' ')
		}
		if slices.Contains(blocks, n.DataAtom) {
			b.WriteString("\n")
			if n.DataAtom == atom.H2 {
				b.WriteString("\n# ")
			}
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
		if n.DataAtom == atom.Td || n.DataAtom == atom.Th {
			b.WriteString(" | ")
		}
	}
	for n := range root.Descendants() {
		if n.DataAtom == atom.Main {
			walk(n)
		}
	}
	var out strings.Builder
	blank := true
	for line := range strings.Lines(b.String()) {
		line = strings.TrimRight(strings.Join(strings.Fields(line), " "), " |")
		if line == "" && blank {
			continue
		}
		blank = line == ""
		out.WriteString(line + "\n")
	}
	return out.String()
}

func TestCheckHTML(t *testing.T) {
	for name, vs := range map[string][]*Verdict{
		"failed": {verdicts(t)["failed"]}, "passed": {verdicts(t)["passed"]}, "off": {verdicts(t)["off"]}, "several": several(t),
	} {
		t.Run(name, func(t *testing.T) {
			page := checkHTML(t, vs...)
			scripts := 3
			if len(vs) > 1 {
				scripts = 1
			}
			root := soundPage(t, page, scripts)
			testkit.Golden(t, filepath.Join("..", "testdata", "check", name+".html.txt"), outline(root), *update)
			at := -1
			for _, id := range []string{`id="image`, `class="rules"`, `id="findings`, `id="summary`, `id="map"`, `id="layers`} {
				switch i := strings.Index(page, id); {
				case i < 0 && (name == "failed" || id != `class="rules"` && id != `id="findings` && id != `id="map"`):
					t.Errorf("no %s", id)
				case i >= 0 && i < at:
					t.Errorf("%s comes too early", id)
				case i >= 0:
					at = i
				}
			}
		})
	}
}

// TestCheckHTMLParts checks that findings that only another base image can fix are folded, and
// that small ones are summed up.
func TestCheckHTMLParts(t *testing.T) {
	v := verdicts(t)["failed"]
	o := *v.Outcome
	o.Floor = 30000
	o.Findings = sampleFindings()
	n := len(o.Findings)
	o.Findings[n-1].OfBase, o.Findings[n-2].BelowFloor = true, true
	v.Outcome = &o
	text := outline(soundPage(t, checkHTML(t, v), 3))
	for _, want := range []string{
		"Of the base image: 1 finding, 20.0 kB", "Not listed: 1 finding of waste of less than 30.0 kB each, 20.0 kB in all.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	page := checkHTML(t, v)
	before, folded, ok := strings.Cut(page, "<summary>Of the base image")
	if !ok || !strings.Contains(folded, o.Findings[n-1].Title) || strings.Contains(before, o.Findings[n-1].Title) {
		t.Error("a finding of the base image isn't folded")
	}
}

// comparison compares the first image in a text with the second.
func comparison(t *testing.T, before, after string) *Comparison {
	t.Helper()
	c := &Comparison{Before: analyze.Final(analysis(t, before)), After: analyze.Final(analysis(t, after))}
	for _, a := range []*analyze.Analysis{c.Before.Analysis, c.After.Analysis} {
		im := *a.Image
		im.Source = "docker-archive:app.tar"
		a.Image = &im
	}
	var err error
	if c.Difference, err = analyze.Compare(t.Context(), c.Before, c.After, 0); err != nil {
		t.Fatal(err)
	}
	return c
}

const compared = `
-- image app:2 linux/arm64 --
step "ADD base / "
step "RUN make install"
-- layer --
file etc/os-release 200
-- layer --
file srv/app 30000 seed=a
file srv/new 700
`

func TestDiffHTML(t *testing.T) {
	c := comparison(t, faulty, compared)
	c.Config = append(c.Config, analyze.ConfigChange{Part: analyze.ConfigEnv, Name: "PORT", Change: analyze.Modified, Before: "80", After: "8080"})
	testkit.Golden(t, filepath.Join("..", "testdata", "diff", "differs.html.txt"), outline(soundPage(t, diffHTML(t, c), 1)), *update)
	same := comparison(t, faulty, faulty)
	if text := outline(soundPage(t, diffHTML(t, same), 1)); !strings.Contains(text, "no difference in config, layers and files") {
		t.Errorf("for the same image the page has\n%s", text)
	}
}

// TestHostileHTMLPages checks that text from images stays plain text on the pages of checks and
// comparisons.
func TestHostileHTMLPages(t *testing.T) {
	for i := 0; i < len(hostile); i += testkit.Size(1, 3) {
		text := hostile[i]
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			v := hostileVerdict(t, text)
			v.Outcome.Findings[len(v.Outcome.Findings)-1].OfBase = true
			soundPage(t, checkHTML(t, v), 3)
			named, unloaded := *v, Verdict{Name: "x" + text, Err: errors.New("cannot " + text)}
			named.Name, named.Key = "n"+text, "k"+text
			soundPage(t, checkHTML(t, &named, &unloaded, &named), 1)
			var report bytes.Buffer
			if err := HTML(t.Context(), &report, v.Analysis, v.Outcome.Findings); err != nil {
				t.Fatal(err)
			}
			soundPage(t, report.String(), 3)

			c := comparison(t, faulty, compared)
			c.Before.Analysis, c.After.Analysis = v.Analysis, v.Analysis
			c.Config = []analyze.ConfigChange{{Part: analyze.ConfigLabel, Name: text, Change: analyze.Modified, Before: text, After: text + "x"}}
			for i := range c.Layers {
				c.Layers[i].Step = text
			}
			for i := range c.Paths {
				c.Paths[i].Path = "/" + text
			}
			soundPage(t, diffHTML(t, c), 1)
		})
	}
}

// TestHTMLPagesBounded checks that pages are bounded for any amount of data, and say what they
// leave out.
func TestHTMLPagesBounded(t *testing.T) {
	testkit.Long(t, "it writes pages of megabytes")
	long := strings.Repeat("<&\u202e ", 20_000)
	v := verdicts(t)["failed"]
	o := *v.Outcome
	o.Results, o.Findings, o.Waived, o.Notes = nil, nil, nil, nil
	for i := range 3000 {
		path := fmt.Sprint("/", i, long[:5000])
		f := analyze.Finding{ID: path, Rule: "waste", Title: path, Message: path, Advice: path, Path: path, Layer: 1, Bytes: 5, Step: long[:9000], OfBase: i%2 == 0}
		o.Findings = append(o.Findings, f)
		o.Waived = append(o.Waived, analyze.Waived{Finding: f, Waiver: &analyze.Waiver{Reason: long}})
		o.Results = append(o.Results, analyze.Result{Rule: path, Value: path, Limit: path, Message: path})
		o.Notes = append(o.Notes, long)
	}
	v.Outcome = &o
	page := checkHTML(t, v)
	soundPage(t, page, 3)
	got := newHTMLChecked(&subjects([]*Verdict{v})[0], "", htmlCheckFindings)
	for what, n := range map[string][3]int{
		"more findings of less weight": {len(got.Findings), got.MoreFind, 1500}, "more are left out.</p>\n</details>": {len(got.OfBase), got.MoreBase, 1500}, "more are left out": {len(got.Waived), got.MoreWaived, 3000},
	} {
		if n[0] == 0 || n[0]+n[1] != n[2] || !strings.Contains(page, human.Comma(n[1])+" "+what) {
			t.Errorf("%s: %d listed, %d left out", what, n[0], n[1])
		}
	}
	vs := []*Verdict{}
	for range 600 {
		vs = append(vs, v)
	}
	passed := verdicts(t)["passed"]
	passed.Outcome = &analyze.Outcome{Results: []analyze.Result{{Rule: "max-wasted", Failed: true, Severity: analyze.Error}}}
	vs[599] = passed // it fails, so its section precedes the others
	page = checkHTML(t, vs...)
	soundPage(t, page, 1)
	if !strings.Contains(page, "100 more images are not listed") || !strings.Contains(page, `id="image-600"`) {
		t.Error("the page doesn't say what it leaves out, or leaves out a failure")
	}

	c := comparison(t, faulty, compared)
	p := c.Paths[0]
	c.Paths = nil
	for i := range 5000 {
		p.Path = fmt.Sprint("/", i, long[:3000])
		c.Paths = append(c.Paths, p)
		c.Config = append(c.Config, analyze.ConfigChange{Part: analyze.ConfigLabel, Name: p.Path, Before: long, After: long})
		if i < 600 {
			c.Layers = append(c.Layers, analyze.LayerGrowth{Before: 0, After: -1, Step: long[:9000]})
		}
	}
	page = diffHTML(t, c)
	soundPage(t, page, 1)
}

// TestHTMLPageErrors checks that a page isn't made after its context has ended, and that an
// error of the writer is returned.
func TestHTMLPageErrors(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := verdicts(t)["failed"]
	for name, vs := range map[string][]*Verdict{"one": {v}, "several": {v, v}} {
		if err := CheckHTML(ctx, io.Discard, vs...); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		if err := CheckHTML(t.Context(), broken{}, vs...); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := DiffHTML(broken{}, comparison(t, faulty, compared)); !errors.Is(err, errBroken) {
		t.Errorf("got error %v, want %v", err, errBroken)
	}
}
