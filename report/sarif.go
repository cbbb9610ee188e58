package report

import (
	"encoding/json"
	"io"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/lazy"
)

const (
	sarifSchema  = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	home         = "https://github.com/peelhq/peel"
	rulesHelp    = home + "/blob/main/docs/check.md"
	resultsShown = 5000 // GitHub shows no more of a run, and refuses 25,000
)

// GitHub's limits for a rule, in characters.
const (
	sarifName        = 255
	sarifDescription = 1024
)

// CheckSARIF writes the verdicts as SARIF 2.1.0 in one run: one result per finding at its line of
// the Dockerfile. A finding without a line is reported at the first line, because viewers reject
// results without one, and its properties say so ("lineKnown"). Waived findings are suppressed
// results. It fails only if w does.
func CheckSARIF(w io.Writer, vs ...*Verdict) error {
	s := sarifWriter{all: subjects(vs), index: map[string]int{}, prints: prints{}}
	s.files = fallbacks(s.all)
	s.run = sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "peel", Version: vs[0].Version, InformationURI: home, Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{Successful: true}},
		Properties:  sarifAbout(s.all),
		Results:     []sarifResult{},
	}
	s.rules()
	s.results()
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	return e.Encode(sarifLog{sarifSchema, "2.1.0", []sarifRun{s.run}})
}

// sarifWriter is SARIF while it is put together.
type sarifWriter struct {
	all    []subject
	files  map[*subject]string
	run    sarifRun
	index  map[string]int // of rules, by ID
	prints prints
}

// sarifAbout is the subject of the run: an image, or several.
func sarifAbout(all []subject) any {
	images := make([]sarifImage, len(all))
	for i := range all {
		s := &all[i]
		if s.Analysis == nil {
			images[i] = sarifImage{Image: known(s.name)}
			continue
		}
		t := s.Analysis.Totals
		efficiency, own, base := finite(t.Efficiency), finite(t.OwnEfficiency), newBaseRow(s.Analysis.Base)
		images[i] = sarifImage{
			Image: known(s.Analysis.Image.Name), ImageID: known(s.Analysis.Image.ID),
			StoredBytes: &t.Stored, WastedBytes: &t.Wasted, Efficiency: &efficiency, CompressedBytes: knownInt(t.Compressed),
			OwnEfficiency: &own, Base: &base,
		}
		if len(all) > 1 {
			images[i].Image = known(s.name)
		}
	}
	if len(images) == 1 {
		return images[0]
	}
	return sarifImages{images}
}

// rules adds all rules that were checked of some image.
func (s *sarifWriter) rules() {
	for i := range s.all {
		v := s.all[i].Verdict
		if v.Outcome == nil {
			continue
		}
		for _, r := range v.Outcome.Results {
			s.rule(r.Rule, r.Severity)
		}
	}
}

// rule returns the index of a rule, and adds the rule if it is missing. Images may give a rule
// different severities: the most severe counts.
func (s *sarifWriter) rule(id string, severity analyze.Severity) int {
	rules := &s.run.Tool.Driver.Rules
	i, ok := s.index[id]
	if !ok {
		i = len(*rules)
		s.index[id] = i
		*rules = append(*rules, newSARIFRule(id, severity))
	}
	if r := &(*rules)[i]; severity > sarifLevels[r.Default.Level] {
		r.weigh(severity)
	}
	return i
}

// sarifLevels are the severities by SARIF's words for them.
var sarifLevels = map[string]analyze.Severity{"note": analyze.Note, "warning": analyze.Warning, "error": analyze.Error}

func newSARIFRule(id string, severity analyze.Severity) sarifRule {
	about := clean.Line(analyze.AboutRule(id))
	full := about + "."
	if set := analyze.SettingNamed(id); set != nil && set.Text != "" {
		full = clean.Line(set.PlainText())
	}
	how := "Values, severities and waivers are set in .peel.yaml; values and severities by flags of peel check too."
	name := cutText(clean.Line(id), sarifName)
	r := sarifRule{
		ID: quoted(id), Name: quoted(name), HelpURI: rulesHelp,
		ShortDescription: sarifText{quoted(cutText(about, sarifDescription))},
		FullDescription:  sarifText{quoted(cutText(full, sarifDescription))},
		Help: sarifHelp{
			Text:     quoted(full + " " + how + " See " + rulesHelp),
			Markdown: quoted("**" + mdText(name) + "**: " + mdText(full) + "\n\n" + mdText(how) + " [More about the rules](" + rulesHelp + ")."),
		},
		Properties: sarifQuality{Tags: []string{"container-image"}, Precision: "very-high"},
	}
	if risk := analyze.RiskOfRule(id); risk > 0 {
		r.Properties.Tags = append(r.Properties.Tags, "security")
		r.Properties.SecuritySeverity = strconv.FormatFloat(risk, 'f', 1, 64)
	}
	if id == analyze.RuleSecret { // whose names and shapes may be of something else
		r.Properties.Precision = "medium"
	}
	r.weigh(severity)
	return r
}

// weigh gives the rule a severity.
func (r *sarifRule) weigh(s analyze.Severity) {
	r.Default.Level, r.Properties.ProblemSeverity = s.String(), s.String()
	if s == analyze.Note {
		r.Properties.ProblemSeverity = "recommendation"
	}
}

// cutText shortens s to at most n characters.
func cutText(s string, n int) string {
	if rs := []rune(s); len(rs) > n {
		return string(rs[:n-1]) + "…"
	}
	return s
}

// results adds the findings, those that count first.
func (s *sarifWriter) results() {
	all := append(findings(s.all), waived(s.all)...)
	if left := len(all) - resultsShown; left > 0 {
		s.notify("warning", human.Count(left, "finding is", "findings are")+" left out, the least of them")
		all = all[:resultsShown]
	}
	for i := range s.all {
		if v := s.all[i].Verdict; v.Err != nil {
			s.run.Invocations[0].Successful = false
			s.notify("error", s.all[i].name+": "+clean.Line(v.Err.Error()))
		}
	}
	for i := range all {
		s.run.Results = append(s.run.Results, s.result(&all[i]))
	}
}

// notify adds messages about the check itself.
func (s *sarifWriter) notify(level, text string) {
	in := &s.run.Invocations[0]
	in.Notifications = append(in.Notifications, sarifNotification{level, sarifText{quoted(text)}})
}

func (s *sarifWriter) result(f *found) sarifResult {
	file, first, last := spot(f.Finding, s.files[f.of])
	location := sarifLocation{Physical: sarifPhysical{newSARIFArtifact(file), sarifRegion{first, 1, last, 2}}}
	if f.Path != "" {
		location.Logical = []sarifLogical{{quoted(path.Base(f.Path)), quoted(f.Path), "resource"}}
	}
	text := sentences(f.Finding)
	if len(s.all) > 1 {
		text = f.of.name + ": " + text
	}
	// "[a](b)" would be a link in a message.
	text = strings.ReplaceAll(text, "](", "] (")
	sum := s.prints.of(f.of.key, f.Finding)
	r := sarifResult{
		RuleID: quoted(f.Rule), RuleIndex: s.rule(f.Rule, f.Severity), Level: f.Severity.String(), Message: sarifText{quoted(text)},
		Locations: []sarifLocation{location},
		// GitHub uses only the first.
		Fingerprints: map[string]string{"primaryLocationLineHash": sum[:32] + ":1", "peelFinding/v1": sum},
		Properties: sarifFinding{
			Image: quoted(f.of.name),
			ID:    quoted(f.ID), Path: known(f.Path), Layer: knownInt(f.Layer), Bytes: f.Bytes, Versions: f.Versions, Step: known(f.Step),
			LineKnown: f.Line != nil, LineSure: f.Line != nil && f.Line.Sure,
		},
	}
	if f.waived != nil {
		r.Suppressions = []sarifSuppression{{"external", quoted(clean.Line(f.waived.Waiver.Reason))}}
	}
	return r
}

// drive matches the beginning of a path on Windows.
var drive = lazy.New(`^[A-Za-z]:/`)

// newSARIFArtifact returns a file as a URI. A relative one, as it should be, is below the root of
// the repository.
func newSARIFArtifact(file string) sarifArtifact {
	switch {
	case drive.MatchString(file):
		return sarifArtifact{URI: quoted((&url.URL{Scheme: "file", Path: "/" + file}).String())}
	case path.IsAbs(file):
		return sarifArtifact{URI: quoted((&url.URL{Scheme: "file", Path: file}).String())}
	}
	return sarifArtifact{URI: quoted((&url.URL{Path: file}).String()), BaseID: "%SRCROOT%"}
}
