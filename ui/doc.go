// Package ui is the screen: a terminal program that shows what each layer of
// an image does to the ones below it.
//
// There is one Bubble Tea model (model.go). It routes messages, and holds what
// belongs to no view: the terminal, the image that is read, the row of the
// footer, the way back. Between head and footer stands a body (page.go): one of
// the views of the image, which are rows of a table (views.go), or a page that
// lies over them, such as a file, a comparison, the picker or the help. Bodies
// are plain structs with methods, and see the model as a host (host.go), which
// does what they cannot: show a message, ask something, open a page, go
// elsewhere, run a task.
//
// A comparison of two images has views of its own (pair.go): what differs
// (differences.go), and a summary. Both images are read at once, and held.
//
// The explorer is the first of the views: layers.go and layer.go draw its panes at
// the left, files.go and history.go those at the right. A body draws one row at a
// time into a line (paint.go), so a row can neither be too long nor too short, and
// only the rows that are on the screen are ever drawn.
//
// Where things stand is a pure function of the terminal's size (areas.go,
// layout.go). What takes a pass over the tree runs in a command, off the event
// loop (rows.go, snapshot.go). A message that a command brings knows whom it is
// for: a pageMsg its page, a modelMsg the model. Keys and their help are the same
// values (keys.go); colours are named in one place (styles.go), and so are the
// signs (signs.go).
//
// Everything that an image says about itself goes through text in text.go
// before it is drawn.
package ui
