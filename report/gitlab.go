package report

import (
	"crypto/sha256"
	"encoding/hex"
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

// CheckGitLab writes the verdict as a Code Quality report of GitLab: an array
// with an issue for each finding. It fails only where w does.
func CheckGitLab(w io.Writer, v *Verdict) error {
	all := v.findings()
	fallback := commonFile(all)
	issues := make([]codeQuality, 0, len(all))
	for i := range all {
		f := &all[i]
		file, first, _ := spot(f, fallback)
		issues = append(issues, codeQuality{
			Description: quoted(sentences(f)),
			CheckName:   quoted(f.Rule),
			Fingerprint: fingerprint(f),
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

// defaultDockerfile is the file that findings are laid at whose place nobody
// knows: viewers leave out, or refuse, what has none.
const defaultDockerfile = "Dockerfile"

// commonFile returns the file that findings without a line are laid at: the one
// that the others name.
func commonFile(findings []analyze.Finding) string {
	for i := range findings {
		if l := findings[i].Line; l != nil && l.File != "" {
			return path.Clean(l.File)
		}
	}
	return defaultDockerfile
}

// spot returns where a viewer is to show a finding: its lines, else the first of
// the fallback.
func spot(f *analyze.Finding, fallback string) (file string, first, last int) {
	if f.Line == nil || f.Line.File == "" {
		return fallback, 1, 1
	}
	first = max(f.Line.First, 1)
	return path.Clean(f.Line.File), first, max(f.Line.Last, first)
}

// fingerprint tells a finding from others in 64 hexadecimal digits, the same in
// every build that has it.
func fingerprint(f *analyze.Finding) string {
	sum := sha256.Sum256([]byte("peel " + f.ID))
	return hex.EncodeToString(sum[:])
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
