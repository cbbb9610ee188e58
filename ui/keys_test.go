package ui

import (
	"reflect"
	"testing"
)

// places are those that have keys of their own, each with all that work there.
func places(k *keyMap) map[string][]keyGroup {
	always := []keyGroup{k.viewGroup(), k.programGroup()}
	return map[string][]keyGroup{
		"explorer": append(k.paneGroups(), always...),
		"waste":    append((&waste{}).groups(k), always...),
		"image":    append((&imagePage{}).groups(k), always...),
	}
}

// Every binding is in the help of some place, in none twice, and says what it
// does.
func TestHelpHasEveryKey(t *testing.T) {
	k := newKeyMap(false)
	listed := map[string]bool{}
	for place, groups := range places(k) {
		here := map[string]bool{}
		for _, g := range groups {
			for _, b := range g.keys {
				if here[b.name] {
					t.Errorf("%s: %s is listed twice", place, b.name)
				}
				here[b.name], listed[b.name] = true, true
				if b.Help().Desc == "" || b.Help().Key == "" || len(b.Keys()) == 0 {
					t.Errorf("%s has no key, or does not say what it does", b.name)
				}
			}
		}
	}
	v := reflect.ValueOf(*k)
	for i := range v.NumField() {
		if name := v.Field(i).FieldByName("name").String(); !listed[name] {
			t.Errorf("%s (%q) is not in the help", v.Type().Field(i).Name, name)
		}
	}
	if len(listed) != v.NumField() {
		t.Errorf("%d names in the help, %d bindings in all", len(listed), v.NumField())
	}
}

// No key has two meanings where both could be meant.
func TestKeysAreDistinct(t *testing.T) {
	k := newKeyMap(false)
	everywhere := []keyGroup{
		k.moving(), k.viewGroup(), k.programGroup(),
		{"", []binding{k.nextPane, k.priorPane, k.below, k.above, k.scrollUp, k.scrollDown, k.narrower, k.wider, k.sort, k.mode, k.from, k.columns, k.copyPath, k.copyDigest, k.extract, k.export}},
	}
	tests := map[string][]keyGroup{
		"layers":  append(everywhere, keyGroup{"", []binding{k.enter}}),
		"files":   append(everywhere, keyGroup{"", []binding{k.toggle, k.open, k.close, k.openAll, k.foldAll}}),
		"history": append(everywhere, keyGroup{"", []binding{k.jump}}),
	}
	for name, groups := range tests {
		t.Run(name, func(t *testing.T) {
			seen := map[string]string{}
			for _, g := range groups {
				for _, b := range g.keys {
					for _, key := range b.Keys() {
						if other, ok := seen[key]; ok && other != b.name {
							t.Errorf("%q: %s, and %s", key, other, b.name)
						}
						seen[key] = b.name
					}
				}
			}
		})
	}
}

func TestHintsHaveWords(t *testing.T) {
	for _, ascii := range []bool{false, true} {
		k := newKeyMap(ascii)
		for _, focus := range []pane{layersPane, filesPane, historyPane} {
			for _, h := range append(k.paneHints(focus), k.always()...) {
				if h.label() == "" || h[0].short == "" {
					t.Errorf("a hint of pane %d says %q %q", focus, h.label(), h[0].short)
				}
			}
		}
	}
}
