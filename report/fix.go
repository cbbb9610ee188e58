package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// A Remedy is the result of "peel fix": an image, possible changes, and the patch.
type Remedy struct {
	Analysis *analyze.Analysis
	Proposal *analyze.Proposal
	File     *dockerfile.File  // nil if unknown
	Without  string            // why it is unknown: words for the reader; "" with File
	Secrets  []analyze.Finding // in the image: no change of the build removes them from images that exist
	Patch    string            // of File, for "git apply"; "" if nothing changes

	Written bool // File was replaced by the patched one
	Shown   bool // the patch goes to a terminal: escape it
	Layout  Layout
}

// FixText writes a remedy for people. The patch comes last, and no earlier line starts with "---
// ", so the whole output can be used as a patch.
func FixText(w io.Writer, r *Remedy) error {
	p := page{layout: r.Layout}
	p.line("Image %s", cutMiddle(title(r.Analysis.Image), p.most()-len("Image ")))
	p.base(r.Analysis.Base)
	p.outlook(r)
	p.secrets(r.Secrets)
	p.fixes(r)
	p.operations(r.Proposal)
	p.hints(r.File)
	switch {
	case r.Patch == "" && r.File == nil:
		p.heading("No patch")
		p.paragraph("  ", clean.Line(r.Without))
	case r.Patch == "":
		p.heading("No patch")
		p.paragraph("  ", "No change of "+clean.Text(r.File.Name())+" is chosen that peel can make by itself.")
	case r.Written:
		p.heading("The patch, already written to %s", clean.Text(r.File.Name()))
		p.WriteByte('\n')
	default:
		p.heading("The patch of %s, for git apply", clean.Text(r.File.Name()))
		p.WriteByte('\n')
	}
	if err := p.writeTo(w); err != nil {
		return err
	}
	_, err := io.WriteString(w, r.shownPatch())
	return err
}

// shownPatch returns the patch for the destination of the text.
func (r *Remedy) shownPatch() string {
	if !r.Shown {
		return r.Patch
	}
	var b strings.Builder
	for line := range strings.Lines(r.Patch) {
		text, hasEnd := strings.CutSuffix(line, "\n")
		for i, part := range strings.Split(text, "\t") {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(clean.Text(part))
		}
		if hasEnd {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// outlook shows the image's figures with and without the plan.
func (p *page) outlook(r *Remedy) {
	b, a := r.Proposal.Before, r.Proposal.After
	p.heading("%s%s%s%s", pad("", 12), padLeft("now", 9), padLeft("then", 11), padLeft("difference", 14))
	size := func(name string, before, after int64) {
		p.line("%s%s%s%s", pad(name, 12), padLeft(human.Size(before), 9), padLeft(human.Size(after), 11), padLeft(signed(after-before, human.Size), 14))
	}
	size("stored", b.Stored, a.Stored)
	size("visible", b.Visible, a.Visible)
	size("wasted", b.Wasted, a.Wasted)
	p.line("%s%s%s%s", pad("efficiency", 12), padLeft(human.Percent(b.Efficiency), 9), padLeft(human.Percent(a.Efficiency), 11), padLeft(points(a.Efficiency-b.Efficiency), 14))
	p.line("%s%s%s%s", pad("layers", 12), padLeft(human.Comma(b.Layers), 9), padLeft(human.Comma(a.Layers), 11), padLeft(signed(int64(a.Layers-b.Layers), human.Comma[int64]), 14))
	if t := &r.Analysis.Totals; t.Compressed >= 0 && b.Stored > 0 {
		guess := int64(float64(t.Compressed) * float64(a.Stored) / float64(b.Stored))
		p.line("%s%s%s%s", pad("compressed", 12), padLeft(human.Size(t.Compressed), 9), padLeft("~"+human.Size(guess), 11), padLeft("~"+signed(guess-t.Compressed, human.Size), 14))
	}
	if a.Unshared > 0 {
		p.paragraph("", human.Size(a.Unshared)+" of the base image's layers are merged, so other images of that base no longer share them.")
	}
}

// secretsShown is the maximum number of findings of secrets to list.
const secretsShown = 10

// secrets lists findings of secrets: which files hold them, and what to do. The patch doesn't
// remove them.
func (p *page) secrets(found []analyze.Finding) {
	if len(found) == 0 {
		return
	}
	p.heading("Secrets in the image (the patch leaves them in)")
	for i := range found[:min(len(found), secretsShown)] {
		f := &found[i]
		p.paragraph("  ", clean.Line(f.Message))
		var where []string
		if l := clean.Line(place(f)); l != "" {
			where = append(where, l)
		}
		if lines := stepLines(f.Step); len(lines) > 0 {
			where = append(where, lines[0])
		}
		if len(where) > 0 {
			p.line("  ↳ %s", strings.Join(where, " "))
		}
		p.paragraph("  → ", clean.Line(f.Advice))
	}
	if more := len(found) - secretsShown; more > 0 {
		p.line("  and %s: peel report lists them", human.Count(more, "more finding", "more findings"))
	}
}

// fixes lists the fixes, and summarizes small ones without an edit.
func (p *page) fixes(r *Remedy) {
	fixes := r.Proposal.Fixes
	if len(fixes) == 0 {
		p.heading("Nothing to change")
		p.paragraph("  ", "The image's own steps waste no bytes and leave no rarely needed files behind.")
		return
	}
	p.heading("What to change, the largest first (* is in the figures above)")
	p.line("    saves    in all")
	var small [2]int // without and with edits
	var bytes [2]int64
	for i := range fixes {
		f := &fixes[i]
		if f.Small && !f.Chosen {
			kind := 0
			if len(f.Edits) > 0 && f.Why == "" {
				kind = 1
			}
			small[kind]++
			bytes[kind] += f.Saves
			continue
		}
		p.fix(f, r.File != nil)
	}
	p.small(small[1], bytes[1], "--choose all makes %s too, and -f json has %s.", "it", "its ID", "them", "their IDs")
	p.small(small[0], bytes[0], "peel can't make %s by itself, and -f json has %s.", "it", "the advice", "them", "the advice for each")
}

// small sums up n small fixes. The format gets one and its for one fix, and many and theirs for
// several.
func (p *page) small(n int, bytes int64, format, one, its, many, theirs string) {
	if n == 0 {
		return
	}
	text := human.Count(n, "small fix, which", "small fixes, each of which") + " saves little: "
	text += fmt.Sprintf(format, pick(n == 1, one, many), pick(n == 1, its, theirs))
	p.paragraph(padLeft(human.Size(bytes), 9)+strings.Repeat(" ", 13), text)
}

func pick(first bool, one, other string) string {
	if first {
		return one
	}
	return other
}

// fixIndent is the number of columns before a fix's text: for its saving, the saving of all up to
// it, and its mark.
const fixIndent = 22

// fix adds one fix, and why it is not in the patch.
func (p *page) fix(f *analyze.ProposedFix, patched bool) {
	total := "?"
	if f.Total >= 0 {
		total = human.Size(f.Total)
	}
	indent := strings.Repeat(" ", fixIndent)
	p.paragraph(padLeft(human.Size(f.Saves), 9)+padLeft(total, 10)+pick(f.Chosen, " * ", "   "), clean.Line(f.Findings[0].Title))
	for i := range f.Findings {
		if i == 3 {
			p.line("%sand %s of the same steps", indent, human.Count(len(f.Findings)-i, "more finding", "more findings"))
			break
		}
		p.paragraph(indent, clean.Line(f.Findings[i].Message))
	}
	first := &f.Findings[0]
	step := []string{}
	if l := clean.Line(place(first)); l != "" {
		step = append(step, l)
	}
	if lines := stepLines(first.Step); len(lines) > 0 {
		step = append(step, lines[0])
	}
	if len(step) > 0 {
		p.line("%s↳ %s", indent, strings.Join(step, " "))
	}
	mending := f.Text()
	if patched && f.Why != "" {
		mending += " Not in the patch: " + f.Why + "."
	}
	p.paragraph(indent+"→ ", clean.Line(mending))
	p.line("%sID: %s", indent, clean.Line(f.ID))
}

// hintsShown is the maximum number of hints to list.
const hintsShown = 10

// hints lists options that may leave more out. Only a build shows how much.
func (p *page) hints(file *dockerfile.File) {
	if file == nil {
		return
	}
	hints := file.Hints()
	if len(hints) == 0 {
		return
	}
	p.heading("To try by hand: only a build shows what it saves")
	for i, h := range hints {
		if i == hintsShown {
			p.line("  and %d more", len(hints)-i)
			break
		}
		p.paragraph("  ", fmt.Sprintf("line %d: %s %s leaves out %s; not in the patch, because the image may need them", h.Line, h.Command, h.Option, h.Why))
	}
}

// operations lists the rest of the plan.
func (p *page) operations(x *analyze.Proposal) {
	if len(x.Squash)+len(x.Dropped) == 0 {
		return
	}
	p.heading("Also in the figures")
	for _, r := range x.Squash {
		p.line("  layers %d to %d, merged into one", r.From, r.To)
	}
	for _, d := range x.Dropped {
		text := clean.Text(d.Path) + ", left out"
		if d.Kept > 0 {
			text += "; the base image's layers keep " + human.Size(d.Kept) + " of it"
		}
		p.paragraph("  ", text)
	}
}
