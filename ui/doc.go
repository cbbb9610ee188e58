// Package ui is the screen: a terminal program that shows what each layer of an image does to the
// layers below it.
//
// There is one Bubble Tea model (model.go). It routes messages and holds what doesn't belong to a
// view: the terminal, the image being read, the footer, the way back. Between header and footer is
// a body (page.go): one of the views of the image, which are rows of a table (views.go), or a page
// on top of them, such as a file, a comparison, the picker or the help. Bodies are plain structs
// with methods. They see the model as a host (host.go), which does what they can't: show a message,
// ask something, open a page, go elsewhere, run a task.
//
// A comparison of two images has its own views (pair.go): the differences (differences.go) and a
// summary. Both images are read at the same time and kept open.
//
// The explorer is the first of the views: layers.go and layer.go draw its left panes, files.go
// and history.go its right ones. A body draws one row at a time into a line (paint.go), so a row
// always has the correct width, and only visible rows are drawn.
//
// The layout is a pure function of the terminal's size (areas.go, layout.go). Work that takes a
// pass over the tree runs in a command, off the event loop (rows.go, snapshot.go). A command's
// message knows its receiver: a pageMsg its page, a modelMsg the model. Keys and their help are
// the same values (keys.go); colours are defined in one place (styles.go), and so are the signs
// (signs.go).
//
// All text from an image goes through text.go before it is drawn.
package ui
