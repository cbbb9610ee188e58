package layer

import (
	"errors"
	"slices"
	"sync"
)

// A compressed layer can be unpacked only from its beginning and from its checkpoints, if it has
// any. Reading files one after the other would therefore unpack the same bytes again and again.
// So the data unpacked on the way to a file is kept in a temporary file, like a stream's content;
// the next access reads it there, or continues where the last one ended. Each checkpoint starts a
// run that ends at the next checkpoint, and the start of each run is kept:
//
//	layer's tar   |========|.........|=============|=======|......|
//	checkpoints   0        ^ have    1             2       ^ have
//	               kept: ReadAt                             decoder: goes on
//
// Only requested data, and data between a checkpoint and a requested file, is unpacked, never
// twice; and nothing is kept of a layer of which no file is opened. Keeping is optional: if the
// temporary folder is full or not writable, each access unpacks the layer from a checkpoint or
// from its beginning.

// Limits for the layers of one image.
const (
	// maxKept is how far into a layer's tar data is kept, in bytes of disk;
	// data beyond is unpacked anew each time. A layer may unpack to a thousand
	// times its size.
	maxKept = 16 << 30

	// maxParked is the maximum number of decoders that wait for another access.
	// Each has buffers: 0.2 MiB for gzip; for zstd twice the window, usually 8
	// MiB and at most 128 MiB. A dropped decoder restarts at the start of its
	// run if data beyond the kept part is read.
	maxParked = 2
)

// errNotKept says that a layer's content must be unpacked anew.
var errNotKept = errors.New("not kept")

// A Shelf holds unpacked data of an image's layers. Safe for concurrent use; a nil Shelf holds
// nothing.
type Shelf struct {
	mu     sync.Mutex
	layers []*shelved
	parked []*shelved // with a decoder, most recently used last
	closed bool
}

// NewShelf returns an empty shelf.
func NewShelf() *Shelf { return &Shelf{} }

// add registers a layer.
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

// park records that k has a decoder, and drops another one if there are more than maxParked;
// false once the shelf is closed. The caller holds k.busy.
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
			i++ // currently in use
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

// Close frees the disk space. Open readers continue from the blob.
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
