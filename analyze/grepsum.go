package analyze

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Sum256 is the SHA-256 of a file's content.
type Sum256 [sha256.Size]byte

// String returns the sum as images and registries write it: "sha256:" and 64 digits.
func (s Sum256) String() string { return "sha256:" + hex.EncodeToString(s[:]) }

// ParseSum256 parses a SHA-256 in the formats of common tools: 64 hexadecimal digits, alone or
// after "sha256:"; "sha256-" and Base64, as npm writes it; a line of sha256sum or of its BSD
// equivalent ("SHA256 (FILE) = ...").
func ParseSum256(text string) (Sum256, error) {
	s := strings.TrimSpace(text)
	if _, sum, ok := strings.Cut(s, ") = "); ok && strings.HasPrefix(s, "SHA256 (") {
		s = sum
	}
	if fields := strings.Fields(s); len(fields) > 1 { // followed by the file's name
		s = strings.TrimPrefix(fields[0], `\`)
	}
	var b []byte
	var err error
	if len(s) > 7 && strings.EqualFold(s[:7], "sha256-") && len(s) != 7+2*sha256.Size {
		b, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(s[7:], "="))
	} else {
		if len(s) > 7 && strings.EqualFold(s[:6], "sha256") && (s[6] == ':' || s[6] == '-') {
			s = s[7:]
		}
		b, err = hex.DecodeString(s)
	}
	if err != nil || len(b) != sha256.Size {
		return Sum256{}, fmt.Errorf("%q is not a SHA-256: write 64 hexadecimal digits, or sha256-BASE64", text)
	}
	return Sum256(b), nil
}

// maxSummedHoles is the maximum number of hole bytes that one search sums. Holes cost time but no
// space in an image, so a hostile image can claim any number of them.
const maxSummedHoles = 16 << 30

// boundHoles returns the contents to sum, and adds the others to left.
func (g *grepping) boundHoles(all, left []Content) (some, notSummed []Content) {
	for _, c := range all {
		holes := c.Size() - c.t.layers[c.layer].Entries.Stored(c.Entry())
		if holes > maxSummedHoles-g.holes {
			left = append(left, c)
			continue
		}
		g.holes += max(holes, 0)
		some = append(some, c)
	}
	return some, left
}

// sum checks whether a file's content has one of the sums.
func (w *grepWorker) sum(r io.Reader) error {
	if w.summer == nil {
		w.summer = &summer{ctx: w.ctx, Hash: sha256.New(), buf: make([]byte, 64<<10)}
	}
	w.summer.Reset()
	if _, err := io.CopyBuffer(w.summer, ctxReader(w.ctx, r), w.summer.buf); err != nil {
		return err
	}
	var sum Sum256
	w.summer.Sum(sum[:0])
	if w.g.o.Sums[sum] {
		w.add(Match{Content: w.content, Sum: sum}, 0)
	}
	return w.stopped
}

// summer computes the sum of a file, including sparse files.
type summer struct {
	hash.Hash
	ctx   context.Context
	buf   []byte
	zeros []byte // allocated for the first hole
}

// Hole writes n zero bytes.
func (s *summer) Hole(n int64) error {
	if s.zeros == nil {
		s.zeros = make([]byte, 64<<10)
	}
	for n > 0 {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		k := min(n, int64(len(s.zeros)))
		_, _ = s.Write(s.zeros[:k]) // never fails
		n -= k
	}
	return nil
}
