package report

import (
	"strings"

	"github.com/clipperhouse/displaywidth"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/source"
)

// width returns the number of terminal columns that s takes.
func width(s string) int { return displaywidth.String(s) }

// cut shortens s to at most columns by leaving out its end.
func cut(s string, columns int) string {
	return displaywidth.TruncateString(s, max(columns, 1), "…")
}

// cutMiddle shortens a path to at most columns by leaving out its middle, as
// its beginning and its last component tell most.
func cutMiddle(s string, columns int) string {
	if width(s) <= columns {
		return s
	}
	if columns <= 1 {
		return "…"
	}
	head := displaywidth.TruncateString(s, columns/3, "")
	tail := s[len(head):]
	over := width(tail) - (columns - width(head) - 1)
	for g := displaywidth.StringGraphemes(tail); over > 0 && g.Next(); {
		over -= g.Width()
		tail = tail[len(g.Value()):]
	}
	return head + "…" + tail
}

// pad returns s followed by spaces up to columns.
func pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(columns-width(s), 0))
}

// padLeft returns s after spaces up to columns.
func padLeft(s string, columns int) string {
	return strings.Repeat(" ", max(columns-width(s), 0)) + s
}

// orUnknown returns s fit for a terminal, on one line, or "unknown".
func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return clean.Line(s)
}

// platform returns an image's platform, fit for a terminal, on one line.
func platform(im *source.Image) string {
	if p := im.FullPlatform(); p != "" {
		return clean.Line(p)
	}
	return "platform unknown"
}

// unordered prepares text for the start of a line, where pipelines look for commands.
func unordered(s string) string { return clean.Start(s) }

// wrap breaks text into lines of at most columns at spaces, and splits longer
// words. It returns at least one line, and no line starts with a pipeline
// command.
func wrap(s string, columns int) []string {
	var out []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		word = unordered(word)
		if line != "" && width(line)+1+width(word) <= columns {
			line += " " + word
			continue
		}
		if line != "" {
			out = append(out, line)
		}
		for width(word) > columns {
			head := displaywidth.TruncateString(word, columns, "")
			if head == "" {
				break // one character is wider than the line
			}
			out = append(out, head)
			word = unordered(word[len(head):])
		}
		line = word
	}
	return append(out, line)
}
