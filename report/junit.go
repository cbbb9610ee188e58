package report

import (
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// junitFindings is the maximum number of findings in a failed rule's text.
const junitFindings = 10

// The types below are JUnit's XML, as in testdata/schemas/jenkins-junit.xsd.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}

	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Out        *junitText      `xml:"system-out"`
	}

	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}

	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Skipped *junitText    `xml:"skipped"`
		Error   *junitFailure `xml:"error"`
		Failure *junitFailure `xml:"failure"`
		Out     *junitText    `xml:"system-out"`
	}

	junitFailure struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",cdata"`
	}

	// junitText is text of several lines, which reads best as it is.
	junitText struct {
		Text string `xml:",cdata"`
	}
)

// CheckJUnit writes the verdicts as JUnit XML: a suite per image with a test per rule. A failed
// rule is a failure; one that only warns, is waived, or was not checked is skipped with its
// message, because GitLab shows nothing for a passed test and Jenkins little. An image that can't
// be loaded is a test with an error. A suite's output is the text of the check. It fails only if
// w does.
func CheckJUnit(w io.Writer, vs ...*Verdict) error {
	doc := junitSuites{Name: "peel"}
	all := subjects(vs)
	for i := range all {
		suite, err := newJUnitSuite(&all[i])
		if err != nil {
			return err
		}
		doc.Tests += suite.Tests
		doc.Failures += suite.Failures
		doc.Errors += suite.Errors
		doc.Suites = append(doc.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", indent)
	if err := e.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func newJUnitSuite(s *subject) (junitSuite, error) {
	v := s.Verdict
	image := xmlText(s.name)
	// Dots separate packages from classes.
	class := "peel.check." + strings.ReplaceAll(xmlText(clean.Line(s.key)), ".", "_")
	suite := junitSuite{Name: "peel check " + image, Properties: []junitProperty{{"image", image}}}
	if v.Outcome == nil {
		f := v.unloaded()
		message := xmlText(clean.Line(f.Message))
		suite.Tests, suite.Errors = 1, 1
		suite.Cases = []junitCase{{Name: ruleImage, Class: class, Error: &junitFailure{Type: ruleImage, Message: message, Text: xmlText(unordered(message))}}}
		return suite, nil
	}
	var text strings.Builder
	plain := *v
	plain.Coloured, plain.Details = false, false
	if err := checkText(&text, usual, []*Verdict{&plain}); err != nil {
		return suite, err
	}
	c, t := v.counts(), v.Analysis.Totals
	suite.Tests, suite.Failures, suite.Skipped = c.rules(), c.failed, c.warned+c.unchecked+c.waived
	suite.Properties = append(suite.Properties,
		junitProperty{"storedBytes", strconv.FormatInt(t.Stored, 10)},
		junitProperty{"wastedBytes", strconv.FormatInt(t.Wasted, 10)},
		junitProperty{"efficiency", strconv.FormatFloat(finite(t.Efficiency), 'f', 4, 64)},
		junitProperty{"ownEfficiency", strconv.FormatFloat(finite(t.OwnEfficiency), 'f', 4, 64)},
		junitProperty{"base", xmlText(clean.Line(v.Analysis.Base.Text()))})
	suite.Out = &junitText{xmlText(text.String())}
	for i := range v.Outcome.Results {
		suite.Cases = append(suite.Cases, newJUnitCase(v, &v.Outcome.Results[i], class))
	}
	return suite, nil
}

func newJUnitCase(v *Verdict, r *analyze.Result, class string) junitCase {
	test := junitCase{Name: xmlText(clean.Line(r.Rule)), Class: class}
	message := xmlText(clean.Line(r.Message))
	switch {
	case r.Waived:
		test.Skipped = &junitText{message}
	case r.Unchecked:
		test.Skipped = &junitText{strings.TrimSpace(message + "\n" + xmlText(ruleText(v, r)))}
	case !r.Failed:
		test.Out = &junitText{message}
	case r.Severity == analyze.Error:
		test.Failure = &junitFailure{Type: test.Name, Message: message, Text: xmlText(ruleText(v, r))}
	default:
		test.Skipped = &junitText{strings.TrimSpace("warning: " + message + "\n" + xmlText(ruleText(v, r)))}
	}
	return test
}

// ruleText returns the findings of a rule, and the largest waste if the rule is
// about that. No line can be a pipeline command.
func ruleText(v *Verdict, r *analyze.Result) string {
	var b strings.Builder
	if advice := clean.Line(v.advice(r.Rule)); advice != "" {
		b.WriteString(unordered(advice) + "\n")
	}
	s := analyze.SettingNamed(r.Rule)
	ofWaste := s != nil && s.OfWaste // resolving findings of waste brings it closer to its limit
	n := 0
	for _, f := range analyze.Brief(v.details(), v.Outcome.Floor) {
		if f.Rule != r.Rule && (f.Rule != analyze.RuleWaste || !ofWaste) {
			continue
		}
		if n++; n > junitFindings {
			continue
		}
		b.WriteString("- ")
		if f.Bytes > 0 {
			b.WriteString(human.Size(f.Bytes) + ": ")
		}
		b.WriteString(sentences(&f))
		for _, x := range []string{clean.Text(f.Path), clean.Line(f.Step), clean.Line(place(&f))} {
			if x != "" {
				b.WriteString("\n  " + unordered(x))
			}
		}
		b.WriteString("\n")
	}
	if n > junitFindings {
		b.WriteString("and " + human.Count(n-junitFindings, "more", "more") + "\n")
	}
	return b.String()
}

// xmlText replaces what XML 1.0 can't represent: control characters except tab and line ends, and
// invalid UTF-8. Cleaned text has none.
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}
