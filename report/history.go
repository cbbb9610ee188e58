package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// History writes what every layer does to one path, newest first: the change, size and
// attributes, the differences from the version below, who hides it and why, and the build step.
// Commands are complete except for secrets. It fails only if w does.
func History(w io.Writer, a *analyze.Analysis, n analyze.NodeID) error {
	var b strings.Builder
	versions := a.Tree.Versions(n)
	fmt.Fprintf(&b, "%s\n%s\n", clean.Text(a.Tree.Path(n)), fate(a.Tree, n, versions))
	for _, v := range slices.Backward(versions) {
		b.WriteByte('\n')
		writeVersion(&b, a, v)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fate says whether a path is in the final image, and which layer decided that.
func fate(t *analyze.Tree, n analyze.NodeID, versions []analyze.Version) string {
	if v, ok := t.At(n, t.LayerCount()-1); ok {
		return fmt.Sprintf("in the final image, from layer %d", v.Layer())
	}
	for _, v := range slices.Backward(versions) {
		if v.Change() == analyze.Removed {
			return fmt.Sprintf("not in the final image, gone since layer %d", v.Layer())
		}
	}
	return "not in the final image"
}

// historyIndent is the column at which the details of a version begin.
const historyIndent = "          "

func writeVersion(b *strings.Builder, a *analyze.Analysis, v analyze.Version) {
	line := fmt.Sprintf("layer %2d  %-9s", v.Layer(), v.Change())
	if v.Change() != analyze.Removed {
		line += fmt.Sprintf("  %7s  %s  %s  %s%s", fileSize(v), Mode(v), owner(v), date(v), arrow(v))
		if v.Implied() {
			line += "  (no entry of its own)"
		}
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
	for _, d := range details(a.Tree, v) {
		b.WriteString(historyIndent + d + "\n")
	}
	command := "unknown"
	if v.Layer() < len(a.Layers) {
		command = Command(a.Layers[v.Layer()].Layer)
	}
	b.WriteString(historyIndent + "by " + command + "\n")
}

// details are the lines between a version and its command.
func details(t *analyze.Tree, v analyze.Version) []string {
	var lines []string
	if v.Duplicate() {
		lines = append(lines, "an earlier entry of this path in the same layer")
	} else if v.Change() != analyze.Removed && v.Layer() > 0 {
		if below, ok := t.At(v.Node(), v.Layer()-1); ok {
			if d := Differences(below, v); len(d) > 0 {
				lines = append(lines, strings.Join(d, ", "))
			}
		}
	}
	if v.Cause() == analyze.NotShadowed {
		return lines
	}
	hidden := "hidden: " + v.Cause().String()
	if v.By() >= 0 {
		hidden = fmt.Sprintf("hidden by layer %d: %s", v.By(), v.Cause())
	}
	switch {
	case v.Wasted() > 0:
		hidden += ", " + human.Size(v.Wasted()) + " wasted"
	case v.Change() != analyze.Removed && v.Stored() > 0:
		hidden += ", its bytes are still visible under another name"
	}
	return append(lines, hidden)
}

// Differences lists the differences of a version from the one below, new value first: "mode 0600
// ← 0644". Text from the image is fit for a terminal.
func Differences(below, v analyze.Version) []string {
	return differences(below, v, v.Change() == analyze.Modified)
}

// differences is Differences of any two versions; otherContent says whether files of one size
// differ in content.
func differences(below, v analyze.Version, otherContent bool) []string {
	var d []string
	change := func(what, now, before string) {
		if now != before {
			d = append(d, what+" "+now+" ← "+before)
		}
	}
	sameKind := below.Kind() == v.Kind()
	change("type", v.Kind().String(), below.Kind().String())
	if sameKind && v.Kind() == source.File {
		if v.Size() != below.Size() {
			change("size", exactSize(v.Size(), below.Size()), exactSize(below.Size(), v.Size()))
		} else if otherContent {
			d = append(d, "other content of the same size")
		}
	}
	if sameKind && v.Kind() == source.Symlink {
		change("link", clean.Text(v.Link()), clean.Text(below.Link()))
	}
	if v.Implied() || below.Implied() {
		return d
	}
	change("mode", human.Permissions(v.Mode()), human.Permissions(below.Mode()))
	change("owner", fmt.Sprintf("%d:%d", v.UID(), v.GID()), fmt.Sprintf("%d:%d", below.UID(), below.GID()))
	e, ok := v.Entry()
	old, okBelow := below.Entry()
	if ok && okBelow {
		if sameKind && (v.Kind() == source.Char || v.Kind() == source.Block) {
			change("device", fmt.Sprintf("%d,%d", e.Major, e.Minor), fmt.Sprintf("%d,%d", old.Major, old.Minor))
		}
		d = append(d, xattrDifferences(old.Xattrs, e.Xattrs)...)
	}
	if !v.Time().Equal(below.Time()) {
		now, before := human.Date(v.Time()), human.Date(below.Time())
		if now == before {
			d = append(d, "time by less than a second")
		} else {
			change("time", now, before)
		}
	}
	return d
}

// exactSize writes n so that it differs visibly from other.
func exactSize(n, other int64) string {
	if human.Size(n) == human.Size(other) {
		return strconv.FormatInt(n, 10) + " B"
	}
	return human.Size(n)
}

// xattrDifferences names the extended attributes that differ, by name.
func xattrDifferences(before, now map[string]string) []string {
	all := maps.Clone(before)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, now)
	var d []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		old, was := before[name]
		value, is := now[name]
		switch {
		case is && !was:
			d = append(d, "xattr "+clean.Text(name)+" added")
		case was && !is:
			d = append(d, "xattr "+clean.Text(name)+" removed")
		case old != value:
			d = append(d, "xattr "+clean.Text(name)+" changed")
		}
	}
	return d
}
