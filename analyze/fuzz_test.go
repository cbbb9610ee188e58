package analyze_test

import (
	"path/filepath"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// FuzzTree makes an image from any bytes and compares its tree with the naive overlay.
func FuzzTree(f *testing.F) {
	for seed := range testkit.Size(uint64(50), 10) {
		f.Add([]byte(*testkit.Throw(seed)))
	}
	path := filepath.Join(f.TempDir(), "image.tar")
	f.Fuzz(func(t *testing.T, b []byte) {
		d := testkit.Dice(b)
		agrees(t, path, d.Image())
	})
}
