package layer

import (
	"bytes"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestFrameChecksum checks that the checksum of a zstd frame is verified if nothing else is,
// and with Verify. With a digest it isn't, since the digest proves more. See docs/rules.md.
func TestFrameChecksum(t *testing.T) {
	packed := packedForms(t, bigTar(chunkSize))[Zstd]
	wrong := slices.Clone(packed)
	wrong[len(wrong)-1] ^= 1 // a frame ends with its checksum
	sum := func(b []byte) string { return digest.FromBytes(b).String() }
	for range 2 { // decoders are reused for other streams
		for _, c := range []struct {
			name   string
			blob   []byte
			o      ScanOptions
			passes bool
		}{
			{"no digest", packed, ScanOptions{}, true},
			{"no digest, a wrong checksum", wrong, ScanOptions{}, false},
			{"the digest of a wrong checksum", wrong, ScanOptions{Digest: sum(wrong)}, true},
			{"its digest, with Verify", wrong, ScanOptions{Digest: sum(wrong), Verify: true}, false},
		} {
			s, err := scanPacked(t.Context(), Zstd, bytes.NewReader(c.blob), &c.o)
			if (err == nil) != c.passes {
				t.Errorf("%s: %v", c.name, err)
			}
			if err == nil && s.Digest != sum(c.blob) {
				t.Errorf("%s: got digest %s", c.name, s.Digest)
			}
		}
	}
}
