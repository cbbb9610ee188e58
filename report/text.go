package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

const (
	wasteShown  = 20 // rows of the largest waste
	flawsShown  = 10 // rows of flaws
	countDigits = 7  // columns of a number of entries: "999,999"
)

// A Layout controls the layout of text for people. The zero value is for logs and files: prose is
// wrapped at 80 columns, and nothing is cut.
type Layout struct {
	Columns int  // where prose is wrapped; 0 for 80
	Cut     bool // cut lines there too, and paths in their middle: for a terminal
}

// Limits of a layout, in columns.
const (
	usualColumns = 80
	leastColumns = 40
)

// page is a text report being written.
type page struct {
	strings.Builder
	layout Layout
}

// columns returns the width at which prose is wrapped.
func (p *page) columns() int {
	if p.layout.Columns == 0 {
		return usualColumns
	}
	return max(p.layout.Columns, leastColumns)
}

// most returns the maximum width of a line.
func (p *page) most() int {
	if p.layout.Cut {
		return p.columns()
	}
	return math.MaxInt32
}

// line adds a line, cut to the page's width.
func (p *page) line(format string, args ...any) {
	p.WriteString(strings.TrimRight(cut(fmt.Sprintf(format, args...), p.most()), " "))
	p.WriteByte('\n')
}

// paragraph adds wrapped text after the first line's lead. The other lines are indented by the same
// width.
func (p *page) paragraph(lead, text string) {
	for i, line := range wrap(text, p.columns()-width(lead)) {
		if i > 0 {
			lead = strings.Repeat(" ", width(lead))
		}
		p.line("%s%s", lead, line)
	}
}

// heading adds an empty line and a heading.
func (p *page) heading(format string, args ...any) {
	p.WriteByte('\n')
	p.line(format, args...)
}

func (p *page) writeTo(w io.Writer) error {
	_, err := io.WriteString(w, p.String())
	return err
}

// Text writes the analysis for people: the image, its totals, its findings (see analyze.Advise),
// its layers, the causes of waste, and the largest waste with the layer to blame. It fails only
// if w does.
func Text(w io.Writer, a *analyze.Analysis, findings []analyze.Finding) error {
	return Layout{}.Text(w, a, findings)
}

// Text is the function of that name, laid out like l.
func (l Layout) Text(w io.Writer, a *analyze.Analysis, findings []analyze.Finding) error {
	p := page{layout: l}
	p.image(a)
	p.totals(a)
	p.toChange(analyze.Brief(findings, analyze.DefaultFloor(a.Totals.Stored)))
	p.layers(a)
	p.packages(a)
	p.causes(a)
	p.waste(a, a.Waste, wasteShown)
	p.flaws(a.Flaws)
	return p.writeTo(w)
}

func (p *page) image(a *analyze.Analysis) {
	im := a.Image
	p.line("Image %s", cutMiddle(title(im), p.most()-len("Image ")))
	about := []string{
		human.Count(a.Totals.Layers, "layer", "layers"),
		human.Count(a.Totals.Entries, "entry", "entries"),
		platform(im),
	}
	if !im.Created.IsZero() {
		about = slices.Insert(about, 2, "created "+human.Date(im.Created))
	}
	// Don't start a line with text of the image: some logs interpret it as a command.
	p.line("%s", strings.Join(about, ", "))
	if im.Source != "" {
		p.WriteString("read from " + cutMiddle(clean.Line(im.Source), p.most()-len("read from ")) + "\n")
	}
	p.container(im.Container)
}

// mountsShown is the maximum number of a container's mounts to list.
const mountsShown = 20

// container says which container's layer is on top, and what isn't in it.
func (p *page) container(c *source.Container) {
	if c == nil {
		return
	}
	state := clean.Line(c.State)
	if state != "" {
		state = ", " + state
	}
	p.line("the last layer is the container's own%s, as of %s", state, c.ReadAt.UTC().Format("2006-01-02 15:04:05 UTC"))
	if len(c.Mounts) == 0 {
		return
	}
	p.line("mounts over its folders, not included and not counted:")
	for i, m := range c.Mounts {
		if i == mountsShown {
			p.line("  and %s more", human.Comma(len(c.Mounts)-i))
			return
		}
		p.line("  %s", MountText(m))
	}
}

// MountText is a mount in words, on one line and fit for a terminal.
func MountText(m source.Mount) string {
	text := clean.Text(m.Path) + ": " + cmp.Or(clean.Line(m.Kind), "mount")
	if m.Source != "" {
		text += " " + clean.Text(m.Source)
	}
	return text
}

// title returns the image's name, else its digest, fit for a terminal.
func title(im *source.Image) string {
	for _, s := range []string{im.Name, im.ID, im.Digest, im.Source} {
		if s != "" {
			return clean.Line(s)
		}
	}
	return "image without a name"
}

func (p *page) totals(a *analyze.Analysis) {
	t := a.Totals
	p.WriteByte('\n')
	row := func(name string, bytes int64, note string) {
		p.line("%s %s  %s", pad(name, 11), padLeft(human.Size(bytes), 7), note)
	}
	row("stored", t.Stored, "")
	row("visible", t.Visible, "image efficiency "+human.Percent(t.Efficiency))
	row("wasted", t.Wasted, human.Percent(1-t.Efficiency)+" of what is stored")
	if t.Compressed >= 0 {
		row("compressed", t.Compressed, "")
	}
	if t.BaseLayers < t.Layers {
		row("own layers", t.UserStored, "own efficiency "+human.Percent(t.OwnEfficiency)+", "+human.Size(t.UserWasted)+" of it wasted")
	}
	if t.BaseHidden > 0 {
		row("base hidden", t.BaseHidden, "of the base image, hidden by own layers")
	}
	p.base(a.Base)
}

// base says which layers are the base image's, and how peel found them.
func (p *page) base(b analyze.Base) {
	p.paragraph("base: ", clean.Line(b.Text()))
	if b.Missing != "" {
		p.paragraph("      ", clean.Line(b.Missing))
	}
}

func (p *page) layers(a *analyze.Analysis) {
	if len(a.Layers) == 0 {
		return
	}
	p.heading("Layers%s", baseNote(a.Totals))
	p.line("   #   stored   wasted    hides  entries  command")
	for _, l := range a.Layers {
		i := strconv.Itoa(l.Layer.Index)
		if l.Layer.Err != nil {
			p.line("%s  cannot be read: %s", padLeft(i, 4), clean.Line(l.Layer.Err.Error()))
			continue
		}
		p.line("%s  %s  %s  %s  %s  %s", padLeft(i, 4), padLeft(human.Size(l.Stored), 7), padLeft(human.Size(l.Wasted), 7),
			padLeft(human.Size(l.Hides), 7), padLeft(human.Comma(l.Entries), countDigits), Command(l.Layer))
	}
}

// baseNote says which layers are the base image's, unless there are none.
func baseNote(t analyze.Totals) string {
	switch t.BaseLayers {
	case 0:
		return ""
	case 1:
		return " (layer 0 is the base)"
	}
	return fmt.Sprintf(" (0 to %d are the base)", t.BaseLayers-1)
}

// Command describes what made a layer, on one line without secrets and fit for a terminal.
func Command(l *source.Layer) string {
	return orUnknown(analyze.Masked(dockerfile.StepText(l.Step)))
}

// largestCauses returns the causes of waste, the one with most bytes first.
func largestCauses(a *analyze.Analysis) []analyze.CauseTotal {
	causes := slices.Clone(a.Causes)
	slices.SortStableFunc(causes, func(a, b analyze.CauseTotal) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return causes
}

func (p *page) causes(a *analyze.Analysis) {
	if a.Totals.Wasted == 0 {
		return
	}
	p.heading("Why bytes are wasted")
	for _, c := range largestCauses(a) {
		if c.Versions > 0 {
			p.line("%s  %s  %s  %s", padLeft(human.Size(c.Bytes), 9), padLeft(human.Comma(c.Versions), countDigits),
				pad(c.Cause.String(), 11), meaning[c.Cause])
		}
	}
}

// meaning says what a cause is, in the words of docs/cli.md.
var meaning = map[analyze.Cause]string{
	analyze.Overwritten:  "a higher layer wrote other content",
	analyze.MetadataCopy: "copied up whole to change attributes",
	analyze.SameAgain:    "a higher layer wrote the same file again",
	analyze.Deleted:      "a higher layer deleted it",
	analyze.Opaque:       "a higher layer made its directory opaque",
	analyze.Replaced:     "something of another type replaced it",
	analyze.Duplicate:    "the same layer holds the path again",
}

// waste lists the n largest rows, which belong to a, with the layer that stores each, the layer
// to blame, and that layer's build step.
func (p *page) waste(a *analyze.Analysis, rows analyze.WasteRows, n int) {
	if rows.Len() == 0 {
		return
	}
	if n < rows.Len() {
		p.heading("The largest waste (%d of %s)", n, human.Count(rows.Len(), "version", "versions"))
	} else {
		p.heading("The waste")
	}
	p.line("    bytes  cause         in   by  path")
	const indent, stepIndent = 34, 11
	last := -1
	for i := range min(n, rows.Len()) {
		x := rows.At(i)
		by := "?"
		if x.By >= 0 {
			by = strconv.Itoa(x.By)
		}
		p.line("%s  %s  %s  %s  %s", padLeft(human.Size(x.Bytes), 9), pad(x.Cause.String(), 11), padLeft(strconv.Itoa(x.Layer), 3),
			padLeft(by, 3), cutMiddle(clean.Text(x.Path()), p.most()-indent))
		if x.By != last && x.By >= 0 && x.By < len(a.Layers) {
			p.line("%s", pad("", stepIndent)+"↳ "+Command(a.Layers[x.By].Layer))
		}
		last = x.By
	}
}

func (p *page) flaws(flaws []source.Flaw) {
	if len(flaws) == 0 {
		return
	}
	p.heading("Malformed or unreadable")
	for _, f := range flaws[:min(flawsShown, len(flaws))] {
		where := "image: "
		if f.Layer >= 0 {
			where = "layer " + strconv.Itoa(f.Layer) + ": "
		}
		if f.Path != "" {
			where += clean.Text(f.Path) + ": "
		}
		p.line("  %s%s", where, clean.Line(f.Problem))
	}
	if more := len(flaws) - flawsShown; more > 0 {
		p.line("  and %s more", human.Comma(more))
	}
}
