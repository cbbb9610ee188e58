package layer

import (
	"bytes"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestCacheSample changes a blob in a file whose state doesn't show the change. Where the
// sample looks, the change is noticed anyway.
func TestCacheSample(t *testing.T) {
	b := make([]byte, 20<<10)
	p := location{blob: &blob{size: int64(len(b)), r: bytes.NewReader(b)}}
	was, err := p.sample(1)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(b); i += testkit.Stride(1) {
		b[i] = 1
		if now, err := p.sample(1); err != nil || now == was {
			t.Fatalf("a change at byte %d isn't noticed: got error %v", i, err)
		}
		b[i] = 0
	}
	if other, _ := p.sample(2); other == was {
		t.Error("the seed makes no difference")
	}
	for _, size := range []int64{0, 1, sampleEdge, sampleEdge + 1, sampleBlock} {
		p := location{blob: &blob{size: size, r: bytes.NewReader(b)}}
		if _, err := p.sample(3); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
