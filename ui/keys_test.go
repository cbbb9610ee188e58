package ui

import (
	"reflect"
	"testing"
)

// Every binding is in the help of some view or page, in none twice, and says what
// it does.
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
					t.Errorf("%s has no key, or does not say what it does", b.name)
				}
			}
		}
	}
	v := reflect.ValueOf(*k)
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Type != reflect.TypeFor[binding]() && f.Type != reflect.TypeFor[[]binding]() {
			t.Fatalf("%s is no binding", f.Name)
		}
	}
	all := 0
	k.each(func(b *binding) {
		if all++; !listed[b.name] {
			t.Errorf("%q is not in the help", b.name)
		}
	})
	if len(listed) != all {
		t.Errorf("%d names in the help, %d bindings in all", len(listed), all)
	}
}

// No key has two meanings where both could be meant.
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
					t.Errorf("a hint of pane %d says %q %q", focus, h.label(), h[0].short)
				}
			}
		}
	}
}
