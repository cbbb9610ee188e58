package analyze

import (
	"context"
	"fmt"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
)

// maxScannedStep is how many bytes of a build step, or of a value of the config, are searched for
// secrets; maxScannedText limits their total.
const (
	maxScannedStep = 64 << 10
	maxScannedText = 8 << 20
)

// secretRule forbids secrets in the image: in files of any layer, and in the config and history.
// Secrets of the base image are notes and do not fail the check.
func secretRule(ctx context.Context, c *checker, _ onOff) (verdict, error) {
	found, err := newSecretAdviser(c.a, c.file).secretFindings(ctx)
	if err != nil {
		return verdict{}, err
	}
	own, base := 0, 0
	for i := range found {
		f := &found[i]
		if f.Severity == Note { // conclude leaves it unchanged
			base++
			continue
		}
		own++
		f.ID, f.Rule = strings.TrimPrefix(f.ID, RuleSecret+"/"), ""
	}
	v := verdict{failed: own > 0, value: "none", limit: "none", message: "no secret was found", findings: found, number: countOf(own), bound: countOf(0)}
	if own > 0 {
		v.value = human.Count(own, "finding", "findings")
		v.message = fmt.Sprintf("the image ships what looks like secrets: %s", v.value)
	}
	if base > 0 {
		v.message += fmt.Sprintf(" (besides %s in the base image)", human.Count(base, "finding", "findings"))
	}
	return v, nil
}

// secretSettings makes the findings for the config and the history.
func (ad *adviser) secretSettings() []Finding {
	s := &settingSecrets{ad: ad, left: maxScannedText, told: map[string]bool{}}
	s.environment()
	s.labels()
	s.history()
	return s.found
}

// settingSecrets searches an image's config and history.
type settingSecrets struct {
	ad    *adviser
	left  int             // bytes left to search
	told  map[string]bool // variables and arguments that already have a finding
	found []Finding
}

// room returns the part of text that may be searched, and counts it.
func (s *settingSecrets) room(text string) string {
	text = text[:min(len(text), maxScannedStep, s.left)]
	s.left -= len(text)
	return text
}

// add adds a finding about something outside of files.
func (s *settingSecrets) add(base bool, layer int, f Finding) {
	if len(s.found) > maxFindings {
		return
	}
	f.Rule, f.Severity, f.Layer = RuleSecret, Warning, layer
	if base {
		f.ID, f.Severity, f.OfBase = "base/"+f.ID, Note, true
		f.Title += ", of the base image"
		f.Advice = "It comes from the base image: choose another one, or tell its maintainers."
	}
	f.setAdvice(f.Advice)
	f.ID = RuleSecret + "/" + f.ID
	if layer >= 0 {
		f.Line = s.ad.lines[layer]
	}
	s.found = append(s.found, f)
}

// secretIn returns the kind of secret in the value of a name, or nil.
func secretIn(name, value string) *secretKind {
	if spans := scanSecrets(value, shellForm); len(spans) > 0 {
		return spans[0].kind
	}
	if claim := claimOf(name); (claim == claimsSecret || claim == claimsKey) && isLiteral(value, claim) {
		return namedKind
	}
	return nil
}

// environment searches the container's environment variables.
func (s *settingSecrets) environment() {
	ofBase := s.baseVariables()
	for _, env := range s.ad.a.Image.Config.Env {
		name, value, _ := strings.Cut(s.room(env), "=")
		kind := secretIn(name, value)
		if kind == nil {
			continue
		}
		s.told[name] = true
		s.add(ofBase[name], -1, Finding{
			ID: "env/" + name, Title: "A secret in the environment",
			Message: fmt.Sprintf("ENV %s sets %s: the image's config has it, and so has every process of its containers.", gapped(name), kind.what),
			Advice:  "Set it when a container starts (`docker run -e`, `--env-file`, a secret of the orchestrator), not in the image. Anyone who has the image has the value: if it is a real secret, replace it.",
		})
	}
}

// baseVariables returns the variables set by steps of the base image and by no later step.
func (s *settingSecrets) baseVariables() map[string]bool {
	of := map[string]bool{}
	for i, base := range s.baseSteps() {
		words, isEnv := strings.CutPrefix(dockerfile.Instruction(s.ad.a.Image.History[i].Command), "ENV ")
		if name, _, ok := strings.Cut(words, "="); isEnv && ok {
			of[name] = base
		}
	}
	return of
}

// baseSteps reports for each step of the history whether it belongs to the base image: all steps
// up to the base's last layer.
func (s *settingSecrets) baseSteps() []bool {
	history := s.ad.a.Image.History
	base := make([]bool, len(history))
	layers := 0
	for i := range history {
		base[i] = layers < s.ad.a.Base.vouched()
		if !history[i].Empty {
			layers++
		}
	}
	return base
}

// labels searches the image's labels.
func (s *settingSecrets) labels() {
	labels := s.ad.a.Image.Config.Labels
	for _, name := range sortedNames(labels) {
		kind := secretIn(name, s.room(labels[name]))
		if kind == nil {
			continue
		}
		s.add(false, -1, Finding{
			ID: "label/" + name, Title: "A secret in a label",
			Message: fmt.Sprintf("The label %s holds %s: the image's config has it.", gapped(name), kind.what),
			Advice:  "Leave it out. Anyone who has the image has the value: if it is a real secret, replace it.",
		})
	}
}

// history searches the commands of the build steps.
func (s *settingSecrets) history() {
	layer := 0
	base := s.baseSteps()
	for i, step := range s.ad.a.Image.History {
		at := -1
		if !step.Empty {
			if layer < len(s.ad.t.layers) {
				at = layer
			}
			layer++
		}
		command := s.room(step.Command)
		spans := commandSecrets(command)
		for _, span := range spans {
			if s.told[span.name] && span.name != "" {
				continue
			}
			s.told[span.name] = true
			s.step(base[i], at, i, ShownStep(step), span)
			break
		}
	}
}

// step adds the finding for a secret in a build step.
func (s *settingSecrets) step(base bool, layer, i int, shown string, span secretSpan) {
	what := span.kind.what
	if span.name != "" && span.kind == namedKind {
		what = "a value for " + gapped(span.name)
	}
	id := stableStep(shown)
	if id == "" {
		id = span.kind.id
	}
	s.add(base, layer, Finding{
		ID: "history/" + id, Title: "A secret in the image's history", Step: shown,
		Message: fmt.Sprintf("Step %d of the history (%s) holds %s: docker history shows it to anyone who has the image.", i+1, brief(shown), what),
		Advice:  "Build arguments and ENV stay in the history. Hand it to the step with `RUN --mount=type=secret`. If it is a real secret, replace it.",
	})
}
