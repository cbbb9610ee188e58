package report

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// TestAdviceAsCode checks that commands in advice are formatted as code, and that text from the
// image among them is inert.
func TestAdviceAsCode(t *testing.T) {
	f := &analyze.Finding{Advice: "Use COPY --chown=1:1 in layer 1 (RUN echo `date` <b>).", Code: [][2]int{{4, 20}, {33, 52}}}
	if got, want := mdAdvice(f), "Use `COPY --chown=1:1` in layer 1 (<code>RUN echo &#96;date&#96; &#60;b&#62;</code>)."; got != want {
		t.Errorf("in Markdown: got %s\nwant %s", got, want)
	}
	var html strings.Builder
	for _, p := range htmlAdvice(f) {
		if len(p.Code) > 0 {
			html.WriteString("[" + strings.Join(p.Code[0], " ") + "]")
		} else {
			html.WriteString(p.Text)
		}
	}
	if got, want := html.String(), "Use [COPY --chown=1:1] in layer 1 ([RUN echo `date` <b>])."; got != want {
		t.Errorf("on the page: got %s\nwant %s", got, want)
	}
	for _, wrong := range [][][2]int{{{5, 2}}, {{0, 500}}, {{-1, 3}}, {{4, 20}, {8, 9}}} {
		f.Code = wrong
		var all strings.Builder
		for _, p := range adviceParts(f) {
			all.WriteString(p.Text)
		}
		if all.String() != f.Advice {
			t.Errorf("%v: %q", wrong, all.String())
		}
	}
}

// TestStepLines checks that a here-document keeps its lines.
func TestStepLines(t *testing.T) {
	const step = "RUN <<EOF\nset -e\n  make\t all\nif x; then\n\ty\nfi\nEOF"
	want := "RUN <<EOF|set -e|  make all|if x; then|    y|fi|EOF"
	if got := strings.Join(stepLines(step), "|"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := mdStep("RUN a\nb"); got != "`RUN a`<br>`b`" {
		t.Errorf("in Markdown: %s", got)
	}
	if got := stepLines("RUN x\x1b[1m"); len(got) != 1 || strings.Contains(got[0], "\x1b") {
		t.Errorf("got %q, want one line without escapes", got)
	}
	if got := stepLines(strings.Repeat("a\n", 100)); len(got) != 13 {
		t.Errorf("got %d lines, want 13", len(got))
	}
}

// TestHTMLCommand checks that commands on a page break between words, never within a flag, that
// a shell operator stays with the word after it, and that a here-document keeps its lines.
func TestHTMLCommand(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"operators", "RUN apt-get update && apt-get install -y --no-install-recommends x || true | cat &&", "RUN/apt-get/update/&& apt-get/install/-y/--no-install-recommends/x/|| true/| cat/&&"},
		{"here-document", "RUN <<EOF\nset -e\n\n  make\t all\n\ty\nEOF", "RUN/<<EOF|set/-e||  make/all|    y|EOF"},
		{"nothing", " \n", ""},
		{"a long line", "RUN " + strings.Repeat("x", 5000), "RUN/" + strings.Repeat("x", 995) + "…" + strings.Repeat("x", 999)},
		{"control characters", "RUN a\x1b[1m b", `RUN/a\x1b[1m/b`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines []string
			for _, words := range newHTMLCommand(c.text, htmlCommandRunes) {
				lines = append(lines, strings.Join(words, "/"))
			}
			if got := strings.Join(lines, "|"); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
	if c := newHTMLCommand(strings.Repeat("a b\n", 1000), htmlCommandRunes); len(c) != htmlCommandLines+1 || c[htmlCommandLines][0] != "…" {
		t.Errorf("got %d lines, want %d and a last one that begins with …", len(c), htmlCommandLines)
	}
	if c := newHTMLCommand(strings.Repeat("a ", 900), htmlCommandRunes); len(c[0]) != htmlCommandWords {
		t.Errorf("got %d words, want %d", len(c[0]), htmlCommandWords)
	}
}

// TestMoreFindings checks that reports count each of the findings that they sum up.
func TestMoreFindings(t *testing.T) {
	a := analysisAt(t, "../testdata/sample.tar")
	var findings []analyze.Finding
	for i := range 30 {
		f := analyze.Finding{ID: fmt.Sprint("waste/", i), Rule: analyze.RuleWaste, Title: fmt.Sprint("Waste ", i), Layer: 1, Bytes: 1 << 20}
		switch {
		case i >= 25:
			f.OfBase = true
		case i >= 20:
			f.BelowFloor, f.Bytes = true, 1
		}
		findings = append(findings, f)
	}
	for form, c := range map[string]struct {
		write func(io.Writer, *analyze.Analysis, []analyze.Finding) error
		want  []string
	}{
		"text":     {Text, []string{"(8 of 30 findings)", "22 more findings"}},
		"markdown": {Markdown, []string{"20 more findings"}},
	} {
		var b strings.Builder
		if err := c.write(&b, a, findings); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s lacks %q:\n%s", form, want, b.String())
			}
		}
	}
	if _, more := newHTMLFindings(analyze.Brief(findings, 2), 8); more != 22 {
		t.Errorf("a page leaves out %d findings, want 22", more)
	}
}
