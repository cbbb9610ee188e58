package report

import (
	"strings"

	"github.com/clipperhouse/displaywidth"

	"github.com/peelhq/peel/internal/clean"
)

// width is how many columns of a terminal s takes.
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
	rest := columns - width(head) - 1
	tail := s[len(head):]
	for width(tail) > rest {
		g := displaywidth.StringGraphemes(tail)
		if !g.Next() {
			break
		}
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
