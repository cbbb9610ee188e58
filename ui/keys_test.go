package ui

import (
	"reflect"
	"testing"
)

// Every binding is in the help, once, and says what it does.
func TestHelpHasEveryKey(t *testing.T) {
	k := newKeyMap(false)
	listed := map[string]int{}
	for _, g := range k.groups() {
		for _, b := range g.keys {
			listed[b.Help().Desc]++
		}
	}
	v := reflect.ValueOf(*k)
	for i := range v.NumField() {
		desc := v.Field(i).FieldByName("help").FieldByName("Desc").String()
		if desc == "" || listed[desc] != 1 {
			t.Errorf("%s (%q) is %d times in the help", v.Type().Field(i).Name, desc, listed[desc])
		}
	}
	if len(listed) != v.NumField() {
		t.Errorf("%d bindings in the help, %d in all", len(listed), v.NumField())
	}
}

// No key has two meanings where both could be meant.
func TestKeysAreDistinct(t *testing.T) {
	k := newKeyMap(false)
	everywhere := []binding{
		k.up, k.down, k.pageUp, k.pageDown, k.home, k.end, k.below, k.above, k.scrollUp, k.scrollDown,
		k.sort, k.mode, k.from, k.help, k.back, k.suspend, k.quit, k.interrupt,
	}
	tests := []struct {
		name string
		own  []binding
	}{
		{"layers", []binding{k.toFiles}},
		{"files", []binding{k.toLayers, k.toggle, k.open, k.close, k.openAll, k.foldAll}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen := map[string]string{}
			for _, b := range append(tt.own, everywhere...) {
				for _, key := range b.Keys() {
					if other, ok := seen[key]; ok {
						t.Errorf("%q: %s, and %s", key, other, b.Help().Desc)
					}
					seen[key] = b.Help().Desc
				}
			}
		})
	}
}

func TestHintsHaveWords(t *testing.T) {
	for _, ascii := range []bool{false, true} {
		k := newKeyMap(ascii)
		for _, focus := range []pane{layersPane, filesPane} {
			for _, h := range k.hints(focus) {
				if h.label() == "" || h[0].short == "" {
					t.Errorf("a hint of pane %d says %q %q", focus, h.label(), h[0].short)
				}
			}
		}
	}
}
