package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// DiffMark is the first line of a comparison's Markdown, invisible when rendered. A pipeline uses
// it to find and replace its comment.
const DiffMark = "<!-- peel diff -->"

// DiffMarkdown writes a comparison as Markdown for a comment: the figures side
// by side and, in folded sections, layers and paths. It is always shorter than
// 60,000 bytes, and no text of an image can become Markdown, HTML, or a
// mention. It fails only if w does.
func DiffMarkdown(w io.Writer, c *Comparison) error {
	m := &mdPage{limit: mdLimit}
	fmt.Fprintf(m, "%s\n### %s against %s\n\n", DiffMark, mdCode(sideName(c.After)), mdCode(sideName(c.Before)))
	if c.None() {
		m.WriteString("No difference in config, layers and files.\n")
	} else {
		m.compared(c)
	}
	_, err := io.WriteString(w, m.String())
	return err
}

func (m *mdPage) compared(c *Comparison) {
	m.WriteString("| | before | after | difference |\n|:--|--:|--:|--:|\n")
	for _, f := range c.figures() {
		fmt.Fprintf(m, "| %s | %s | %s | %s |\n", f.name, f.before, f.after, f.difference)
	}
	fmt.Fprintf(m, "\n**Layers:** %s. **Paths:** %s.\n", layerCounts(c.Layers), c.pathCounts())
	if n := len(c.Config); n > 0 {
		m.details("Config: "+human.Count(n, "difference", "differences"), func() {
			m.fits("| | | value |\n|:--|:--|:--|\n")
			m.rest(n, "difference", "differences", func(i int) string {
				x := &c.Config[i]
				value := ""
				if v := configValues(x); v != "" {
					value = mdCode(v)
				}
				return fmt.Sprintf("| %s | %s | %s |\n", x.Change, mdCode(configName(x)), value)
			})
		})
	}
	m.packageChanges(c.Packages)
	if len(c.Paths) > 0 {
		m.details(c.largestTitle(), func() {
			m.fits("| growth | | path |\n|--:|:--|:--|\n")
			m.rest(len(c.Paths), "path", "paths", func(i int) string { return mdPath(&c.Paths[i]) })
		})
	}
	var layers []*analyze.LayerGrowth
	for i := range c.Layers {
		if l := &c.Layers[i]; layerState(l) != layerShared {
			layers = append(layers, l)
		}
	}
	if len(layers) > 0 {
		m.details("Layers that are not shared", func() {
			m.fits("| | before | after | growth | step |\n|:--|--:|--:|--:|:--|\n")
			m.rest(len(layers), "layer", "layers", func(i int) string {
				l := layers[i]
				return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", layerState(l), layerIndex(l.Before), layerIndex(l.After),
					signed(l.Stored, human.Size), mdCode(l.Step))
			})
		})
	}
}

// rest lists items as far as they fit, minus a few bytes, and says how many are left out.
func (m *mdPage) rest(n int, one, many string, item func(i int) string) {
	const spare = 8 << 10 // for the sections that follow
	m.limit -= spare
	shown := m.list(n, item)
	m.limit += spare
	if left := n - shown; left > 0 {
		m.fits("\n" + human.Count(left, "more "+one, "more "+many) + ": too many for a comment.\n")
	}
}

func mdPath(x *analyze.PathDifference) string {
	row := fmt.Sprintf("| %s | %s | %s", signed(x.Growth(), human.Size), x.Change, mdCode(pathName(x)))
	if d := pathDetails(x); len(d) > 0 {
		row += "<br>" + mdText(strings.Join(d, ", "))
	}
	return row + " |\n"
}

// pathCounts counts paths by their change: "3 added, 1 removed".
func (c *Comparison) pathCounts() string {
	var out []string
	for _, change := range shownChanges {
		if n := c.Changes[change].Paths; n > 0 && change != analyze.Identical {
			out = append(out, human.Comma(n)+" "+changeWords[change])
		}
	}
	if len(out) == 0 {
		return "no difference"
	}
	return strings.Join(out, ", ")
}

// changeWords are the words for changes of paths.
var changeWords = map[analyze.Change]string{
	analyze.Added: "added", analyze.Removed: "removed", analyze.Modified: "modified", analyze.Metadata: "with other attributes",
}
