package analyze

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestStartLower checks that the lower layers show as an image of these layers alone would,
// with the nodes of the whole image.
func TestStartLower(t *testing.T) {
	files, err := filepath.Glob("../testdata/*.image")
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, file := range files {
		if strings.HasPrefix(filepath.Base(file), "unreadable-") {
			continue // this shape of an archive can't express that
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			im, err := source.Open(t.Context(), testkit.ShapeNamed("docker-20").Write(t, testkit.Load(t, file)), source.Options{})
			if err != nil {
				return // the archive needs a choice of image, which this test doesn't cover
			}
			defer im.Close()
			whole, err := Start(t.Context(), im, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !whole.Whole() {
				t.Error("the whole image is incomplete")
			}
			stored := int64(0)
			for n := range im.Layers {
				a, err := StartLower(t.Context(), im, Options{}, n)
				if err != nil {
					t.Fatal(err)
				}
				if a.Read() != n || a.Whole() || len(a.Layers) != len(im.Layers) {
					t.Errorf("of %d layers: read %d, got %d", n, a.Read(), len(a.Layers))
				}
				if a.Totals.Stored != stored {
					t.Errorf("of %d layers: got %d bytes stored, want %d", n, a.Totals.Stored, stored)
				}
				stored += whole.Layers[n].Stored
				for id := range NodeID(a.Tree.Len()) {
					if a.Tree.Path(id) != whole.Tree.Path(id) {
						t.Fatalf("of %d layers: node %d is %s, in the whole image %s", n, id, a.Tree.Path(id), whole.Tree.Path(id))
					}
					if n > 0 {
						v, ok := a.Tree.At(id, n-1)
						w, okWhole := whole.Tree.At(id, n-1)
						if ok != okWhole || ok && (v.Layer() != w.Layer() || v.Change() != w.Change()) {
							t.Errorf("of %d layers: %s differs", n, a.Tree.Path(id))
						}
					}
				}
			}
		})
	}
}

// TestWatcher checks that a watcher shows the layers that have arrived without a gap, and ends
// with its context.
func TestWatcher(t *testing.T) {
	im, err := source.Open(t.Context(), "../testdata/sample.tar", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if err := im.Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	shown := make(chan *Analysis)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	base, err := searchBase(t.Context(), im, Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWatcher(im, base, func(a *Analysis) { shown <- a })
	w.first, w.pause = time.Millisecond, time.Millisecond
	w.most = entriesOf(im.Layers[:3])
	ended := make(chan struct{})
	go func() {
		w.run(ctx)
		close(ended)
	}()
	w.read(im.Layers[2])
	w.read(im.Layers[0])
	if a := <-shown; a.Read() != 1 {
		t.Errorf("%d layers shown, want 1", a.Read())
	}
	w.read(im.Layers[1])
	if a := <-shown; a.Read() != 3 {
		t.Errorf("%d layers shown, want 3", a.Read())
	}
	w.read(im.Layers[3]) // makes too many entries
	select {
	case a := <-shown:
		t.Errorf("%d layers shown although they have too many entries", a.Read())
	case <-time.After(50 * time.Millisecond):
	}
	stop()
	<-ended
}

// TestWatch checks that Watch returns what Start returns.
func TestWatch(t *testing.T) {
	for range 3 {
		im, err := source.Open(t.Context(), "../testdata/docker29.tar", source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		a, err := Watch(t.Context(), im, Options{}, func(*Analysis) {})
		if err != nil || !a.Whole() || a.Totals.Stored != 2_178_876 {
			t.Errorf("%+v, %v", a, err)
		}
		_ = im.Close()
	}
}
