package report

import (
	"encoding/json"
	"io"
	"path"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
)

// codeQuality is an issue of GitLab's Code Quality report, with the keys that
// GitLab reads.
type codeQuality struct {
	Description quoted              `json:"description"`
	CheckName   quoted              `json:"check_name"`
	Fingerprint string              `json:"fingerprint"`
	Severity    string              `json:"severity"`
	Location    codeQualityLocation `json:"location"`
}

type codeQualityLocation struct {
	Path  quoted           `json:"path"`
	Lines codeQualityLines `json:"lines"`
}

type codeQualityLines struct {
	Begin int `json:"begin"`
}

// CheckGitLab writes the verdicts as a GitLab Code Quality report: one array
// with an issue for each finding of all images. It omits waived findings. It
// fails only if w does.
func CheckGitLab(w io.Writer, vs ...*Verdict) error {
	of := subjects(vs)
	all, files, sums := findings(of), fallbacks(of), prints{}
	issues := make([]codeQuality, 0, len(all))
	for i := range all {
		f := &all[i]
		file, first, _ := spot(f.Finding, files[f.of])
		text := sentences(f.Finding)
		if len(of) > 1 {
			text = f.of.name + ": " + text
		}
		issues = append(issues, codeQuality{
			Description: quoted(text),
			CheckName:   quoted(f.Rule),
			Fingerprint: sums.of(f.of.key, f.Finding),
			Severity:    codeQualitySeverity[f.Severity],
			Location:    codeQualityLocation{quoted(file), codeQualityLines{first}},
		})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	return e.Encode(issues)
}

var codeQualitySeverity = map[analyze.Severity]string{
	analyze.Error:   "major",
	analyze.Warning: "minor",
	analyze.Note:    "info",
}

// defaultDockerfile is the file for findings without a known place: viewers drop or reject issues
// without a file.
const defaultDockerfile = "Dockerfile"

// commonFile returns the file for findings without a line: the one that the others name.
func commonFile(findings []analyze.Finding) string {
	for i := range findings {
		if l := findings[i].Line; l != nil && l.File != "" {
			return path.Clean(l.File)
		}
	}
	return defaultDockerfile
}

// spot returns the place for a finding: its lines, else the first line of the fallback.
func spot(f *analyze.Finding, fallback string) (file string, first, last int) {
	if f.Line == nil || f.Line.File == "" {
		return fallback, 1, 1
	}
	first = max(f.Line.First, 1)
	return path.Clean(f.Line.File), first, max(f.Line.Last, first)
}

// sentences are a finding's title, message and advice on one line, fit for
// people to read.
func sentences(f *analyze.Finding) string {
	s := strings.TrimSuffix(clean.Line(f.Title), ".")
	for _, more := range []string{f.Message, f.Advice} {
		if more = clean.Line(more); more == "" {
			continue
		}
		switch {
		case s == "":
		case strings.ContainsAny(s[len(s)-1:], ".!?:…"):
			s += " "
		default:
			s += ". "
		}
		s += more
	}
	return s
}
