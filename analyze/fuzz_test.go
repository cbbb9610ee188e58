package analyze_test

import (
	"path/filepath"
	"testing"
)

// FuzzTree makes an image of any bytes and holds the one tree against the naive
// overlay.
func FuzzTree(f *testing.F) {
	for seed := range uint64(50) {
		f.Add([]byte(*throw(seed)))
	}
	path := filepath.Join(f.TempDir(), "image.tar")
	f.Fuzz(func(t *testing.T, b []byte) {
		d := dice(b)
		agrees(t, path, d.image())
	})
}
