package layer

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"hash"

	"github.com/opencontainers/go-digest"
)

// A Trail computes a digest, and remembers the states that the computation goes
// through: see Checkpoints. It is for one goroutine.
type Trail struct {
	hash.Hash
	algorithm digest.Algorithm

	granule int64
	at      int64    // bytes that have passed
	states  [][]byte // behind each granule
	broken  bool     // states of this digest cannot be kept
}

// NewTrail returns a Trail that begins.
func NewTrail(algorithm digest.Algorithm) *Trail {
	return &Trail{Hash: algorithm.Hash(), algorithm: algorithm, granule: CheckpointGranule}
}

// Write adds to what the digest is of.
func (t *Trail) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(int64(len(rest)), t.granule-t.at%t.granule)
		_, _ = t.Hash.Write(rest[:n]) // never fails
		rest = rest[n:]
		if t.at += n; t.at%t.granule == 0 && !t.broken {
			t.remember()
		}
	}
	return len(p), nil
}

// remember keeps the current state.
func (t *Trail) remember() {
	state, err := stateOf(t.Hash)
	if err == nil {
		// It is used only if it leads back here.
		var again hash.Hash
		if again, err = resumed(t.algorithm, state, t.at); err == nil {
			var other []byte
			if other, err = stateOf(again); err == nil && !bytes.Equal(state, other) {
				err = errState
			}
		}
	}
	if err != nil {
		t.states, t.broken = nil, true
		return
	}
	if t.states = append(t.states, state); len(t.states) > maxStates {
		t.states = everySecond(t.states)
		if t.granule *= 2; t.granule > maxGranule {
			t.states, t.broken = nil, true
		}
	}
}

// A digest's state, as package crypto writes it, is a name of 4 bytes, the chaining
// value, the input that does not fill a block yet, and how many bytes there were, in
// 8. At a granule's border nothing but the chaining value and the count is not
// known beforehand. Of SHA-256 the chaining value is half as long as a block, of
// SHA-384 and SHA-512 too.
const stateName = 4

func stateSize(h hash.Hash) int { return h.BlockSize() / 2 }

// stateOf returns the chaining value.
func stateOf(h hash.Hash) ([]byte, error) {
	m, ok := h.(encoding.BinaryMarshaler)
	if !ok {
		return nil, errState
	}
	b, err := m.MarshalBinary()
	if err != nil || len(b) != stateName+stateSize(h)+h.BlockSize()+8 {
		return nil, errState
	}
	return bytes.Clone(b[stateName : stateName+stateSize(h)]), nil
}

// resumed returns a digest's computation that goes on from a state, behind so many
// bytes, which are whole blocks.
func resumed(algorithm digest.Algorithm, state []byte, at int64) (hash.Hash, error) {
	h := algorithm.Hash()
	if len(state) != stateSize(h) || at%int64(h.BlockSize()) != 0 {
		return nil, errState
	}
	m, ok := h.(encoding.BinaryMarshaler)
	u, can := h.(encoding.BinaryUnmarshaler)
	if !ok || !can {
		return nil, errState
	}
	b, err := m.MarshalBinary()
	if err != nil || len(b) != stateName+len(state)+h.BlockSize()+8 {
		return nil, errState
	}
	copy(b[stateName:], state)
	binary.BigEndian.PutUint64(b[len(b)-8:], uint64(at))
	return h, u.UnmarshalBinary(b)
}
