package source_test

import (
	"bytes"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestDocuments checks that an image's manifest and config are returned exactly as stored, in
// every form, and that their digests match the image's.
func TestDocuments(t *testing.T) {
	is := func(text []byte, want string) bool {
		d := digest.Digest(want)
		return d.Validate() == nil && d.Algorithm().FromBytes(text) == d
	}
	spec := testkit.Load(t, "../testdata/base-hidden.image")
	for _, shape := range testkit.Shapes() {
		t.Run(shape.Name, func(t *testing.T) {
			im, err := source.Open(t.Context(), shape.Write(t, spec), source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = im.Close() }()
			texts := map[string][]byte{}
			for _, d := range im.Documents() {
				texts[d.Name] = d.Text
			}
			if !is(texts["config"], im.ID) {
				t.Errorf("got image ID %s, which isn't the digest of the config %q", im.ID, texts["config"])
			}
			switch manifest := texts["manifest"]; {
			case im.Digest != "" && !is(manifest, im.Digest):
				t.Errorf("got %s, which isn't the digest of the manifest %q", im.Digest, manifest)
			case im.Digest == "" && !bytes.Contains(manifest, []byte(`"Config"`)):
				t.Errorf("got manifest %q", manifest)
			}
		})
	}
}
