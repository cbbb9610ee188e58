package ui

import (
	"reflect"
	"testing"
)

// TestHelpHasEveryKey checks that every binding is in the help of a view or page, in none
// twice, and has a description.
func TestHelpHasEveryKey(t *testing.T) {
	k := newKeyMap(false)
	listed := map[string]bool{}
	for _, scope := range k.scopes() {
		here := map[string]bool{}
		for _, g := range scope.groups {
			for _, b := range g.keys {
				if here[b.name] {
					t.Errorf("%s: %s is listed twice", scope.name, b.name)
				}
				here[b.name], listed[b.name] = true, true
				if b.Help().Desc == "" || b.Help().Key == "" || len(b.Keys()) == 0 {
					t.Errorf("%s has no key or no description", b.name)
				}
			}
		}
	}
	v := reflect.ValueOf(*k)
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Type != reflect.TypeFor[binding]() && f.Type != reflect.TypeFor[[]binding]() {
			t.Fatalf("%s isn't a binding", f.Name)
		}
	}
	all := 0
	k.each(func(b *binding) {
		if all++; !listed[b.name] {
			t.Errorf("%q isn't in the help", b.name)
		}
	})
	if len(listed) != all {
		t.Errorf("the help has %d names, but %d bindings exist", len(listed), all)
	}
}

// TestKeysAreDistinct checks that no key has two meanings in the same place.
func TestKeysAreDistinct(t *testing.T) {
	if err := newKeyMap(false).distinct(); err != nil {
		t.Error(err)
	}
}

func TestHintsHaveWords(t *testing.T) {
	for _, ascii := range []bool{false, true} {
		k := newKeyMap(ascii)
		for _, focus := range []pane{layersPane, filesPane, historyPane} {
			for _, h := range append(paneHints(k, focus), k.always()...) {
				if h.label() == "" || h[0].short == "" {
					t.Errorf("a hint of pane %d is %q %q", focus, h.label(), h[0].short)
				}
			}
		}
	}
}
