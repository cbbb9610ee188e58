package ui

import (
	"fmt"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// title says on w columns what the pane shows, and what that comes to.
func (f *files) title(w int) string {
	if filter, ok := f.view.Filtered(); ok {
		return f.filterTitle(filter, w)
	}
	var what string
	switch f.spec.Mode {
	case analyze.Union:
		what = fmt.Sprintf("Files after layer %d", f.spec.At)
	case analyze.Alone:
		what = fmt.Sprintf("Layer %d alone", f.spec.At)
	case analyze.Range:
		what = fmt.Sprintf("Changes from layer %d to %d", f.spec.From, f.spec.At)
	default:
		what = "Everything in any layer"
	}
	return what + " " + f.lk.sg.dot + " " + human.Size(f.view.Bytes(0))
}

// aside says where the cursor is, and how the rows are ordered.
func (f *files) aside() string {
	by := fmt.Sprintf("by %s %s", f.by, f.lk.sg.order)
	if f.list.rows > f.page {
		return fmt.Sprintf("%s of %s %s %s", human.Comma(int64(f.cursor+1)), human.Comma(int64(f.list.rows)), f.lk.sg.dot, by)
	}
	return by
}

// nothing says why there are no rows.
func (f *files) nothing() string {
	if _, ok := f.view.Filtered(); ok {
		return "nothing matches the filter here"
	}
	switch f.spec.Mode {
	case analyze.Alone:
		if f.spec.At < len(f.a.Layers) && f.a.Layers[f.spec.At].Layer.Err != nil {
			return "cannot be read: " + f.lk.line(f.a.Layers[f.spec.At].Layer.Err.Error())
		}
		return "this layer holds no files"
	case analyze.Range:
		return "nothing differs"
	}
	return "no files"
}

// filterTitle says on w columns what is filtered, and what is left. The filter
// gives way where room is short: it is what the reader knows.
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

// where says in a few words which part of the image the pane shows.
func (f *files) where() string {
	switch f.spec.Mode {
	case analyze.Union:
		return fmt.Sprintf("after layer %d", f.spec.At)
	case analyze.Alone:
		return fmt.Sprintf("in layer %d alone", f.spec.At)
	case analyze.Range:
		return fmt.Sprintf("from layer %d to %d", f.spec.From, f.spec.At)
	}
	return "in any layer"
}
