package ui

import (
	"slices"

	tea "charm.land/bubbletea/v2"
)

// A viewID is one of the views of an image: its place in the table, from 0.
type viewID int

// A viewKind is a row of the table of views.
type viewKind struct {
	title string // as the head names it
	name  string // of its key in the settings: "view-" and this
	short string // the footer's word for it
	help  string // what the help says of it

	// open makes the view of an image that has just been opened. The command
	// brings what the view needs beyond the snapshot, if there is something.
	open func(h host, s *snapshot) (body, tea.Cmd)

	// groups are the view's own keys.
	groups func(k *keyMap) []keyGroup
}

// views are the views of an image, in the order of the number keys. The head, the
// number keys and their names in the settings, the help, the footers and the
// table of keys in the docs come from here: to add a view, write its file and a
// row.
var views = []viewKind{
	{"Files", "files", "files", "the files, layer by layer", openExplorer, explorerKeys},
	{"Fix", "fix", "fix", "what to change in the build", openFix, fixKeys},
	{"Image", "image", "image", "config, history, flaws", openImagePage, imageKeys},
	{"Map", "map", "map", "what each layer stores in each directory", openMap, mapKeys},
	{"Packages", "packages", "packages", "the packages that own the bytes", openPackages, packagesKeys},
}

// The views that others lead to.
const (
	filesView viewID = 0
	fixView   viewID = 1
)

// imageView is the view of what the image says of itself.
var imageView = viewNamed("image")

// viewNamed returns the view of a name.
func viewNamed(name string) viewID {
	return viewID(slices.IndexFunc(views, func(v viewKind) bool { return v.name == name }))
}
