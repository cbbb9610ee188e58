package analyze

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// overlapping returns layers that change, remove and add to the lower ones. Each layer is
// larger than the one before.
func overlapping() (layers [][]testkit.Entry) {
	for k := range 8 {
		var entries []testkit.Entry
		for i := range 40 << k {
			entries = append(entries, member('0', fmt.Sprintf("dir%d/file%d", i%7, i*(k+1)%3001), ""))
		}
		entries = append(entries, member('0', fmt.Sprintf("dir%d/.wh.file%d", k%7, k), ""))
		layers = append(layers, entries)
	}
	return layers
}

// paths lists a tree's nodes with their versions, in the order of their IDs.
func paths(t *Tree) (out []string) {
	for n := range NodeID(t.Len()) {
		line := t.Path(n)
		for _, v := range t.Versions(n) {
			line += fmt.Sprint(" ", v.Layer(), v.Change())
		}
		out = append(out, line)
	}
	return out
}

// TestAssembleInAnyOrder checks that the tree is the same in every order in which layers can
// arrive, and for every guess about the layers still to come.
func TestAssembleInAnyOrder(t *testing.T) {
	im := scanned(t, overlapping()...)
	want, err := assembleOf(t.Context(), im, arrived(im.Layers))
	if err != nil {
		t.Fatal(err)
	}
	was := largeTree
	defer func() { largeTree = was }()
	seeds := uint64(20)
	if testing.Short() {
		seeds = 6
	}
	for seed := range seeds {
		largeTree = []int{0, 500, was}[seed%3]
		in := newArrivals(im.Layers)
		go func() {
			for _, k := range rand.New(rand.NewPCG(seed, 1)).Perm(len(im.Layers)) {
				in.add(im.Layers[k])
				time.Sleep(time.Duration(seed%4) * time.Millisecond)
			}
		}()
		got, err := assembleOf(t.Context(), im, in)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(paths(got.Tree), paths(want.Tree)) || !slices.Equal(got.stored, want.stored) {
			t.Errorf("seed %d: the tree differs", seed)
		}
	}
}

// TestAssembleIsCancelled cancels while a layer is missing.
func TestAssembleIsCancelled(t *testing.T) {
	im := scanned(t, overlapping()...)
	was := largeTree
	defer func() { largeTree = was }()
	for _, largeTree = range []int{0, was} { // with 0, it also waits for all layers
		for missing := range im.Layers {
			in := newArrivals(im.Layers)
			for k, l := range im.Layers {
				if k != missing {
					in.add(l)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			began := time.Now()
			time.AfterFunc(testkit.Size(10*time.Millisecond, 3*time.Millisecond), cancel)
			_, err := assembleOf(ctx, im, in)
			if took := time.Since(began); !errors.Is(err, context.Canceled) || took > time.Second {
				t.Errorf("without layer %d: %v after %v", missing, err, took)
			}
		}
	}
}

// broken writes and opens an image in which the header of one layer's last entry is damaged.
func broken(t *testing.T, layer int) *source.Image {
	t.Helper()
	im := &testkit.Image{Tag: "fixture:1", Platform: "linux/amd64"}
	for k, entries := range overlapping() {
		if k == layer {
			entries = append(entries, member('0', "the-broken-one", ""))
		}
		im.Layers = append(im.Layers, &testkit.Layer{Entries: entries})
	}
	path := testkit.ShapeNamed("docker-20").Write(t, &testkit.Fixture{Images: []*testkit.Image{im}})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(b, []byte("the-broken-one")) != 1 {
		t.Fatal("entry not found")
	}
	if err := os.WriteFile(path, bytes.Replace(b, []byte("the-broken-one"), []byte("the-damaged-is"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	opened, err := source.Open(t.Context(), path, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	return opened
}

// TestAssembleFails checks that the error of a layer becomes the error of the image, whether or
// not the layers below it are being built, and that a bound of the tree reached while layers
// are read does too.
func TestAssembleFails(t *testing.T) {
	for _, k := range []int{0, 3, 7} {
		for range testkit.Rounds(5) {
			_, err := Run(t.Context(), broken(t, k), Options{})
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("layer %d ", k)) {
				t.Errorf("layer %d is broken: %v", k, err)
			}
		}
	}
	was := treeBounds
	defer func() { treeBounds = was }()
	treeBounds.tree = 10_000
	im := scanned(t, overlapping()...)
	for range testkit.Rounds(5) {
		again := *im
		again.Layers = nil
		for _, l := range im.Layers {
			other := *l
			other.Entries = nil // so that it is read
			again.Layers = append(again.Layers, &other)
		}
		if _, err := Run(t.Context(), &again, Options{}); !errors.Is(err, errTree) {
			t.Errorf("tree that is too large: got error %v", err)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(cancelled, broken(t, 3), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestExpected checks that the estimate is proportional and bounded, and exact once all layers
// are there.
func TestExpected(t *testing.T) {
	im := scanned(t, overlapping()...)
	all, most := 0, 0
	for _, l := range im.Layers {
		all += l.Entries.Len()
		most = max(most, l.Entries.Len())
	}
	in, known := newArrivals(im.Layers), 0
	for k, l := range im.Layers {
		if got, _ := in.expected(); got < min(all/2, guessRatio*known) || got > 2*all {
			t.Errorf("with %d layers of %d entries: expected %d, got %d", k, known, got, all)
		}
		in.add(l)
		known += l.Entries.Len()
	}
	if got, largest := in.expected(); got != all || largest != most {
		t.Errorf("with all layers: expected %d entries, %d in the largest; got %d and %d", got, largest, all, most)
	}
}

// TestLookAhead checks that the hash computed ahead finds the same node as the node's own hash,
// wherever a layer's directories and their neighbours change.
func TestLookAhead(t *testing.T) {
	im := scanned(t, overlapping()...)
	b := newBuilder(im.Layers)
	in := arrived(im.Layers)
	if err := b.room(t.Context(), in, 1); err != nil {
		t.Fatal(err)
	}
	for k, l := range im.Layers {
		if err := b.apply(t.Context(), k, in.each[k].markers); err != nil {
			t.Fatal(err)
		}
		e := l.Entries
		for i := range e.Len() {
			for parent := range NodeID(3) {
				hash := b.ahead.hash(b.t, &b.table, e, i, e.Dir(i), parent)
				n, own := b.table.find(b.t, parent, e.Base(i))
				if hash != own || b.table.findBy(b.t, hash, parent, e.Base(i)) != n {
					t.Fatalf("layer %d, entry %d below node %d: the hash or the node differs", k, i, parent)
				}
			}
		}
	}
}
