package cmd

import (
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/peelhq/peel/analyze"
)

// layerFlag is a flag that names a layer by its number.
type layerFlag struct {
	n   int
	set bool
}

var _ pflag.Value = (*layerFlag)(nil)

func (l *layerFlag) String() string {
	if !l.set {
		return ""
	}
	return strconv.Itoa(l.n)
}

func (l *layerFlag) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return fmt.Errorf("a layer is a number, 0 for the lowest")
	}
	l.n, l.set = int(n), true
	return nil
}

func (l *layerFlag) Type() string { return "N" }

// within returns an error for a layer that the image doesn't have; name is the flag's.
func (l *layerFlag) within(name string, t *analyze.Tree) error {
	switch {
	case !l.set || l.n < t.LayerCount():
		return nil
	case t.LayerCount() == 0:
		return usage("", "%s %d: the image has no layers", name, l.n)
	}
	return usage("", "%s %d: the image's layers are 0 to %d", name, l.n, t.LayerCount()-1)
}

// moment selects a state of the image: the union after a layer, by default the last one, or the
// content of one layer.
type moment struct {
	at    layerFlag
	layer layerFlag
}

// flags adds --at and --layer.
func (m *moment) flags(flags *pflag.FlagSet) {
	flags.Var(&m.at, "at", "use the union after layer N (default: the last layer)")
	flags.Var(&m.layer, "layer", "use what layer N itself holds")
}

// check reports flags that make no sense together.
func (m *moment) check() error {
	if m.at.set && m.layer.set {
		return usage("one of them", "use either --at, the union after a layer, or --layer, a layer alone")
	}
	return nil
}

// within returns an error for a layer that the image doesn't have.
func (m *moment) within(t *analyze.Tree) error {
	if err := m.at.within("--at", t); err != nil {
		return err
	}
	return m.layer.within("--layer", t)
}

// alone reports whether this is the content of one layer.
func (m *moment) alone() bool { return m.layer.set }

// union returns the layer whose union this is; -1 for an image without layers.
func (m *moment) union(t *analyze.Tree) int {
	if m.at.set {
		return m.at.n
	}
	return t.LayerCount() - 1
}

// version returns what n is at this moment; in a layer alone that may be a
// removal.
func (m *moment) version(t *analyze.Tree, n analyze.NodeID) (analyze.Version, bool) {
	if m.alone() {
		return t.InLayer(n, m.layer.n)
	}
	return t.At(n, m.union(t))
}

// view returns the tree's view of this moment.
func (m *moment) view(t *analyze.Tree) *analyze.View {
	if m.alone() {
		return t.View(analyze.Spec{Mode: analyze.Alone, At: m.layer.n})
	}
	return t.View(analyze.Spec{Mode: analyze.Union, At: m.union(t)})
}

// holds reports whether n, or anything below it, is there at this moment.
func (m *moment) holds(t *analyze.Tree, n analyze.NodeID) bool {
	return n == 0 || m.view(t).Shows(n)
}
