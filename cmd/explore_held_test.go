package cmd

import (
	"io"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
)

// TestHeldImagesAreClosed checks that an image is closed once the screen no longer needs it,
// that those still open are closed at the end, and that one that arrives later is closed too.
func TestHeldImagesAreClosed(t *testing.T) {
	inFolder(t, "docker-25", story)
	open := func() *analyze.Analysis {
		im, err := source.Open(t.Context(), "app.tar", source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		an, err := analyze.Run(t.Context(), im, analyze.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return an
	}
	closed := func(an *analyze.Analysis) bool {
		l := an.Image.Layers[0]
		for i := range l.Entries.Len() {
			if l.Entries.Type(i) != source.File || l.Entries.Size(i) == 0 {
				continue
			}
			r, err := l.Open(t.Context(), i)
			if err == nil {
				_, err = io.ReadAll(r)
				_ = r.Close()
			}
			return err != nil
		}
		t.Fatal("no file to read")
		return false
	}
	var h held
	first, second, late := open(), open(), open()
	for _, step := range []struct {
		do   func() error
		want [3]bool // which images are closed
	}{
		{func() error { return h.hold(first) }, [3]bool{}},
		{func() error { return h.hold(second) }, [3]bool{}},
		{func() error { h.drop(&analyze.Analysis{Image: first.Image}); return nil }, [3]bool{true}}, // another analysis of the same image
		{func() error { h.drop(first); return nil }, [3]bool{true}},
		{h.end, [3]bool{true, true}},
		{h.end, [3]bool{true, true}},
		{func() error { return h.hold(late) }, [3]bool{true, true, true}},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := [3]bool{closed(first), closed(second), closed(late)}; got != step.want {
			t.Errorf("closed: %v, want %v", got, step.want)
		}
	}
}
