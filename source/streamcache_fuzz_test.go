package source

import (
	"bytes"
	"context"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source/layer"
)

// FuzzCacheMembers decodes any bytes as the list of a stream's members.
func FuzzCacheMembers(f *testing.F) {
	for _, fixture := range testkit.Fixtures(f, "../testdata") {
		switch fixture.Name {
		case "hardlink-all-at-once", "tar-pax-xattr", "unreadable-xz", "several-images":
			for _, shape := range fixture.Shapes() {
				if !shape.Dir {
					st, err := readStream(f.Context(), bytes.NewReader(testkit.TarOf(shape.Members(fixture))), false, layer.ScanOptions{}, nil)
					if err != nil {
						f.Fatal(err)
					}
					if b, ok := (&opener{}).appendMembers(context.Background(), st.members); ok {
						f.Add(b)
					}
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &memberDecoder{layer.NewDecoder(b, nil)}
		m, _ := r.members()
		if r.Failed() {
			return
		}
		o := opener{}
		if im, err := o.image(t.Context(), &stream{members: m, shelf: layer.NewShelf()}, "", anyForm); err == nil {
			for _, l := range im.Layers {
				for i := range l.Entries.Len() {
					_ = l.Entries.At(i)
				}
			}
		}
		_, _ = o.appendMembers(t.Context(), m)
	})
}
