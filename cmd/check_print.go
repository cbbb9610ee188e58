package cmd

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
)

// configSchema names the form of the rules in JSON.
const configSchema = "peel.config/v1"

// The types below are that form: see docs/json.md.
type (
	configDocument struct {
		Schema string       `json:"schema"`
		Files  []string     `json:"files"`
		Rules  sectionRow   `json:"rules"`
		Images []sectionRow `json:"images"`
		Waive  []waiverRow  `json:"waive"`
	}

	// sectionRow has the settings for all images, or for some.
	sectionRow struct {
		Name       *string      `json:"name"` // null for all
		From       *string      `json:"from"`
		Settings   []settingRow `json:"settings"`
		Severity   []valueRow   `json:"severity"`
		Dockerfile *valueRow    `json:"dockerfile"`
		Baseline   *valueRow    `json:"baseline"`
	}

	settingRow struct {
		Name   string     `json:"name"`
		Values []valueRow `json:"values"`
	}

	valueRow struct {
		Rule  string `json:"rule,omitempty"` // of a severity
		Value string `json:"value"`
		From  string `json:"from"`
	}

	waiverRow struct {
		ID     *string `json:"id"`
		Rule   *string `json:"rule"`
		Path   *string `json:"path"`
		Image  *string `json:"image"`
		Reason string  `json:"reason"`
		Until  *string `json:"until"`
		From   string  `json:"from"`
	}
)

// printRules prints the effective rules and the origin of each value: for images, if any, else
// for all, including what the rules file says about some. It reads no image.
func (a *app) printRules(ctx context.Context, rules *checkConfig, refs []string, outs []output) error {
	doc := configDocument{Schema: configSchema, Files: []string{}, Rules: rules.general.row("", origin{}), Images: []sectionRow{}, Waive: []waiverRow{}}
	for _, f := range rules.files {
		doc.Files = append(doc.Files, f.path)
		for _, w := range f.waivers {
			doc.Waive = append(doc.Waive, waiverRow{maybe(w.ID), maybe(w.Rule), maybe(w.Path), maybe(w.image), w.Reason, maybe(w.Until), w.From})
		}
		if len(refs) > 0 {
			continue
		}
		for _, s := range f.images {
			doc.Images = append(doc.Images, s.row())
		}
	}
	for _, ref := range refs {
		r, err := rules.of(ref)
		if err != nil {
			return err
		}
		doc.Images = append(doc.Images, r.row(ref, origin{}))
	}
	for _, o := range outs {
		if o.format != "text" && o.format != "json" {
			return usage("--print-config -f json", "the rules are printed as text or json, and not as %s", o.format)
		}
	}
	var read []string
	for _, f := range rules.files {
		read = append(read, f.path)
	}
	if err := a.guard(outs, read...); err != nil {
		return err
	}
	return a.writeOutputs(ctx, outs, func(to output, w io.Writer) error {
		if to.format == "json" {
			e := json.NewEncoder(w)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			return e.Encode(doc)
		}
		_, err := io.WriteString(w, doc.text(len(refs) > 0))
		return err
	})
}

// maybe returns nil, JSON's null, for empty text.
func maybe(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// row returns the effective settings for an image; name is "" for images without an entry.
func (r *ruling) row(name string, from origin) sectionRow {
	row := sectionRow{Name: maybe(name), Settings: []settingRow{}, Severity: []valueRow{}, Dockerfile: r.dockerfile.row(), Baseline: r.baseline.row()}
	if from != (origin{}) {
		row.From = maybe(from.String())
	}
	for _, s := range analyze.Settings() {
		values, from := r.Given(s), r.given[s.Name]
		x := settingRow{Name: s.Name, Values: []valueRow{}}
		for i, v := range values {
			if i < len(from) {
				x.Values = append(x.Values, valueRow{Value: v, From: from[i].String()})
			}
		}
		if len(values) == 0 {
			x.Values = append(x.Values, valueRow{Value: cmp.Or(s.Default, s.Without, analyze.Off), From: origin{}.String()})
		}
		row.Settings = append(row.Settings, x)
		if s.IsRule() && r.On(s) {
			word := "error"
			if r.Severity(s) == analyze.Warning {
				word = "warn"
			}
			row.Severity = append(row.Severity, valueRow{Rule: s.Name, Value: word, From: r.weights[s.Name].String()})
		}
	}
	return row
}

// row is what an entry of images says itself.
func (s *section) row() sectionRow {
	from := s.from.String()
	row := sectionRow{Name: maybe(s.name), From: &from, Settings: []settingRow{}, Severity: []valueRow{}, Dockerfile: s.dockerfile.row(), Baseline: s.baseline.row()}
	for _, x := range s.says {
		value := valueRow{Rule: x.rule, Value: x.word, From: x.from.String()}
		if x.setting == nil {
			row.Severity = append(row.Severity, value)
			continue
		}
		i := slices.IndexFunc(row.Settings, func(r settingRow) bool { return r.Name == x.setting.Name })
		if i < 0 {
			i = len(row.Settings)
			row.Settings = append(row.Settings, settingRow{Name: x.setting.Name})
		}
		row.Settings[i].Values = append(row.Settings[i].Values, value)
	}
	return row
}

func (p *place) row() *valueRow {
	if p == nil {
		return nil
	}
	return &valueRow{Value: p.text, From: p.from.String()}
}

// text returns the rules in the form of a rules file, with the origin of each in a comment. of says
// that the images are those on the command line.
func (d *configDocument) text(of bool) string {
	p := &configText{}
	p.line("", "# All rules with their values, and where each comes from. No image was read.", "")
	for _, f := range d.Files {
		p.line("", "# read: "+clean.Line(f), "")
	}
	p.section("", &d.Rules)
	if len(d.Images) > 0 {
		if of {
			p.line("", "# the images that you named, with all their values", "")
		}
		p.line("", imagesKey+":", "")
		for i := range d.Images {
			x := &d.Images[i]
			from := ""
			if x.From != nil {
				from = *x.From
			}
			p.line("  ", "- "+nameKey+": "+yamlText(*x.Name), from)
			p.section("    ", x)
		}
	}
	if len(d.Waive) > 0 {
		p.line("", waiveKey+":", "")
	}
	for i := range d.Waive {
		d.Waive[i].print(p)
	}
	return p.String()
}

func (w *waiverRow) print(p *configText) {
	lead, from := "- ", w.From
	for _, x := range []struct {
		key   string
		value *string
	}{{"id", w.ID}, {"rule", w.Rule}, {"path", w.Path}, {"image", w.Image}, {"reason", &w.Reason}, {"until", w.Until}} {
		if x.value != nil {
			p.line("  ", lead+x.key+": "+yamlText(*x.value), from)
			lead, from = "  ", ""
		}
	}
}

// configText is such a file while it is written.
type configText struct{ strings.Builder }

// originColumn is the column of the comments.
const originColumn = 36

// line adds a line, with its origin, if it has one, in a comment.
func (p *configText) line(indent, text, from string) {
	line := indent + text
	if from != "" {
		line += strings.Repeat(" ", max(originColumn-len([]rune(line)), 1)) + "# " + clean.Line(from)
	}
	p.WriteString(line + "\n")
}

func (p *configText) section(indent string, row *sectionRow) {
	for _, s := range row.Settings {
		setting := analyze.SettingNamed(s.Name)
		if setting.Kind.Many && s.Values[0].Value != analyze.Off {
			p.line(indent, s.Name+":", "")
			for _, v := range s.Values {
				p.line(indent+"  ", "- "+yamlText(v.Value), v.From)
			}
			continue
		}
		text := s.Name + ": " + yamlText(s.Values[len(s.Values)-1].Value)
		if (!setting.Kind.Off || setting.Without != "") && !setting.Kind.Many && s.Values[0].From == (origin{}).String() && setting.Default == "" {
			text = "# " + s.Name + ": " + cmp.Or(setting.Without, "not set") // no value means this
		}
		p.line(indent, text, s.Values[len(s.Values)-1].From)
	}
	for _, x := range []struct {
		key   string
		value *valueRow
	}{{dockerfileKey, row.Dockerfile}, {baselineKey, row.Baseline}} {
		if x.value != nil {
			p.line(indent, x.key+": "+yamlText(x.value.Value), x.value.From)
		}
	}
	if len(row.Severity) > 0 {
		p.line(indent, severityKey+":", "")
	}
	for _, v := range row.Severity {
		p.line(indent+"  ", v.Rule+": "+v.Value, v.From)
	}
}
