package layer

import (
	"errors"
	"slices"
	"sync"
)

// A compressed layer can be unpacked from its beginning only, and from its
// checkpoints, if it has any; so that showing one file of it after the other would
// unpack the same bytes again and again. What an access unpacks on the way to its
// file is therefore kept, in a temporary file of the kind that a stream's content is
// kept in; the next access reads it there, or goes on from where the last one ended.
// From each checkpoint to the next there is a run, the beginning of which is kept:
//
//	layer's tar   |========|.........|=============|=======|......|
//	checkpoints   0        ^ have    1             2       ^ have
//	               kept: ReadAt                             decoder: goes on
//
// Nothing is unpacked that was not asked for but what lies between a checkpoint and
// its file, nothing twice, and nothing is kept of a layer of which no file is opened.
// Keeping is a favour, not a need: where the temporary folder cannot be written to,
// or is full, the layer is unpacked from a checkpoint, or its beginning, for each
// access.

// Bounds on what is kept for the layers of one image.
const (
	// maxKept bounds how far into a layer's tar is kept, in bytes of disk; what
	// lies beyond is unpacked anew each time. A layer may unpack to a thousand
	// times its size, and the disk is not peel's.
	maxKept = 16 << 30

	// maxParked bounds the decoders that wait for another access, each of them
	// with its buffers: 0.2 MiB for gzip; for zstd twice the window, which is
	// 8 MiB as a rule and 128 MiB at most. One that was let go of starts again
	// from the beginning of its run, if that is read beyond what the shelf keeps.
	maxParked = 2
)

// errNotKept says that a layer's content has to be unpacked anew.
var errNotKept = errors.New("not kept")

// A Shelf holds what has been unpacked of the layers of one image. Safe for
// concurrent use; nil keeps nothing.
type Shelf struct {
	mu     sync.Mutex
	layers []*shelved
	parked []*shelved // with a decoder, the one used last at the end
	closed bool
}

// NewShelf returns an empty shelf.
func NewShelf() *Shelf { return &Shelf{} }

// add makes room for what will be kept of a layer.
func (s *Shelf) add(p *packedTar) *shelved {
	k := &shelved{shelf: s, packed: p, end: -1, busy: make(chan struct{}, 1)}
	if s == nil {
		k.over = true
		return k
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k.over = s.closed
	s.layers = append(s.layers, k)
	return k
}

// park notes that k has a decoder, and lets go of another's if there are more
// than maxParked; false once the shelf is closed. The caller has k.busy.
func (s *Shelf) park(k *shelved) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.remove(k)
	s.parked = append(s.parked, k)
	for i := 0; len(s.parked) > maxParked && i < len(s.parked)-1; {
		old := s.parked[i]
		select {
		case old.busy <- struct{}{}:
			old.dropDecoder()
			<-old.busy
			s.parked = slices.Delete(s.parked, i, i+1)
		default:
			i++ // it is being read from right now
		}
	}
	return true
}

func (s *Shelf) unpark(k *shelved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(k)
}

func (s *Shelf) remove(k *shelved) {
	if i := slices.Index(s.parked, k); i >= 0 {
		s.parked = slices.Delete(s.parked, i, i+1)
	}
}

// Close gives back the disk. Who still reads, reads on from the blob.
func (s *Shelf) Close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	s.closed, s.parked = true, nil
	all := s.layers
	s.layers = nil
	s.mu.Unlock()
	var errs []error
	for _, k := range all {
		k.busy <- struct{}{}
		k.dropDecoder()
		errs = append(errs, k.giveUp())
		<-k.busy
	}
	return errors.Join(errs...)
}
