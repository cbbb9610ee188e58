package analyze

import (
	"errors"
	"fmt"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/lazy"
	"github.com/peelhq/peel/source"
)

// line returns the first Dockerfile line of the step that made a layer.
func (x *fixer) line(layer int) (int, error) {
	l := x.ad.lines[layer]
	switch {
	case l == nil:
		return 0, fmt.Errorf("no step of the Dockerfile made layer %d", layer)
	case !l.Sure:
		return 0, fmt.Errorf("the step that made layer %d may not be the one on line %d", layer, l.First)
	}
	return l.First, nil
}

// mostTried is the maximum number of edits that are tried: each one parses the Dockerfile.
const mostTried = 2000

// made returns an edition with these edits if they can be applied to the Dockerfile.
func (x *fixer) made(c change, edits ...dockerfile.Edit) (*edition, error) {
	if x.tried++; x.tried > mostTried {
		return nil, errors.New("there are too many findings to try an edit for each")
	}
	if _, err := x.file.Edited(edits); err != nil {
		return nil, err
	}
	return &edition{edits, c}, nil
}

// mergeRuns merges the steps from the lowest mergeable carrier up to the step to blame into one
// RUN.
func (x *fixer) mergeRuns(carriers []int, by int) (*edition, error) {
	until, err := x.line(by)
	if err != nil {
		return nil, err
	}
	if x.word(by) != "RUN" {
		return nil, fmt.Errorf("a %s hides them: only you can tell which of the steps is needed", x.word(by))
	}
	var first error
	for _, from := range carriers {
		if from == by {
			break
		}
		line, err := x.line(from)
		if err == nil {
			err = x.keepsLinks(LayerRange{from, by})
		}
		if err == nil {
			var e *edition
			e, err = x.made(change{merge: []LayerRange{{from, by}}, gone: -1}, dockerfile.Edit{Kind: dockerfile.MergeRuns, Line: line, Until: until})
			if err == nil {
				return e, nil
			}
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = errNotByEdit
	}
	return nil, first
}

// makesLinks matches steps that make hard links.
var makesLinks = lazy.New(`\bln\s+(?:-[a-rt-zA-Z]+\s+)*[^-\s]|\bcp\s+(?:-\S+\s+)*(?:-[a-zA-Z]*l|--link\b)`)

// keepsLinks says why the steps of a range may not run in one layer, or returns nil: one of them
// changes a file under one of its names. With a layer in between, that leaves the other names as
// they are, because the file is copied up; in one layer, it would change all of them.
func (x *fixer) keepsLinks(r LayerRange) error {
	t := x.t
	for layer := r.From + 1; layer <= r.To; layer++ {
		for _, i := range x.versionsOf(layer) {
			v := &t.versions[i]
			first, _ := t.versionRange(v.node)
			if v.kind != source.File || v.change == Removed || i == first {
				continue
			}
			before := &t.versions[i-1]
			if int(before.layer) < r.From {
				continue
			}
			if before.inode < 0 || len(t.shared[before.inode]) == 0 { // BuildKit leaves out the unchanged name
				if makesLinks.MatchString(x.ad.step(int(before.layer)).text) {
					return fmt.Errorf("in one step, the change of %s could also change a hard link to it", t.pathText(v.node))
				}
				continue
			}
			for _, o := range t.shared[before.inode] {
				if o >= 0 && o != i-1 && t.at(t.versions[o].node, r.To) == o {
					return fmt.Errorf("in one step, the change of %s would also change its hard link %s", t.pathText(v.node), t.pathText(t.versions[o].node))
				}
			}
		}
	}
	return nil
}

// nothingRuns reports whether no command runs between the steps of two layers.
func (x *fixer) nothingRuns(from, to int) bool {
	for l := from + 1; l < to; l++ {
		if !copies(x.word(l)) {
			return false
		}
	}
	return true
}

// ignored returns the .dockerignore lines that keep a finding's files out of a COPY.
func (x *fixer) ignored(f *Finding, from *findingSource) []string {
	carriers := x.carriers(from)
	if len(carriers) != 1 || !copies(x.word(carriers[0])) || !from.shows && from.key.cause != Deleted {
		return nil
	}
	if names := from.key.class.about().names; len(names) > 0 {
		var lines []string
		for _, name := range names {
			lines = append(lines, "**/"+name)
		}
		return lines
	}
	words := strings.Fields(x.ad.step(carriers[0]).text)
	if len(words) != 3 || words[1] != "." || !strings.HasPrefix(words[2], "/") {
		return nil
	}
	rest, ok := strings.CutPrefix(f.Path, strings.TrimSuffix(words[2], "/")+"/")
	if !ok || !plainPath.MatchString("/"+rest) {
		return nil
	}
	return []string{rest}
}

// editKey identifies a list of edits.
func editKey(edits []dockerfile.Edit) string {
	var b strings.Builder
	for _, e := range edits {
		fmt.Fprintf(&b, "%d %d %d %d %q\n", e.Kind, e.Line, e.Until, e.Program, e.Text)
	}
	return b.String()
}
