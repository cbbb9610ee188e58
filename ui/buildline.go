package ui

import (
	"fmt"
	"path"
	"strconv"

	"github.com/peelhq/peel/analyze/dockerfile"
)

// unsureMark follows the line of a step that is only likely.
const unsureMark = "?"

// buildLine returns the Dockerfile line on which a step starts: "Dockerfile:12"; or "".
func (lk *look) buildLine(at *dockerfile.Line) string {
	if at == nil {
		return ""
	}
	return lk.line(path.Base(at.File)) + ":" + lineNumber(at)
}

// buildLines names all lines of a step, and the file as it was named: "build/Dockerfile,
// lines 12 to 14".
func (lk *look) buildLines(at *dockerfile.Line) string {
	text := fmt.Sprintf("%s, line %d", lk.line(at.File), at.First)
	if at.Last > at.First {
		text = fmt.Sprintf("%s, lines %d to %d", lk.line(at.File), at.First, at.Last)
	}
	if !at.Sure {
		text += ", most likely"
	}
	return text
}

// lineNumber is the number of a step's first line, or "" if it is unknown.
func lineNumber(at *dockerfile.Line) string {
	if at == nil {
		return ""
	}
	n := strconv.Itoa(at.First)
	if !at.Sure {
		n += unsureMark
	}
	return n
}

// lineWidth returns how many columns line numbers take; 0 if no line is known.
func lineWidth(lines []*dockerfile.Line) int {
	n := 0
	for _, at := range lines {
		n = max(n, len(lineNumber(at)))
	}
	return n
}
