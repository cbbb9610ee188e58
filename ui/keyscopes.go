package ui

import (
	"maps"
	"slices"
)

// A keyScope is a view or a page that handles keys while it is on the screen.
type keyScope struct {
	name   string
	groups []keyGroup
}

// scopes returns all scopes, views first, with all keys that work in each, as in its help.
func (k *keyMap) scopes() []keyScope {
	var all []keyScope
	for _, v := range views {
		all = append(all, keyScope{v.name, v.groups(k)})
	}
	all = append(all,
		keyScope{"comparison", comparisonKeys(k)},
		keyScope{"differences", differencesKeys(k)},
		keyScope{"summary", summaryKeys(k)},
		keyScope{"help", helpKeys(k)},
		keyScope{"menu", menuKeys(k)},
		keyScope{"picker", pickerKeys(k)},
		keyScope{"viewer", viewerKeys(k)},
	)
	for i := range all {
		if all[i].name != "viewer" { // where its key goes to a line
			all[i].groups = append(all[i].groups, k.paletteGroup())
		}
		all[i].groups = append(all[i].groups, k.viewGroup(), k.programGroup())
	}
	return all
}

// narrowScopes returns the same scopes, but each of the explorer's panes by itself: a key only has
// to be unique in one pane.
func (k *keyMap) narrowScopes() []keyScope {
	all := k.scopes()
	files := all[filesView]
	all = slices.Delete(all, int(filesView), int(filesView)+1)
	own := paneKeys(k)
	inOnePane := func(b binding) bool {
		for _, bindings := range own {
			if slices.ContainsFunc(bindings, func(o binding) bool { return o.name == b.name }) {
				return true
			}
		}
		return false
	}
	var inAll []keyGroup
	for _, g := range files.groups {
		inAll = append(inAll, keyGroup{g.title, slices.DeleteFunc(slices.Clone(g.keys), inOnePane)})
	}
	for _, pane := range slices.Sorted(maps.Keys(own)) {
		all = append(all, keyScope{pane, append(slices.Clip(inAll), keyGroup{pane, own[pane]})})
	}
	return all
}
