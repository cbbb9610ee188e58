package ui

import (
	"fmt"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// title says, on w columns, how many paths are marked, what the pane shows, and its totals.
func (f *files) title(w int) string {
	marked := f.marks.says()
	if f.chipped {
		marked = ""
	}
	if marked != "" {
		marked += " " + f.lk.sg.dot + " "
	}
	return marked + f.shownTitle(w-width(marked))
}

// shownTitle is the title without the marks.
func (f *files) shownTitle(w int) string {
	filter, filtered := f.view.Filtered()
	if filtered && !f.chipped {
		return f.filterTitle(filter, w)
	}
	var what string
	switch f.spec.Mode {
	case analyze.Union:
		what = fmt.Sprintf("Files after layer %d", f.spec.At)
	case analyze.Alone:
		what = fmt.Sprintf("Layer %d alone", f.spec.At)
	case analyze.Range:
		what = rangeTitle(f.spec.From, f.spec.At)
	default:
		what = "Everything in any layer"
	}
	if f.rows.flat != nil && !f.chipped {
		what += ", as a list"
	}
	if filtered {
		n, of := f.view.Matched()
		what += " " + f.lk.sg.dot + " " + human.Comma(n) + " of " + counted(of, "path")
	}
	return f.crumbs(what+" "+f.lk.sg.dot+" "+human.Size(f.view.Bytes(0)), w)
}

// crumbsRoom is the minimum number of columns for the directory of the first row.
const crumbsRoom = 8

// crumbs adds the directory of the first row to a title, if its row is out of sight. Together they
// take w columns; without it, the title may take them all.
func (f *files) crumbs(title string, w int) string {
	if f.top == 0 || f.top >= f.rows.len() {
		return title
	}
	first := f.rows.at(f.top)
	if first.depth == 0 {
		return title
	}
	gap := " " + f.lk.sg.dot + " "
	room := w - width(title+gap) - width(f.aside()) - 3
	if room < crumbsRoom {
		return title
	}
	return title + gap + cutLeft(f.lk.text(f.a.Tree.Path(f.a.Tree.Parent(first.head))), room, f.lk.sg.tail)
}

// aside returns the cursor's position, and the order of the rows.
func (f *files) aside() string {
	sign := f.lk.sg.order
	if _, back := f.by.base(); back {
		sign = f.lk.sg.back
	}
	by := fmt.Sprintf("by %s %s", f.by, sign)
	if f.list.rows > f.page {
		return fmt.Sprintf("%s of %s %s %s", human.Comma(int64(f.cursor+1)), human.Comma(int64(f.list.rows)), f.lk.sg.dot, by)
	}
	return by
}

// nothing says why the pane has no rows.
func (f *files) nothing() string {
	if _, ok := f.view.Filtered(); ok {
		if n := f.request.elsewhere; n > 0 {
			return "nothing matches here; m shows " + counted(n, "path") + " in other layers"
		}
		return "nothing matches the filter here"
	}
	switch f.spec.Mode {
	case analyze.Alone:
		if f.spec.At < len(f.a.Layers) && f.a.Layers[f.spec.At].Layer.Err != nil {
			return "cannot be read: " + f.lk.line(f.a.Layers[f.spec.At].Layer.Err.Error())
		}
		return "this layer holds no files"
	case analyze.Range:
		if f.spec.From == f.spec.At {
			return "the range begins here: [ and ] select the layer that it ends with"
		}
		return "nothing differs"
	}
	return "no files"
}

// rangeTitle says which layers' changes a range has: those after its first layer.
func rangeTitle(from, at int) string {
	switch {
	case from == at:
		return fmt.Sprintf("Range after layer %d", from)
	case from+1 == at:
		return fmt.Sprintf("Changes of layer %d", at)
	}
	return fmt.Sprintf("Changes of layers %d to %d", from+1, at)
}

// filterTitle says, on w columns, what the filter is and what it leaves. If there is little room,
// it shortens the filter, which the user knows.
func (f *files) filterTitle(filter analyze.Filter, w int) string {
	n, of := f.view.Matched()
	dot := " " + f.lk.sg.dot + " "
	left := human.Comma(n) + " of " + counted(of, "path")
	text := f.lk.line(filter.String())
	where := dot + human.Size(f.view.Bytes(analyze.Root)) + " " + f.where()
	const label = "filter: "
	if room := w - width(label+dot+left); width(text) > room {
		text = cut(text, max(room, 4), f.lk.sg.tail)
	}
	title := label + text + dot + left
	if width(title+where) <= w {
		title += where
	}
	return title
}

// where says, in a few words, which part of the image the pane shows.
func (f *files) where() string {
	switch f.spec.Mode {
	case analyze.Union:
		return fmt.Sprintf("after layer %d", f.spec.At)
	case analyze.Alone:
		return fmt.Sprintf("in layer %d alone", f.spec.At)
	case analyze.Range:
		if f.spec.From == f.spec.At {
			return fmt.Sprintf("in the range after layer %d", f.spec.At)
		}
		return fmt.Sprintf("in the changes of layers %d to %d", f.spec.From+1, f.spec.At)
	}
	return "in any layer"
}
