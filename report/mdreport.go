package report

import (
	"fmt"
	"io"
	"strconv"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// Markdown writes the analysis as Markdown for a comment or a wiki: the totals, the findings (see
// analyze.Advise), and folded away the layers, the causes, the largest waste and the flaws. Its
// limits are those of CheckMarkdown. It fails only if w does.
func Markdown(w io.Writer, a *analyze.Analysis, findings []analyze.Finding) error {
	m := &mdPage{limit: mdLimit}
	t := a.Totals
	fmt.Fprintf(m, "### %s %s wasted of %s stored\n\n", mdCode(title(a.Image)), human.Size(t.Wasted), human.Size(t.Stored))
	m.totals(t)
	about := mdText(platform(a.Image))
	if !a.Image.Created.IsZero() {
		about += ", created " + human.Date(a.Image.Created)
	}
	if t.BaseLayers < t.Layers {
		about += fmt.Sprintf("; own layers waste %s of %s", human.Size(t.UserWasted), human.Size(t.UserStored))
	}
	if t.Compressed >= 0 {
		about += "; " + human.Size(t.Compressed) + " compressed"
	}
	m.WriteString("\nFor " + about + ".\n")
	m.base(a.Base)
	m.toChange(a, analyze.Brief(findings, analyze.DefaultFloor(a.Totals.Stored)))
	m.causes(a)
	m.details("The largest waste", func() { m.waste(a) })
	m.details(human.Count(t.Layers, "layer", "layers")+baseNote(t), func() { m.layers(a) })
	m.packages(a)
	if len(a.Flaws) > 0 {
		m.details("Malformed or unreadable", func() { m.flaws(a) })
	}
	_, err := io.WriteString(w, m.String())
	return err
}

// mdReserve is the number of bytes that findings leave for the sections below them.
const mdReserve = 20_000

// toChange adds the findings: the first few as they are, the others folded.
func (m *mdPage) toChange(a *analyze.Analysis, findings []analyze.Finding) {
	if len(findings) == 0 {
		return
	}
	m.limit -= mdReserve
	defer func() { m.limit += mdReserve }()
	item := func(i int) string { return mdFinding(a, &findings[i], i) }
	m.fits("\n**What to change**\n\n")
	shown := m.list(min(len(findings), worstShown), item)
	if rest := findings[shown:]; len(rest) > 0 {
		m.details(human.Count(analyze.CountFindings(rest), "more finding", "more findings")+", "+human.Size(total(rest)), func() {
			n := m.list(min(len(rest), mdFolded), func(i int) string { return item(shown + i) })
			if left := len(rest) - n; left > 0 {
				m.fits("\n" + human.Count(left, "more is", "more are") + " not listed.\n")
			}
		})
	}
}

// base says which layers are the base image's, and how peel found them.
func (m *mdPage) base(b analyze.Base) {
	text := "\nBase: " + mdText(b.Text()) + ".\n"
	if b.Missing != "" {
		text += "\n" + mdText(b.Missing) + ".\n"
	}
	m.fits(text)
}

func (m *mdPage) causes(a *analyze.Analysis) {
	if a.Totals.Wasted == 0 {
		return
	}
	m.WriteString("\n| wasted | versions | cause | |\n|--:|--:|:--|:--|\n")
	for _, c := range largestCauses(a) {
		if c.Versions > 0 {
			fmt.Fprintf(m, "| %s | %s | %s | %s |\n", human.Size(c.Bytes), human.Comma(c.Versions), c.Cause, meaning[c.Cause])
		}
	}
}

func (m *mdPage) waste(a *analyze.Analysis) {
	if a.Waste.Len() == 0 {
		m.fits("None.\n")
		return
	}
	m.fits("| bytes | cause | in | by | path | step |\n|--:|:--|--:|--:|:--|:--|\n")
	shown := m.list(min(a.Waste.Len(), wasteShown), func(i int) string {
		x := a.Waste.At(i)
		by, step := "?", ""
		if x.By >= 0 && x.By < len(a.Layers) {
			by, step = strconv.Itoa(x.By), mdCode(Command(a.Layers[x.By].Layer))
		}
		return fmt.Sprintf("| %s | %s | %d | %s | %s | %s |\n", human.Size(x.Bytes), x.Cause, x.Layer, by, mdCode(x.Path()), step)
	})
	if left := a.Waste.Len() - shown; left > 0 {
		m.fits("\nand " + human.Count(left, "more version", "more versions") + ".\n")
	}
}

func (m *mdPage) layers(a *analyze.Analysis) {
	m.fits("| # | stored | wasted | hides | entries | command |\n|--:|--:|--:|--:|--:|:--|\n")
	shown := m.list(len(a.Layers), func(i int) string {
		l := &a.Layers[i]
		if l.Layer.Err != nil {
			return fmt.Sprintf("| %d | | | | | cannot be read: %s |\n", i, mdText(l.Layer.Err.Error()))
		}
		return fmt.Sprintf("| %d | %s | %s | %s | %s | %s |\n", i, human.Size(l.Stored), human.Size(l.Wasted), human.Size(l.Hides),
			human.Comma(l.Entries), mdCode(Command(l.Layer)))
	})
	if left := len(a.Layers) - shown; left > 0 {
		m.fits("\nand " + human.Count(left, "more layer", "more layers") + ".\n")
	}
}

func (m *mdPage) flaws(a *analyze.Analysis) {
	shown := m.list(min(len(a.Flaws), flawsShown), func(i int) string {
		f := &a.Flaws[i]
		where := "image"
		if f.Layer >= 0 {
			where = "layer " + strconv.Itoa(f.Layer)
		}
		if f.Path != "" {
			where += ", " + mdCode(f.Path)
		}
		return "- " + where + ": " + mdText(f.Problem) + "\n"
	})
	if left := len(a.Flaws) - shown; left > 0 {
		m.fits("\nand " + human.Comma(left) + " more.\n")
	}
}
