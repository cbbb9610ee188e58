package analyze

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/source"
)

// A comparison is a pair of files of the same size that may have the same content.
type comparison struct{ upper, lower int32 }

// relate records the change of the version at against lower, the version below it, and why lower
// is no longer visible. A duplicate hides nothing; the version that covers it does.
func (b *builder) relate(at, lower int32) {
	v := &b.t.versions[at]
	if lower == none || b.t.versions[lower].change == Removed {
		v.change = Added
		return
	}
	same, known := b.t.sameContent(at, lower)
	b.t.settle(at, lower, same)
	if known {
		return
	}
	b.pending = append(b.pending, comparison{at, lower})
	v.flags |= unsettled
	if v.flags&duplicate == 0 {
		b.t.versions[lower].flags |= unsettledCause
	}
}

// settle records the change of upper against lower, given whether their content is equal.
func (t *Tree) settle(upper, lower int32, same bool) {
	u, l := &t.versions[upper], &t.versions[lower]
	u.flags &^= unsettled
	switch {
	case !same:
		u.change = Modified
	case t.sameAttributes(upper, lower):
		u.change = Identical
	default:
		u.change = Metadata
	}
	if u.flags&duplicate == 0 {
		l.flags &^= unsettledCause
		l.by, l.cause = u.layer, causeOf(u.change, u.kind == l.kind)
	}
}

// sameContent reports whether two versions have the same type and content, link
// target or device numbers. known is false if that requires missing checksums;
// same is false then.
func (t *Tree) sameContent(upper, lower int32) (same, known bool) {
	u, l := &t.versions[upper], &t.versions[lower]
	switch {
	case u.kind != l.kind:
		return false, true
	case u.kind == source.Dir:
		return true, true
	case u.inode == none && l.inode == none:
		// Two hard links to missing files: only their targets can be compared.
		a := t.layers[u.layer].Entries.LinkBytes(int(u.entry))
		b := t.layers[l.layer].Entries.LinkBytes(int(l.entry))
		return bytes.Equal(a, b) || cleanPath(string(a)) == cleanPath(string(b)), true
	case u.inode == l.inode && u.inode != own:
		return true, true
	case u.inode == none || l.inode == none:
		return false, true
	}
	ul, ui := t.carrier(upper)
	ll, li := t.carrier(lower)
	return t.sameCarried(ul, ui, t, ll, li)
}

// sameCarried compares the content of an entry of a layer of t with that of an entry of the same
// type in other; known as in sameContent.
func (t *Tree) sameCarried(layer uint16, i int32, other *Tree, otherLayer uint16, j int32) (same, known bool) {
	ie, je := t.layers[layer].Entries, other.layers[otherLayer].Entries
	if ie.Type(int(i)) != source.File {
		major, minor := ie.Device(int(i))
		otherMajor, otherMinor := je.Device(int(j))
		return major == otherMajor && minor == otherMinor && bytes.Equal(ie.LinkBytes(int(i)), je.LinkBytes(int(j))), true
	}
	size := ie.Size(int(i))
	if size != je.Size(int(j)) {
		return false, true
	}
	if size == 0 {
		return true, true
	}
	is, kind, ok1 := ie.Checksum(int(i))
	js, otherKind, ok2 := je.Checksum(int(j))
	known = ok1 && ok2 && kind == otherKind
	return known && is == js, known
}

// sameAttributes compares mode, owner, modification time and extended attributes.
func (t *Tree) sameAttributes(upper, lower int32) bool {
	u, l := &t.versions[upper], &t.versions[lower]
	if u.entry == none || l.entry == none {
		return u.entry == l.entry
	}
	return t.layers[u.layer].Entries.SameAttributes(int(t.header(upper)), t.layers[l.layer].Entries, int(t.header(lower)))
}

// compare computes the checksums that the pending comparisons need, several
// layers at once, and settles the comparisons. While that reads files, it calls
// the given readers of the tree, which is still unsettled. If it reads none, it
// doesn't call them.
func (t *Tree) compare(ctx context.Context, pending []comparison, beside ...func(context.Context) error) error {
	wanted := map[uint16][]int{}
	for _, c := range pending {
		if t.surelyDiffer(c) {
			continue // relate has marked them as different so far
		}
		for _, v := range []int32{c.upper, c.lower} {
			layer, entry := t.carrier(v)
			wanted[layer] = append(wanted[layer], int(entry))
		}
	}
	if len(wanted) == 0 {
		beside = nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxReaders + len(beside))
	for _, f := range beside {
		group.Go(func() error { return crash.Do(func() error { return f(ctx) }) })
	}
	for _, layer := range slices.Sorted(maps.Keys(wanted)) {
		group.Go(func() error {
			return crash.Do(func() error { return t.layers[layer].Sum(ctx, wanted[layer]) })
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, c := range pending {
		same, _ := t.sameContent(c.upper, c.lower)
		t.settle(c.upper, c.lower, same)
	}
	return nil
}

// surelyDiffer reports whether a look at a few bytes shows a difference.
func (t *Tree) surelyDiffer(c comparison) bool {
	upper, i := t.carrier(c.upper)
	lower, j := t.carrier(c.lower)
	return source.Differ(t.layers[upper], int(i), t.layers[lower], int(j))
}

// maxReaders is the number of layers read at once for checksums.
const maxReaders = 4
