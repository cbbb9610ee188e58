// Package ui is the screen: a terminal program that shows what each layer of
// an image does to the ones below it.
//
// There is one Bubble Tea model (model.go), which routes messages and holds
// what the panes share. The panes are plain structs with methods: layers.go
// and layer.go at the left, files.go and history.go at the right, loading.go
// while the image is read, help.go on top of it all. A pane draws one row at a
// time into a line (paint.go), so a row can neither be too long nor too short,
// and only the rows that are on the screen are ever drawn.
//
// Where things stand is a pure function of the terminal's size (layout.go).
// What takes a pass over the tree runs in a command, off the event loop
// (rows.go). Keys and their help are the same values (keys.go); colours are
// named in one place (styles.go), and so are the signs (signs.go).
//
// Everything that an image says about itself goes through text in text.go
// before it is drawn.
package ui
