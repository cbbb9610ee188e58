package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source/engine"
)

// madeUpEngine is an engine with one image, app:1. None of its files are readable.
type madeUpEngine struct {
	engine.Engine // the other methods aren't called
	s             *fakeStore
	closed        int
}

func (e *madeUpEngine) Name() string       { return "madeup" }
func (e *madeUpEngine) Identity() []string { return []string{"madeup"} }
func (e *madeUpEngine) Local() bool        { return true }
func (e *madeUpEngine) Close() error       { e.closed++; return nil }

func (e *madeUpEngine) Image(_ context.Context, ref string, _ *engine.Wanted) (engine.Image, error) {
	if ref != "app:1" && ref != e.s.id {
		return engine.Image{}, ErrNotFound
	}
	return engine.Image{ID: e.s.id, Tags: []string{"app:1"}, DiffIDs: e.s.diffIDs}, nil
}

func (e *madeUpEngine) Save(context.Context, string, engine.Image, *engine.Wanted) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(e.s.archive)), nil
}

func (e *madeUpEngine) List(context.Context) ([]engine.Listed, error) {
	return []engine.Listed{{ID: e.s.id, Tags: []string{"app:1"}, Size: 7}}, nil
}

// TestNewKindOfEngine adds an engine: a client, and an engineKind that says how to reach it.
// Its images open, are listed and report their diffIDs.
func TestNewKindOfEngine(t *testing.T) {
	s, _, _ := newFakeStore(t)
	e := &madeUpEngine{s: s}
	k := &engineKind{name: "madeup", connect: func(context.Context, *slog.Logger) (engine.Engine, error) { return e, nil }}
	log := slog.New(slog.DiscardHandler)

	im, err := k.open(t.Context(), &opener{Options: Options{KeepContent: true, Log: log}, ref: "madeup://app:1"}, "app:1")
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if im.Source != "madeup://app:1" {
		t.Errorf("read from %q", im.Source)
	}
	checkStored(t, im, s)
	_, err = k.open(t.Context(), &opener{Options: Options{Via: ViaStore, Log: log}}, "app:1")
	testkit.WantError(t, err, "madeup://app:1: reading the engine's store: peel cannot read the files of such an engine")
	if _, err = k.open(t.Context(), &opener{Options: Options{Log: log}}, "app:2"); !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v", err)
	}

	images, err := k.list(&lister{Options: Options{Log: log}}, t.Context())
	testkit.WantError(t, err)
	wantImages(t, images, "madeup://app:1 name=app:1")

	ids, err := k.diffIDs(t.Context(), im, "app:1")
	if err != nil || !slices.Equal(ids, s.diffIDs) {
		t.Errorf("%s, error %v", strings.Join(ids, " "), err)
	}
	if e.closed != 5 {
		t.Errorf("closed %d times, but connected 5 times", e.closed)
	}
}
