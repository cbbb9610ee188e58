package ui

import (
	"slices"

	tea "charm.land/bubbletea/v2"
)

// A viewID identifies a view of an image: it's the view's index in the table.
type viewID int

// A viewKind is a row of the table of views.
type viewKind struct {
	title string // in the head
	name  string // of its key in the settings, which is "view-" and this name
	short string // in the footer
	help  string // in the help

	// open makes the view for a newly opened image. The command fetches data that isn't in the
	// snapshot, if the view needs any.
	open func(h host, s *snapshot) (body, tea.Cmd)

	// groups are the view's own keys.
	groups func(k *keyMap) []keyGroup
}

// views are the views of an image, in the order of the number keys. The head, the number keys
// and their names in the settings, the help, the footers and the table of keys in the docs come
// from this table: to add a view, write its file and a row here.
var views = []viewKind{
	{"Files", "files", "files", "the files, layer by layer", openExplorer, explorerKeys},
	{"Fix", "fix", "fix", "what to change in the build", openFix, fixKeys},
	{"Image", "image", "image", "config, history, flaws", openImagePage, imageKeys},
	{"Map", "map", "map", "what each layer stores in each directory", openMap, mapKeys},
	{"Packages", "packages", "packages", "the packages that own the bytes", openPackages, packagesKeys},
}

// Views that other views lead to.
const (
	filesView viewID = 0
	fixView   viewID = 1
)

// imageView is the view of the image's own data.
var imageView = viewNamed("image")

// viewNamed returns the view with this name.
func viewNamed(name string) viewID {
	return viewID(slices.IndexFunc(views, func(v viewKind) bool { return v.name == name }))
}
