package layer

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"hash"

	"github.com/opencontainers/go-digest"
)

// A Trail computes a digest and stores intermediate hash states: see Checkpoints. It is for one
// goroutine.
type Trail struct {
	hash.Hash
	algorithm digest.Algorithm

	granule int64
	at      int64    // bytes hashed
	states  [][]byte // after each granule
	broken  bool     // this hash has no usable states
}

// NewTrail returns a new Trail.
func NewTrail(algorithm digest.Algorithm) *Trail {
	return &Trail{Hash: algorithm.Hash(), algorithm: algorithm, granule: CheckpointGranule}
}

// Write adds to the digest.
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

// remember stores the current state.
func (t *Trail) remember() {
	state, err := stateOf(t.Hash)
	if err == nil {
		// It is used only if it restores the same hash.
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

// A hash state, as package crypto encodes it, is a name of 4 bytes, the chaining value, the
// input of an incomplete block, and the number of bytes, in 8. At the border of a granule, only
// the chaining value and the count are not known beforehand. The chaining value is half as long
// as a block in SHA-256, SHA-384 and SHA-512.
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

// resumed returns a hash that continues from a state after this many bytes, which are whole
// blocks.
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
