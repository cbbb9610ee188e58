package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// annotationsShown is the maximum number of annotations of one level that GitHub accepts from a
// step; it drops others silently.
const annotationsShown = 10

// annotationText is the maximum length of a text in an annotation in bytes: GitHub truncates a
// message at 4 KB.
const annotationText = 900

// CheckGitHub writes the verdicts as workflow commands of GitHub Actions: one annotation per
// finding, sorted by severity and size, at the Dockerfile's line if known. It omits waived
// findings. Every line is a command, and no text of an image can start one. It fails only if w
// does.
func CheckGitHub(w io.Writer, vs ...*Verdict) error {
	var b strings.Builder
	of := subjects(vs)
	all := findings(of)
	for _, s := range []analyze.Severity{analyze.Error, analyze.Warning, analyze.Note} {
		level := slices.DeleteFunc(slices.Clone(all), func(f found) bool { return f.Severity != s })
		shown := len(level)
		if shown > annotationsShown {
			shown = annotationsShown - 1 // and one that says what is left out
		}
		for i := range level[:shown] {
			about := ""
			if len(of) > 1 {
				about = level[i].of.name
			}
			annotate(&b, level[i].Finding, about)
		}
		left := 0
		for _, f := range level[shown:] {
			left += f.Count()
		}
		if left > 0 {
			text := human.Count(left, "more finding", "more findings") + ": see the summary of this run"
			fmt.Fprintf(&b, "::%s title=peel::%s\n", githubLevel(s), githubData(text))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// annotate adds a finding, of the image of that name if there are several.
func annotate(b *strings.Builder, f *analyze.Finding, image string) {
	var properties []string
	add := func(key, value string) { properties = append(properties, key+"="+githubProperty(value)) }
	if l := f.Line; l != nil {
		add("file", cutBytes(clean.Line(l.File), annotationText))
		add("line", strconv.Itoa(l.First))
		add("endLine", strconv.Itoa(max(l.First, l.Last)))
	}
	title := "peel: "
	if image != "" {
		title += cutMiddle(image, 60) + ": "
	}
	add("title", cutBytes(cut(title+clean.Line(f.Title), 120), annotationText))
	var lines []string
	for _, s := range []string{f.Message, f.Advice} {
		if s = clean.Line(s); s != "" {
			lines = append(lines, cutBytes(s, annotationText))
		}
	}
	for _, x := range []struct{ name, text string }{{"path", clean.Text(f.Path)}, {"step", clean.Line(f.Step)}} {
		if x.text != "" {
			lines = append(lines, x.name+": "+cutBytes(cutMiddle(x.text, 200), annotationText))
		}
	}
	if f.Line != nil && !f.Line.Sure {
		lines = append(lines, "The line is the most likely one, going by the order of the steps.")
	}
	fmt.Fprintf(b, "::%s %s::%s\n", githubLevel(f.Severity), strings.Join(properties, ","), githubData(strings.Join(lines, "\n")))
}

func githubLevel(s analyze.Severity) string {
	if s == analyze.Note {
		return "notice"
	}
	return s.String()
}

// The runner's escapes in a command's data and properties.
var (
	githubEscapes         = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubPropertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func githubData(s string) string     { return githubEscapes.Replace(s) }
func githubProperty(s string) string { return githubPropertyEscapes.Replace(s) }
